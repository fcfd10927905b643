"""Angles between labels' directions."""

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    describe,
)

MEASURE = Measure(
    title="angles between labels' directions",
    two_sided="angles of the directions of `global_r2`, so of the order from end to end",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    needs_directions=True,
    needs_originals=False,
    tables=(
        Table(
            "principal_angles",
            describe(
                "model effect",
                label_a="one label",
                label_b="another",
                angle_deg="angle between their directions, 0 to 90 degrees",
                method="how the directions are estimated",
                index="of the angle between subspaces, ascending; 0 between single directions",
            ),
            ("model", "effect", "label_a", "label_b", "method", "index"),
        ),
    ),
    figures=(
        FigureKind(
            "principal_angles",
            "angles between labels' directions, a matrix a model",
            ("principal_angles",),
            per="effect",
            style={"colour_map": "viridis"},
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis.dimensionality import compared_subspaces

    return compared_subspaces(data.directions.subspaces)


def conclude(found) -> dict:
    from embedding_sensitivity.analysis.dimensionality import angle_rows

    return {"principal_angles": angle_rows(found)}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.principal_angles import plot_principal_angles

    what = subject.models, subject.labels, subject.effect.name, style
    return plot_principal_angles(*what, tables["principal_angles"])
