# The figures: one rule a kind, one job an effect; each model has its panel figure and, for the
# labels in `figures.labels`, single-label figures in the paper's layout.
rule fit_trajectories:
    input:
        stores=[f"<results>/embeddings/{model}/{{effect}}.h5" for model in MODEL_NAMES],
        originals=[f"<results>/embeddings/{model}/original.h5" for model in MODEL_NAMES],
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
        trajectories=per_model("trajectories.csv"),
        library=library("draw_trajectories"),
    output:
        png=drawn("trajectories", "1. Impact (section II)"),
        pdf=printed("trajectories"),
    log:
        "<logs>/figures/trajectories_{effect}.log",
    benchmark:
        "<benchmarks>/figures/trajectories_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("trajectories"),
    message:
        "Drawing trajectories under {wildcards.effect} (Fig. 1)"
    script:
        "../workflow_scripts/draw_trajectories.py"


rule draw_correlation:
    input:
        projections=per_model("projections.csv"),
        global_r2=per_model("global_r2.csv"),
        library=library("draw_correlation"),
    output:
        png=drawn("correlation", "2. Correlation (section III)"),
        pdf=printed("correlation"),
    log:
        "<logs>/figures/correlation_{effect}.log",
    benchmark:
        "<benchmarks>/figures/correlation_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("correlation"),
    message:
        "Drawing correlation with {wildcards.effect} (Fig. 2)"
    script:
        "../workflow_scripts/draw_correlation.py"


rule draw_spectra:
    input:
        spectra=per_model("spectra.csv"),
        library=library("draw_spectra"),
    output:
        png=drawn("spectra", "3. Dimensionality (section III)"),
        pdf=printed("spectra"),
    log:
        "<logs>/figures/spectra_{effect}.log",
    benchmark:
        "<benchmarks>/figures/spectra_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("spectra"),
    message:
        "Drawing spectra under {wildcards.effect} (Fig. 3)"
    script:
        "../workflow_scripts/draw_spectra.py"


rule draw_samplewise:
    input:
        samplewise_r2=per_model("samplewise_r2.csv"),
        library=library("draw_samplewise"),
    output:
        png=drawn("samplewise", "3. Dimensionality (section III)"),
        pdf=printed("samplewise"),
    log:
        "<logs>/figures/samplewise_{effect}.log",
    benchmark:
        "<benchmarks>/figures/samplewise_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("samplewise"),
    message:
        "Drawing sample-wise R2 under {wildcards.effect}"
    script:
        "../workflow_scripts/draw_samplewise.py"


rule draw_dimensionality:
    input:
        dimensionality=per_model("dimensionality.csv"),
        library=library("draw_dimensionality"),
    output:
        png=drawn_of_effect("dimensionality", "3. Dimensionality (section III)"),
        pdf="<results>/figures/dimensionality_{effect}.pdf",
    log:
        "<logs>/figures/dimensionality_{effect}.log",
    benchmark:
        "<benchmarks>/figures/dimensionality_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        effect="{effect}",
        style=style_of("dimensionality"),
    message:
        "Drawing dimensionality under {wildcards.effect}"
    script:
        "../workflow_scripts/draw_dimensionality.py"


rule draw_principal_angles:
    input:
        principal_angles=per_model("principal_angles.csv"),
        library=library("draw_principal_angles"),
    output:
        png=drawn_of_effect("principal_angles", "3. Dimensionality (section III)"),
        pdf="<results>/figures/principal_angles_{effect}.pdf",
    log:
        "<logs>/figures/principal_angles_{effect}.log",
    benchmark:
        "<benchmarks>/figures/principal_angles_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        effect="{effect}",
        style=style_of("principal_angles"),
    message:
        "Drawing angles between labels' directions under {wildcards.effect}"
    script:
        "../workflow_scripts/draw_principal_angles.py"


rule draw_auc:
    input:
        auc=per_model("auc.csv"),
        library=library("draw_auc"),
    output:
        png=drawn("auc", "4. Debiasing (section IV)"),
        pdf=printed("auc"),
    log:
        "<logs>/figures/auc_{effect}.log",
    benchmark:
        "<benchmarks>/figures/auc_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("auc"),
    message:
        "Drawing ROC-AUC against {wildcards.effect} (Fig. 4)"
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
        displacement=per_model("displacement.csv"),
        displacement_order=per_model("displacement_order.csv"),
        library=library("draw_displacement"),
    output:
        png=drawn_of_effect("displacement", "1. Impact (section II)"),
        pdf="<results>/figures/displacement_{effect}.pdf",
    log:
        "<logs>/figures/displacement_{effect}.log",
    benchmark:
        "<benchmarks>/figures/displacement_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("displacement"),
    message:
        "Drawing how far {wildcards.effect} moves embeddings"
    script:
        "../workflow_scripts/draw_displacement.py"


rule draw_auc_gain:
    input:
        auc_gain=per_model("auc_gain.csv"),
        library=library("draw_auc_gain"),
    output:
        png=drawn("auc_gain", "4. Debiasing (section IV)"),
        pdf=printed("auc_gain"),
    log:
        "<logs>/figures/auc_gain_{effect}.log",
    benchmark:
        "<benchmarks>/figures/auc_gain_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        labels=LABELS,
        single_labels=SINGLE_LABELS,
        effect=lambda wildcards: effect_words(wildcards.effect),
        style=style_of("auc_gain"),
    message:
        "Drawing what debiasing gains under {wildcards.effect}"
    script:
        "../workflow_scripts/draw_auc_gain.py"


rule draw_verdicts:
    input:
        verdicts="<results>/tables/verdicts.csv",
        library=library("draw_verdicts"),
    output:
        png=drawn_of_effect("verdicts", "4. Debiasing (section IV)"),
        pdf="<results>/figures/verdicts_{effect}.pdf",
    log:
        "<logs>/figures/verdicts_{effect}.log",
    benchmark:
        "<benchmarks>/figures/verdicts_{effect}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=MODEL_NAMES,
        effect="{effect}",
        style=style_of("verdicts"),
    message:
        "Drawing whether debiasing helps under {wildcards.effect}"
    script:
        "../workflow_scripts/draw_verdicts.py"
