# Audio in, one HDF5 store for each model and effect out.


def environment_of(wildcards) -> str:
    return f"../envs/{models.environment(wildcards.model)}.yaml"


def parts_of_effect(wildcards) -> list[str]:
    return [
        f"{RESULTS}/embeddings/{wildcards.model}/{wildcards.effect}/{batch}.h5"
        for batch in batches_of(wildcards.model, wildcards.effect)
    ]


def options_of(wildcards) -> dict:
    return model_options(settings, wildcards.model)


rule embed_original:
    input:
        clips="<results>/clips.csv",
        library=lambda wildcards: library("embed_original", models.module(wildcards.model)),
    output:
        "<results>/embeddings/{model}/original.h5",
    params:
        model="{model}",
        options=options_of,
    log:
        "<logs>/embeddings/{model}/original.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/original.tsv"
    conda:
        environment_of
    priority: 20
    resources:
        mem_mb=3000,
    message:
        "Embedding the original clips with {wildcards.model}"
    script:
        "../workflow_scripts/embed_original.py"


rule embed_clips:
    input:
        audio="<results>/audio/{effect}/{batch}.h5",
        clips="<results>/clips.csv",
        library=lambda wildcards: library("embed_clips", models.module(wildcards.model)),
    output:
        "<results>/embeddings/{model}/{effect}/{batch}.h5",
    params:
        model="{model}",
        options=options_of,
        effect="{effect}",
        unit=lambda wildcards: effect_named(wildcards.effect).unit,
        levels=lambda wildcards: levels.batch_levels(wildcards.batch),
        protocol=lambda wildcards: audio_protocol(wildcards.effect),
    log:
        "<logs>/embeddings/{model}/{effect}/{batch}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/{effect}/{batch}.tsv"
    conda:
        environment_of
    priority: 20
    resources:
        mem_mb=3000,
        audio_slots=1,
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
    params:
        levels=lambda wildcards: levels_of(wildcards.effect),
    log:
        "<logs>/embeddings/{model}/{effect}/assemble.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
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
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    message:
        "Assembling {wildcards.model}'s store"
    script:
        "../workflow_scripts/assemble_model.py"
