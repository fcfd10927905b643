# The tables: what every model and effect found, put together by the config's keys alone.


rule tabulate_sensitivity:
    input:
        displacement=parts_of_table("displacement"),
        displacement_order=parts_of_table("displacement_order"),
        global_r2=parts_of_table("global_r2"),
        samplewise_r2=parts_of_table("samplewise_r2"),
        spectra=parts_of_table("spectra"),
        dimensionality=parts_of_table("dimensionality"),
        principal_angles=parts_of_table("principal_angles"),
        stores=expand("<results>/embeddings/{model}/{effect}.h5", model=MODEL_NAMES, effect=EFFECTS),
        library=library("tabulate_sensitivity"),
    output:
        displacement="<results>/tables/displacement.csv",
        displacement_order=downloadable("displacement_order", "1. Impact (section II)"),
        global_r2=downloadable("global_r2", "2. Correlation (section III)"),
        table1=downloadable("table1", "2. Correlation (section III)"),
        samplewise_r2="<results>/tables/samplewise_r2.csv",
        spectra="<results>/tables/spectra.csv",
        dimensionality=downloadable("dimensionality", "3. Dimensionality (section III)"),
        principal_angles="<results>/tables/principal_angles.csv",
        provenance="<results>/tables/provenance.json",
    log:
        "<logs>/tables/sensitivity.log",
    benchmark:
        "<benchmarks>/tables/sensitivity.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    message:
        "Writing the tables of sections II and III"
    script:
        "../workflow_scripts/tabulate_sensitivity.py"


rule tabulate_debiasing:
    input:
        auc=parts_of_table("auc"),
        auc_gain=parts_of_table("auc_gain"),
        n_directions=parts_of_table("n_directions"),
        library=library("tabulate_debiasing"),
    output:
        auc="<results>/tables/auc.csv",
        auc_gain="<results>/tables/auc_gain.csv",
        verdicts=downloadable("verdicts", "4. Debiasing (section IV)"),
        n_directions="<results>/tables/n_directions.csv",
    log:
        "<logs>/tables/debiasing.log",
    benchmark:
        "<benchmarks>/tables/debiasing.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    message:
        "Writing the tables of section IV"
    script:
        "../workflow_scripts/tabulate_debiasing.py"
