# Audio in, one HDF5 store for each model and effect out. A part is named by its identity: if it exists,
# no change of scripts or environments makes it again (`experiment/plan.py`).


NETWORKS = "|".join(plan.networks)


rule initialise_model:
    output:
        internals.named_by_identity("<resources>/weights/{model}_seed{seed}.{identity}{ending}"),
    log:
        "<logs>/weights/{model}_seed{seed}.{identity}{ending}.log",
    benchmark:
        "<benchmarks>/weights/{model}_seed{seed}.{identity}{ending}.tsv"
    wildcard_constraints:
        seed=r"\d+",
        ending=r"\.[a-z0-9]+",
    conda:
        lambda wildcards: conda_file(plan.choice(wildcards.model).weights_environment)
    resources:
        mem_mb=5000,
    params:
        model="{model}",
        options=lambda wildcards: plan.choice(wildcards.model).entry,
    message:
        "Initialising {wildcards.model} with seed {wildcards.seed}"
    script:
        "../workflow_scripts/initialise_model.py"


rule embed_original:
    input:
        unpack(inputs_of_part),
    output:
        internals.named_by_identity("<results>/embeddings/{model}/original/{part}.h5"),
    log:
        "<logs>/embeddings/{model}/original/{part}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/original/{part}.tsv"
    wildcard_constraints:
        part=PART,
        model=NETWORKS,
    priority: 20
    conda:
        lambda wildcards: conda_file(plan.choice(wildcards.model).environment)
    threads: lambda wildcards: plan.n_threads(wildcards.model)
    resources:
        mem_mb=4000,
        gpu=lambda wildcards: plan.n_gpus(wildcards.model),
        # Not parameters, since changing them embeds nothing again.
        device=settings.device,
        batch_size=lambda wildcards: plan.choice(wildcards.model).options["batch_size"],
    params:
        model="{model}",
        options=lambda wildcards: plan.choice(wildcards.model).entry,
        protocol=lambda wildcards: plan.model_protocol(wildcards.model, None),
        # The lock file, which has hashes that are not published, is not an input: pinning another
        # model's weights must embed nothing again.
        published=lambda wildcards: plan.planned_weights(wildcards.model),
        identity=lambda wildcards: plan.check_part(wildcards.model, None, wildcards.part),
    message:
        "Embedding the original clips with {wildcards.model}"
    script:
        "../workflow_scripts/embed_original.py"


rule embed_clips:
    input:
        unpack(inputs_of_part),
    output:
        internals.named_by_identity("<results>/embeddings/{model}/{effect}/{part}.h5"),
    log:
        "<logs>/embeddings/{model}/{effect}/{part}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/{effect}/{part}.tsv"
    wildcard_constraints:
        part=PART,
        model=NETWORKS,
    priority: 20
    conda:
        lambda wildcards: conda_file(plan.choice(wildcards.model).environment)
    threads: lambda wildcards: plan.n_threads(wildcards.model)
    resources:
        mem_mb=4000,
        audio_slots=1,
        gpu=lambda wildcards: plan.n_gpus(wildcards.model),
        device=settings.device,
        batch_size=lambda wildcards: plan.choice(wildcards.model).options["batch_size"],
    params:
        model="{model}",
        options=lambda wildcards: plan.choice(wildcards.model).entry,
        effect="{effect}",
        unit=lambda wildcards: settings.declared[wildcards.effect].unit,
        levels=lambda wildcards: levels.part_levels(wildcards.part),
        protocol=lambda wildcards: plan.model_protocol(wildcards.model, wildcards.effect),
        published=lambda wildcards: plan.planned_weights(wildcards.model),
        identity=lambda wildcards: plan.check_part(
            wildcards.model, wildcards.effect, wildcards.part
        ),
    message:
        "Embedding {wildcards.effect} at {wildcards.part} with {wildcards.model}"
    script:
        "../workflow_scripts/embed_clips.py"


rule assemble_effect:
    input:
        parts=lambda wildcards: plan.parts(wildcards.model, wildcards.effect),
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
        code=hash_code("assemble_effect"),
        levels=lambda wildcards: plan.levels(wildcards.effect),
        attributes=lambda wildcards: plan.store_attributes(wildcards.model, wildcards.effect),
        # Of a layer.
        columns=lambda wildcards: plan.columns(wildcards.model),
    message:
        "Assembling {wildcards.model}'s embeddings of {wildcards.effect}"
    script:
        "../workflow_scripts/assemble_effect.py"


# A layer is a model of its own from here on; its network embedded it with the others in one pass.
rule take_layer:
    input:
        store=lambda wildcards: plan.network_original(wildcards.model),
    output:
        "<results>/embeddings/{model}/original/{part}.h5",
    log:
        "<logs>/embeddings/{model}/original/{part}.log",
    benchmark:
        "<benchmarks>/embeddings/{model}/original/{part}.tsv"
    wildcard_constraints:
        part=PART,
        model="|".join(map(re.escape, plan.layers())) or "-",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("take_layer"),
        columns=lambda wildcards: plan.columns(wildcards.model),
    message:
        "Taking {wildcards.model} out of what its network embedded"
    script:
        "../workflow_scripts/take_layer.py"
