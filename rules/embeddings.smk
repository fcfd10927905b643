# Audio in, one HDF5 store for each model and effect out.


rule initialise_model:
    input:
        library=lambda wildcards: library("initialise_model", models.module(wildcards.model)),
    output:
        "<resources>/weights/{model}_seed{seed}.npz",
    log:
        "<logs>/weights/{model}_seed{seed}.log",
    benchmark:
        "<benchmarks>/weights/{model}_seed{seed}.tsv"
    wildcard_constraints:
        seed=r"\d+",
    conda:
        environment_of
    resources:
        mem_mb=2000,
    params:
        model="{model}",
        options=lambda wildcards: {"seed": int(wildcards.seed)},
    message:
        "Initialising {wildcards.model} with seed {wildcards.seed}"
    script:
        "../workflow_scripts/initialise_model.py"


rule embed_original:
    input:
        clips="<results>/clips.csv",
        weights=weights_of,
        library=lambda wildcards: library("embed_original", models.module(wildcards.model)),
    output:
        "<results>/embeddings/{model}/original.h5",
    log:
        "<logs>/embeddings/{model}/original.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/original.tsv"
    priority: 20
    conda:
        environment_of
    resources:
        mem_mb=3000,
    params:
        model="{model}",
        options=options_of,
    message:
        "Embedding the original clips with {wildcards.model}"
    script:
        "../workflow_scripts/embed_original.py"


rule embed_clips:
    input:
        audio="<results>/audio/{effect}/{batch}.h5",
        clips="<results>/clips.csv",
        weights=weights_of,
        library=lambda wildcards: library("embed_clips", models.module(wildcards.model)),
    output:
        "<results>/embeddings/{model}/{effect}/{batch}.h5",
    log:
        "<logs>/embeddings/{model}/{effect}/{batch}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/{effect}/{batch}.tsv"
    priority: 20
    conda:
        environment_of
    resources:
        mem_mb=3000,
        audio_slots=1,
    params:
        model="{model}",
        options=options_of,
        effect="{effect}",
        unit=lambda wildcards: effect_named(wildcards.effect).unit,
        levels=lambda wildcards: levels.batch_levels(wildcards.batch),
        protocol=lambda wildcards: audio_protocol(wildcards.effect),
    message:
        "Embedding {wildcards.effect} at {wildcards.batch} with {wildcards.model}"
    script:
        "../workflow_scripts/embed_clips.py"


rule assemble_effect:
    input:
        parts=parts_of_effect,
        library=library("assemble_effect"),
    output:
        "<results>/embeddings/{model}/{effect}.h5",
    log:
        "<logs>/embeddings/{model}/{effect}/assemble.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/{effect}/assemble.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        levels=lambda wildcards: levels_of(wildcards.effect),
        attributes=store_attributes,
    message:
        "Assembling {wildcards.model}'s embeddings of {wildcards.effect}"
    script:
        "../workflow_scripts/assemble_effect.py"


rule assemble_model:
    input:
        original="<results>/embeddings/{model}/original.h5",
        effects=expand("<results>/embeddings/{{model}}/{effect}.h5", effect=EFFECTS),
        library=library("assemble_model"),
    output:
        "<results>/embeddings/{model}.h5",
    log:
        "<logs>/embeddings/{model}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    message:
        "Assembling {wildcards.model}'s store"
    script:
        "../workflow_scripts/assemble_model.py"
