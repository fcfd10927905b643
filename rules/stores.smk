# All of a model's stores in one file, for people; no rule reads it.


rule assemble_model:
    input:
        original=lambda wildcards: plan.original(wildcards.model),
        effects=expand("<results>/embeddings/{{model}}/{effect}.h5", effect=EFFECTS),
    output:
        "<results>/embeddings/{model}.h5",
    log:
        "<logs>/embeddings/{model}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    params:
        code=hash_code("assemble_model"),
    message:
        "Assembling {wildcards.model}'s store"
    script:
        "../workflow_scripts/assemble_model.py"
