# The figures: one rule and one job a kind, for a job takes 2 s to start. Each model and effect has its
# panel figure and, for the labels in `figures.labels`, single-label figures in the paper's layout.
rule fit_trajectories:
    input:
        stores=[f"<results>/embeddings/{model}/{{effect}}.h5" for model in MODEL_NAMES],
        originals=lambda wildcards: [plan.original(model) for model in MODEL_NAMES],
        clips="<results>/clips.csv",
        library=library("fit_trajectories"),
    output:
        per_model("trajectories.csv"),
    log:
        "<logs>/analysis/trajectories_{effect}.log",
    benchmark:
        "<benchmarks>/analysis/trajectories_{effect}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=4000,
    params:
        models=MODEL_NAMES,
        effect="{effect}",
        labels=LABELS,
        clips=settings.figures.umap.clips,
        n_neighbors=settings.figures.umap.n_neighbors,
        seed=settings.figures.umap.seed,
    message:
        "Projecting trajectories under {wildcards.effect} with UMAP"
    script:
        "../workflow_scripts/fit_trajectories.py"


rule draw_trajectories:
    input:
        trajectories=parts_of_table("trajectories"),
        library=library("draw_trajectories"),
    output:
        png=drawn("trajectories", "1. Impact (section II)"),
        pdf=printed("trajectories"),
    log:
        "<logs>/figures/trajectories.log",
    benchmark:
        "<benchmarks>/figures/trajectories.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effects=EFFECT_WORDS,
        style=style_of("trajectories"),
    message:
        "Drawing trajectories (Fig. 1)"
    script:
        "../workflow_scripts/draw_trajectories.py"


rule draw_correlation:
    input:
        projections=parts_of_table("projections"),
        global_r2=parts_of_table("global_r2"),
        library=library("draw_correlation"),
    output:
        png=drawn("correlation", "2. Correlation (section III)"),
        pdf=printed("correlation"),
    log:
        "<logs>/figures/correlation.log",
    benchmark:
        "<benchmarks>/figures/correlation.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effects=EFFECT_WORDS,
        style=style_of("correlation"),
    message:
        "Drawing correlation with the level (Fig. 2)"
    script:
        "../workflow_scripts/draw_correlation.py"


rule draw_spectra:
    input:
        spectra=parts_of_table("spectra"),
        library=library("draw_spectra"),
    output:
        png=drawn("spectra", "3. Dimensionality (section III)"),
        pdf=printed("spectra"),
    log:
        "<logs>/figures/spectra.log",
    benchmark:
        "<benchmarks>/figures/spectra.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effects=EFFECT_WORDS,
        style=style_of("spectra"),
    message:
        "Drawing spectra (Fig. 3)"
    script:
        "../workflow_scripts/draw_spectra.py"


rule draw_samplewise:
    input:
        samplewise_r2=parts_of_table("samplewise_r2"),
        library=library("draw_samplewise"),
    output:
        png=drawn("samplewise", "3. Dimensionality (section III)"),
        pdf=printed("samplewise"),
    log:
        "<logs>/figures/samplewise.log",
    benchmark:
        "<benchmarks>/figures/samplewise.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effects=EFFECT_WORDS,
        style=style_of("samplewise"),
    message:
        "Drawing sample-wise R2"
    script:
        "../workflow_scripts/draw_samplewise.py"


rule draw_dimensionality:
    input:
        dimensionality=parts_of_table("dimensionality"),
        library=library("draw_dimensionality"),
    output:
        png=drawn_of_effects("dimensionality", "3. Dimensionality (section III)"),
        pdf=printed_of_effects("dimensionality"),
    log:
        "<logs>/figures/dimensionality.log",
    benchmark:
        "<benchmarks>/figures/dimensionality.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        effects=EFFECT_WORDS,
        style=style_of("dimensionality"),
    message:
        "Drawing dimensionality"
    script:
        "../workflow_scripts/draw_dimensionality.py"


rule draw_principal_angles:
    input:
        principal_angles=parts_of_table("principal_angles"),
        library=library("draw_principal_angles"),
    output:
        png=drawn_of_effects("principal_angles", "3. Dimensionality (section III)"),
        pdf=printed_of_effects("principal_angles"),
    log:
        "<logs>/figures/principal_angles.log",
    benchmark:
        "<benchmarks>/figures/principal_angles.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        effects=EFFECT_WORDS,
        style=style_of("principal_angles"),
    message:
        "Drawing angles between labels' directions"
    script:
        "../workflow_scripts/draw_principal_angles.py"


rule draw_auc:
    input:
        auc=parts_of_table("auc"),
        library=library("draw_auc"),
    output:
        png=drawn("auc", "4. Debiasing (section IV)"),
        pdf=printed("auc"),
    log:
        "<logs>/figures/auc.log",
    benchmark:
        "<benchmarks>/figures/auc.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effects=EFFECT_WORDS,
        style=style_of("auc"),
    message:
        "Drawing ROC-AUC (Fig. 4)"
    script:
        "../workflow_scripts/draw_auc.py"


rule draw_table1:
    input:
        table1="<results>/tables/table1.csv",
        global_r2="<results>/tables/global_r2.csv",
        library=library("draw_table1"),
    output:
        png=reported(
            "<results>/figures/table1.png",
            caption="../report/table1.rst",
            category="2. Correlation (section III)",
            labels={"model": "all", "effect": "all", "kind": "table1", "label": "all"},
        ),
        pdf="<results>/figures/table1.pdf",
    log:
        "<logs>/figures/table1.log",
    benchmark:
        "<benchmarks>/figures/table1.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        effects=EFFECTS,
        style=style_of("table1"),
    message:
        "Drawing Table I"
    script:
        "../workflow_scripts/draw_table1.py"


rule draw_displacement:
    input:
        displacement=parts_of_table("displacement"),
        displacement_order=parts_of_table("displacement_order"),
        library=library("draw_displacement"),
    output:
        png=drawn_of_effects("displacement", "1. Impact (section II)"),
        pdf=printed_of_effects("displacement"),
    log:
        "<logs>/figures/displacement.log",
    benchmark:
        "<benchmarks>/figures/displacement.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        effects=EFFECT_WORDS,
        style=style_of("displacement"),
    message:
        "Drawing how far embeddings move"
    script:
        "../workflow_scripts/draw_displacement.py"


rule draw_auc_gain:
    input:
        auc_gain=parts_of_table("auc_gain"),
        library=library("draw_auc_gain"),
    output:
        png=drawn("auc_gain", "4. Debiasing (section IV)"),
        pdf=printed("auc_gain"),
    log:
        "<logs>/figures/auc_gain.log",
    benchmark:
        "<benchmarks>/figures/auc_gain.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effects=EFFECT_WORDS,
        style=style_of("auc_gain"),
    message:
        "Drawing what debiasing gains"
    script:
        "../workflow_scripts/draw_auc_gain.py"


rule draw_verdicts:
    input:
        verdicts="<results>/tables/verdicts.csv",
        library=library("draw_verdicts"),
    output:
        png=drawn_of_effects("verdicts", "4. Debiasing (section IV)"),
        pdf=printed_of_effects("verdicts"),
    log:
        "<logs>/figures/verdicts.log",
    benchmark:
        "<benchmarks>/figures/verdicts.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        effects=EFFECT_WORDS,
        style=style_of("verdicts"),
    message:
        "Drawing whether debiasing helps"
    script:
        "../workflow_scripts/draw_verdicts.py"
