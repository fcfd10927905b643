# What people exchange: a card a model, from the tables (`embedding-sensitivity card A.json B.json`).
rule write_cards:
    input:
        **{name: f"<results>/tables/{name}.csv" for name in CARD_TABLES},
        provenance="<results>/tables/provenance.json",
        clips="<results>/clips.csv",
    output:
        cards=[f"<results>/cards/{model}.json" for model in MODEL_NAMES],
        pdf=[f"<results>/cards/{model}.pdf" for model in MODEL_NAMES],
        png=[
            add_to_report(
                f"<results>/cards/{model}.png",
                "card",
                ANSWERS,
                "card",
                targets.Figure("", model, "all effects", "all"),
            )
            for model in MODEL_NAMES
        ],
    log:
        "<logs>/tables/cards.log",
    benchmark:
        "<benchmarks>/tables/cards.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        code=hash_code("write_cards", *find_declarations(*CARD_TABLES)),
        tables=CARD_TABLES,
        models=MODEL_NAMES,
        titles={model: plan.title(model) for model in MODEL_NAMES},
        labels=LABELS,
        about=lambda wildcards: plan.describe_experiment(),
    message:
        "Writing the models' cards"
    script:
        "../workflow_scripts/write_cards.py"
