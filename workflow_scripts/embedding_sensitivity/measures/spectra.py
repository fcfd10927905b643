"""Singular values of the directions of a label's clips, and of their originals (Fig. 3)."""

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    describe,
)

MEASURE = Measure(
    title="spectra of the clips' directions",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    needs_directions=True,
    tables=(
        Table(
            "spectra",
            describe(
                "model effect label",
                index="of the singular value, from 0",
                directions="singular value of the sample-wise directions over the largest",
                originals="the same of the centred originals",
            ),
            ("model", "effect", "label", "index"),
        ),
    ),
    figures=(
        FigureKind(
            "spectra",
            "singular values of directions and originals",
            ("spectra",),
            style={"line_width": 1.1, "log_y": False},
            paper="Fig. 3",
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis.directions import centred_singular_values, spectrum

    spectra = zip(
        spectrum(data.directions.singular_values),
        spectrum(centred_singular_values(data.training.originals)),
        strict=True,
    )
    return {
        "spectra": [
            {"index": index, "directions": of_directions, "originals": of_originals}
            for index, (of_directions, of_originals) in enumerate(spectra)
        ]
    }


def draw(tables, subject, style):
    from embedding_sensitivity.figures.spectra import spectra_figure

    return spectra_figure(subject.model, subject.labels, subject.effect, style, tables["spectra"])
