# How far an effect moves embeddings: measures of the same embeddings that fit no direction.


rule measure_displacement:
    input:
        store="<results>/embeddings/{model}/{effect}.h5",
        original="<results>/embeddings/{model}/original.h5",
        clips="<results>/clips.csv",
        library=library("measure_displacement"),
    output:
        displacement="<results>/analysis/{model}/{effect}/displacement.csv",
        displacement_order="<results>/analysis/{model}/{effect}/displacement_order.csv",
    log:
        "<logs>/analysis/{model}/{effect}/measure_displacement.log",
    benchmark:
        "<benchmarks>/analysis/{model}/{effect}/measure_displacement.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        labels=LABELS,
    message:
        "Measuring how far {wildcards.effect} moves {wildcards.model}"
    script:
        "../workflow_scripts/measure_displacement.py"


rule tabulate_displacement:
    input:
        displacement=parts_of_table("displacement"),
        displacement_order=parts_of_table("displacement_order"),
        library=library("tabulate_displacement"),
    output:
        displacement="<results>/tables/displacement.csv",
        displacement_order=downloadable("displacement_order", "1. Impact (section II)"),
    log:
        "<logs>/tables/displacement.log",
    benchmark:
        "<benchmarks>/tables/displacement.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    message:
        "Writing the tables of displacements"
    script:
        "../workflow_scripts/tabulate_displacement.py"
