"""R2 of the level on a direction of each clip's own."""

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    describe,
)

MEASURE = Measure(
    title="correlation of the level with a direction of each clip",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    needs_directions=True,
    tables=(
        Table(
            "samplewise_r2",
            describe(
                "model effect clip label",
                r2="R2 of the clip's levels on its own direction",
                n_distinct_points="embeddings of the clip that differ",
                r2_heldout_levels="R2 of levels that the clip's direction was not fitted to",
            ),
            ("model", "effect", "clip"),
        ),
    ),
    figures=(
        FigureKind(
            "samplewise",
            "medians of the sample-wise R², at the levels of the fit and at held-out ones, every "
            "model in one",
            ("samplewise_r2",),
            per="effect",
            style={"point_size": 4.0},
            paper="section III",
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis import heldout_levels
    from embedding_sensitivity.analysis.cca import is_saturated, unit_levels
    from embedding_sensitivity.analysis.correlation import (
        n_distinct_points,
        project,
        squared_spearman,
    )

    effected, found = data.training.effected, data.directions
    targets = unit_levels(len(effected))
    heldout = heldout_levels.samplewise_r2(effected)
    rows = []
    for index, clip in enumerate(data.training.clips):
        points = effected[:, index]
        if is_saturated(found.ranks[index], len(points)):
            r2 = 1.0
        else:
            r2 = squared_spearman(project(points, found.samplewise[index]), targets)
        rows.append(
            {
                "clip": clip,
                "r2": r2,
                "n_distinct_points": n_distinct_points(points),
                "r2_heldout_levels": None if heldout is None else heldout[index],
            }
        )
    return {"samplewise_r2": rows}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.samplewise import samplewise_figure

    what = subject.models, subject.labels, subject.effect, style
    return samplewise_figure(*what, tables["samplewise_r2"])
