# The figures: one rule and one job a kind, for a job takes 2 s to start. Which kinds there are, the
# files of measures say.
for measure in settings.all_measures:
    for kind in measure.figures:

        rule:
            name:
                f"draw_{kind.name}"
            input:
                **targets.figure_inputs(measure, kind, MODEL_NAMES, EFFECTS),
            output:
                png=reported_figures(measure, kind),
                pdf=[
                    f"<results>/figures/{figure.stem}.pdf"
                    for figure in targets.figures_of(kind, settings)
                ],
            log:
                f"<logs>/figures/{kind.name}.log",
            benchmark:
                f"<benchmarks>/figures/{kind.name}.tsv"
            localrule: True
            conda:
                "../envs/analysis.yaml"
            params:
                code=code_of("draw", (measure.file, (kind.draw,))),
                measure=measure.address,
                kind=kind.name,
                models=MODEL_NAMES,
                titles={model: plan.title(model) for model in MODEL_NAMES},
                labels=LABELS,
                single_labels=SINGLE_LABELS,
                effects=EFFECT_WORDS,
                style=styled(kind),
                caption=kind.caption,
            message:
                f"Drawing {kind.name}"
            script:
                "../workflow_scripts/draw.py"
