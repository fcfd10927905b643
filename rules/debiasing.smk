# Section IV: does projecting directions out make a classifier more robust?


rule classify:
    input:
        store="<results>/embeddings/{model}/{effect}.h5",
        original=lambda wildcards: plan.original(wildcards.model),
        directions="<results>/directions/{model}/{effect}.h5",
        clips="<results>/clips.csv",
        library=library("classify"),
    output:
        auc="<results>/analysis/{model}/{effect}/auc.csv",
        auc_gain="<results>/analysis/{model}/{effect}/auc_gain.csv",
        n_directions="<results>/analysis/{model}/{effect}/n_directions.csv",
    log:
        "<logs>/analysis/{model}/{effect}/classify.log",
    benchmark:
        "<benchmarks>/analysis/{model}/{effect}/classify.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: LABEL_PROCESSES
    resources:
        mem_mb=lambda wildcards, threads: 500 + 1000 * threads,
    params:
        model="{model}",
        effect="{effect}",
        labels=LABELS,
        neutral=lambda wildcards: settings.declared[wildcards.effect].neutral,
        methods=settings.debiasing.methods,
        thresholds=settings.debiasing.svd_thresholds,
        solver=settings.debiasing.classifier.solver,
    message:
        "Classifying with {wildcards.model} under {wildcards.effect}"
    script:
        "../workflow_scripts/classify.py"
