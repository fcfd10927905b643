# Section III: directions, the correlation along them, and the spectrum of the sample-wise ones.


rule fit_directions:
    input:
        store="<results>/embeddings/{model}/{effect}.h5",
        original="<results>/embeddings/{model}/original.h5",
        clips="<results>/clips.csv",
        library=library("fit_directions"),
    output:
        "<results>/directions/{model}/{effect}.h5",
    log:
        "<logs>/directions/{model}/{effect}.log",
    benchmark:
        "<benchmarks>/directions/{model}/{effect}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: LABEL_PROCESSES
    resources:
        mem_mb=lambda wildcards, threads: 500 + 1500 * threads,
    params:
        labels=LABELS,
        neutral=lambda wildcards: effect_words(wildcards.effect)["neutral"],
    message:
        "Fitting directions of {wildcards.effect} in {wildcards.model}"
    script:
        "../workflow_scripts/fit_directions.py"


rule correlate:
    input:
        store="<results>/embeddings/{model}/{effect}.h5",
        original="<results>/embeddings/{model}/original.h5",
        directions="<results>/directions/{model}/{effect}.h5",
        clips="<results>/clips.csv",
        library=library("correlate"),
    output:
        global_r2="<results>/analysis/{model}/{effect}/global_r2.csv",
        samplewise_r2="<results>/analysis/{model}/{effect}/samplewise_r2.csv",
        spectra="<results>/analysis/{model}/{effect}/spectra.csv",
        dimensionality="<results>/analysis/{model}/{effect}/dimensionality.csv",
        principal_angles="<results>/analysis/{model}/{effect}/principal_angles.csv",
        projections="<results>/analysis/{model}/{effect}/projections.csv",
    log:
        "<logs>/analysis/{model}/{effect}/correlate.log",
    benchmark:
        "<benchmarks>/analysis/{model}/{effect}/correlate.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: LABEL_PROCESSES
    resources:
        mem_mb=lambda wildcards, threads: 500 + 1500 * threads,
    params:
        model="{model}",
        effect="{effect}",
        labels=LABELS,
        neutral=lambda wildcards: effect_words(wildcards.effect)["neutral"],
    message:
        "Correlating {wildcards.model} with {wildcards.effect}"
    script:
        "../workflow_scripts/correlate.py"
