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
    two_sided="of the directions of `samplewise_r2`, so of the order from end to end",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    needs_directions=True,
    needs_originals=False,
    tables=(
        Table(
            "spectra",
            describe(
                "model effect label",
                index="of the singular value, from 0",
                directions="singular value of the sample-wise directions over the largest",
                originals="the same of the centred originals; empty without any",
                directions_f="of sample-wise directions fitted to the course of other recordings",
                random="expected of as many random directions",
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
    import numpy as np

    from embedding_sensitivity.analysis.dimensionality import (
        directions_along_course,
        random_spectrum,
    )
    from embedding_sensitivity.analysis.directions import (
        centred_singular_values,
        singular_values,
        spectrum,
    )

    training = data.training
    shape = training.effected.shape[1:]
    spectra = {
        "directions": spectrum(data.directions.singular_values),
        "originals": spectrum(centred_singular_values(training.originals))
        if data.everyone.has_originals
        else np.full(min(shape), np.nan),
        "directions_f": spectrum(
            singular_values(directions_along_course(training.effected, training.groups))
        ),
        "random": random_spectrum(*shape),
    }
    rows = zip(*spectra.values(), strict=True)
    return {
        "spectra": [
            {"index": index, **dict(zip(spectra, values, strict=True))}
            for index, values in enumerate(rows)
        ]
    }


def draw(tables, subject, style):
    from embedding_sensitivity.figures.spectra import plot_spectra

    return plot_spectra(subject.model, subject.labels, subject.effect, style, tables["spectra"])
