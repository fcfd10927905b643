# Comparisons with the paper, only for its own run, and of two experiments, on request:
# snakemake results/comparisons/A/B/auc.pdf, or `make compare A=... B=...`.
rule tabulate_paper_comparison:
    input:
        table1=require_papers_run("<results>/tables/table1.csv"),
        auc="<results>/tables/auc.csv",
        paper_table1=given(locate("data/paper/table1_global_r2.csv")),
        paper_fig4=given(locate("data/paper/fig4_auc.csv")),
    output:
        add_download("paper_comparison", "5. The paper's numbers"),
    log:
        "<logs>/tables/paper_comparison.log",
    benchmark:
        "<benchmarks>/tables/paper_comparison.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("tabulate_paper_comparison", *find_declarations("table1", "auc")),
        models=paper.list_compared_models(settings),
        effects=paper.list_compared_effects(settings),
    message:
        "Setting this run's numbers beside the paper's"
    script:
        "../workflow_scripts/tabulate_paper_comparison.py"


rule draw_paper_table1:
    input:
        comparison="<results>/tables/paper_comparison.csv",
    output:
        png=reported(
            "<results>/figures/paper_table1.png",
            caption="../report/paper_table1.rst",
            category="5. The paper's numbers",
            labels={"kind": "paper_table1"},
        ),
        pdf="<results>/figures/paper_table1.pdf",
    log:
        "<logs>/figures/paper_table1.log",
    benchmark:
        "<benchmarks>/figures/paper_table1.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=hash_code("draw_paper_table1"),
        style=get_style(collect_kinds(())["paper_table1"]),
    message:
        "Drawing Table I beside the paper's"
    script:
        "../workflow_scripts/draw_paper_table1.py"


rule draw_paper_auc:
    input:
        comparison="<results>/tables/paper_comparison.csv",
        auc="<results>/tables/auc.csv",
    output:
        png=reported(
            "<results>/figures/paper_auc_{model}_{effect}_{label}.png",
            caption="../report/paper_auc.rst",
            category="5. The paper's numbers",
            labels={
                "kind": "paper_auc",
                "effect": "{effect}",
                "model": "{model}",
                "label": "{label}",
            },
        ),
        pdf="<results>/figures/paper_auc_{model}_{effect}_{label}.pdf",
    log:
        "<logs>/figures/paper_auc_{model}_{effect}_{label}.log",
    benchmark:
        "<benchmarks>/figures/paper_auc_{model}_{effect}_{label}.tsv"
    wildcard_constraints:
        label="|".join(label for *_, label in paper.CASES),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=hash_code("draw_paper_auc", *find_declarations("auc")),
        effect=lambda wildcards: plan.describe_effect(wildcards.effect),
        style=get_style(collect_kinds(())["paper_auc"]),
    message:
        "Drawing {wildcards.model}, {wildcards.effect} and {wildcards.label} over Fig. 4"
    script:
        "../workflow_scripts/draw_paper_auc.py"


rule compare_experiments:
    input:
        unpack(tables_of_both),
    output:
        global_r2="results/comparisons/{a}/{b}/global_r2.csv",
        table1="results/comparisons/{a}/{b}/table1.csv",
        auc="results/comparisons/{a}/{b}/auc.csv",
        summary="results/comparisons/{a}/{b}/summary.csv",
        provenance="results/comparisons/{a}/{b}/provenance.json",
    log:
        "logs/comparisons/{a}/{b}/tables.log",
    benchmark:
        "benchmarks/comparisons/{a}/{b}/tables.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("compare_experiments", *find_declarations("global_r2", "table1", "auc")),
    message:
        "Setting {wildcards.b} beside {wildcards.a}"
    script:
        "../workflow_scripts/compare_experiments.py"


rule draw_comparison:
    input:
        global_r2="results/comparisons/{a}/{b}/global_r2.csv",
        auc="results/comparisons/{a}/{b}/auc.csv",
        provenance="results/comparisons/{a}/{b}/provenance.json",
    output:
        r2=multiext("results/comparisons/{a}/{b}/r2", ".pdf", ".png"),
        auc=multiext("results/comparisons/{a}/{b}/auc", ".pdf", ".png"),
    log:
        "logs/comparisons/{a}/{b}/figures.log",
    benchmark:
        "benchmarks/comparisons/{a}/{b}/figures.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=hash_code("draw_comparison"),
    message:
        "Drawing how far {wildcards.b} lies from {wildcards.a}"
    script:
        "../workflow_scripts/draw_comparison.py"
