# Audio in, one HDF5 store for each model and effect out.


rule initialise_model:
    input:
        # Ancient, since what they say is in the output's name.
        library=lambda wildcards: ancient(embedding_library("initialise_model", wildcards.model)),
    output:
        "<resources>/weights/{model}_seed{seed}.{identity}{ending}",
    log:
        "<logs>/weights/{model}_seed{seed}.{identity}{ending}.log",
    benchmark:
        "<benchmarks>/weights/{model}_seed{seed}.{identity}{ending}.tsv"
    wildcard_constraints:
        seed=r"\d+",
        ending=r"\.[a-z0-9]+",
    conda:
        initial_environment_of
    resources:
        mem_mb=5000,
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
        library=lambda wildcards: embedding_library("embed_original", wildcards.model),
    output:
        "<results>/embeddings/{model}/original.h5",
    log:
        "<logs>/embeddings/{model}/original.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/original.tsv"
    priority: 20
    conda:
        environment_of
    threads: threads_of
    resources:
        mem_mb=4000,
        gpu=gpus_of,
        # How it is computed, which is no parameter: changing it embeds nothing again.
        device=settings.device,
        batch_size=batch_size_of,
    params:
        model="{model}",
        options=options_of,
        protocol=lambda wildcards: model_protocol(wildcards.model, None),
        # Of what isn't published the lock file has the hash. That is no input: pinning another
        # model's weights must embed nothing again.
        published=lambda wildcards: sources.published_weights(wildcards.model),
        identity=lambda wildcards: identity_of(wildcards.model),
    message:
        "Embedding the original clips with {wildcards.model}"
    script:
        "../workflow_scripts/embed_original.py"


rule embed_clips:
    input:
        audio="<results>/audio/{effect}/{batch}.h5",
        clips="<results>/clips.csv",
        weights=weights_of,
        library=library_of_part,
    output:
        "<results>/embeddings/{model}/{effect}/{batch}.{identity}.h5",
    log:
        "<logs>/embeddings/{model}/{effect}/{batch}.{identity}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/{effect}/{batch}.{identity}.tsv"
    priority: 20
    conda:
        environment_of
    threads: threads_of
    resources:
        mem_mb=4000,
        audio_slots=1,
        gpu=gpus_of,
        device=settings.device,
        batch_size=batch_size_of,
    params:
        model="{model}",
        options=options_of,
        effect="{effect}",
        unit=lambda wildcards: effect_named(wildcards.effect).unit,
        levels=lambda wildcards: levels.batch_levels(wildcards.batch),
        protocol=lambda wildcards: model_protocol(wildcards.model, wildcards.effect),
        published=lambda wildcards: sources.published_weights(wildcards.model),
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
    localrule: True
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
