# Sections II and III: how far an effect moves embeddings, its directions, the correlation along them,
# and how many directions there are.


# Everything but the classifiers, in one job: reading the stores and importing cost more than most of it.
rule measure:
    input:
        store="<results>/embeddings/{model}/{effect}.h5",
        original=lambda wildcards: plan.original(wildcards.model),
        clips="<results>/clips.csv",
        library=library("measure"),
    output:
        directions="<results>/directions/{model}/{effect}.h5",
        displacement="<results>/analysis/{model}/{effect}/displacement.csv",
        displacement_order="<results>/analysis/{model}/{effect}/displacement_order.csv",
        global_r2="<results>/analysis/{model}/{effect}/global_r2.csv",
        samplewise_r2="<results>/analysis/{model}/{effect}/samplewise_r2.csv",
        spectra="<results>/analysis/{model}/{effect}/spectra.csv",
        dimensionality="<results>/analysis/{model}/{effect}/dimensionality.csv",
        principal_angles="<results>/analysis/{model}/{effect}/principal_angles.csv",
        projections="<results>/analysis/{model}/{effect}/projections.csv",
    log:
        "<logs>/analysis/{model}/{effect}/measure.log",
    benchmark:
        "<benchmarks>/analysis/{model}/{effect}/measure.tsv"
    # The classifiers, which take longest, wait for the directions.
    priority: 5
    conda:
        "../envs/analysis.yaml"
    threads: LABEL_PROCESSES
    resources:
        mem_mb=lambda wildcards, threads: 500 + 1500 * threads,
    params:
        model="{model}",
        effect="{effect}",
        labels=LABELS,
        neutral=lambda wildcards: settings.declared[wildcards.effect].neutral,
    message:
        "Measuring how {wildcards.effect} moves {wildcards.model}"
    script:
        "../workflow_scripts/measure.py"
