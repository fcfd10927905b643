# Embeddings made elsewhere in; clips.csv and one HDF5 store for each model and effect out.
IS_ARRAY = settings.embeddings.file is not None


rule index_embeddings:
    input:
        split=given(settings.embeddings.split),
    output:
        clips="<results>/clips.csv",
        report="<results>/clips_report.csv",
        recordings=add_download("recordings", "Clips"),
    log:
        "<logs>/index_embeddings.log",
    benchmark:
        "<benchmarks>/index_embeddings.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=500,
    params:
        code=hash_code("index_embeddings"),
        labels=LABELS,
    message:
        "Indexing the clips of the split"
    script:
        "../workflow_scripts/index_embeddings.py"


rule import_original:
    input:
        originals=lambda wildcards: given(plan.imported_originals(wildcards.model)),
        clips="<results>/clips.csv",
    output:
        "<results>/embeddings/{model}/original.h5",
    log:
        "<logs>/embeddings/{model}/original.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/original.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("import_original"),
        is_array=IS_ARRAY,
    message:
        "Importing {wildcards.model}'s embeddings of the original clips"
    script:
        "../workflow_scripts/import_original.py"


rule import_effect:
    input:
        files=lambda wildcards: given(plan.imported_levels(wildcards.model, wildcards.effect)),
        originals=lambda wildcards: given(plan.imported_originals(wildcards.model)),
        clips="<results>/clips.csv",
    output:
        "<results>/embeddings/{model}/{effect}.h5",
    log:
        "<logs>/embeddings/{model}/{effect}/import.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/{effect}/import.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=4000,
    params:
        code=hash_code("import_effect"),
        is_array=IS_ARRAY,
        levels=lambda wildcards: plan.levels(wildcards.effect),
        unit=lambda wildcards: settings.declared[wildcards.effect].unit,
    message:
        "Importing {wildcards.model}'s embeddings of {wildcards.effect}"
    script:
        "../workflow_scripts/import_effect.py"
