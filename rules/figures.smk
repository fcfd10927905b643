# The figures: one rule and one job for each kind, since a job takes 2 s to start. Measures declare the
# kinds.
for measure in MEASURES:
    for kind in measure.figures:

        rule:
            name:
                f"draw_{kind.name}"
            input:
                **targets.figure_inputs(measure, kind, MODEL_NAMES, EFFECTS),
            output:
                png=list_report_figures(measure, kind),
                pdf=[
                    f"<results>/figures/{figure.stem}.pdf"
                    for figure in targets.list_figures(kind, settings)
                ],
            log:
                f"<logs>/figures/{kind.name}.log",
            benchmark:
                f"<benchmarks>/figures/{kind.name}.tsv"
            localrule: True
            conda:
                "../envs/analysis.yaml"
            params:
                code=hash_code("draw", (measure.file, (kind.draw,))),
                measure=measure.address,
                kind=kind.name,
                models=targets.list_drawn_models(kind, settings),
                titles={model: plan.title(model) for model in MODEL_NAMES},
                labels=LABELS,
                single_labels=SINGLE_LABELS,
                effects=EFFECT_WORDS,
                style=get_style(kind),
                caption=kind.caption,
                two_sided=plan.describe_sides(measure),
            message:
                f"Drawing {kind.name}"
            script:
                "../workflow_scripts/draw.py"
