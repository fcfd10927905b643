"""In how many directions an effect moves the clips of a label."""

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    describe,
)

MEASURE = Measure(
    title="number of directions of the displacements",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    tables=(
        Table(
            "dimensionality",
            describe(
                "model effect label",
                participation_ratio="(sum l)^2 / sum l^2 of the eigenvalues l of the displacements",
                n_directions_90="fewest eigenvalues that sum to 90 %",
                mean_displacement_share="|mean displacement|^2 over mean |displacement|^2",
            ),
            ("model", "effect", "label"),
            in_report=True,
        ),
    ),
    figures=(
        FigureKind(
            "dimensionality",
            "participation ratio, directions for 90 %, share of the mean: labels by models",
            ("dimensionality",),
            per="effect",
            style={"point_size": 4.0},
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis.dimensionality import describe_displacements

    originals = data.training.originals
    displacements = data.training.effected[~data.neutral] - originals
    row = describe_displacements(displacements.reshape(-1, originals.shape[1]))
    return {"dimensionality": [row]}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.dimensionality import dimensionality_figure

    what = subject.models, subject.labels, subject.effect.name, style
    return dimensionality_figure(*what, tables["dimensionality"])
