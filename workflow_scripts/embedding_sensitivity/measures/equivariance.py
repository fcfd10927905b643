"""Whether an effect adds the same to every clip: x_i^p = x_i + f(p)."""

import math

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    combine,
    describe,
)

SHARED = {
    "equivariance": "share of what levels do to a clip that is the same for all recordings",
    "equivariance_low": "lower end of its 95 % interval, over recordings",
    "equivariance_high": "upper end",
    "predicted": "share of test clips' displacements that training clips' mean ones predict",
    "predicted_low": "lower end of its 95 % interval, over test recordings",
    "predicted_high": "upper end",
    "n_groups": "recordings of the training clips",
    "n_groups_test": "recordings of the test clips",
}
MEASURE = Measure(
    title="whether an effect adds the same to every clip",
    two_sided="each level has its own common part, whichever side; `predicted` leaves out the "
    "neutral level",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    tables=(
        Table(
            "equivariance",
            describe(
                "model effect label",
                share_clip="share of the variance of x_i^p that lies between clips",
                share_level="share between levels, the same for all recordings",
                share_interaction="the rest: what levels do to each clip of its own, and noise",
                **SHARED,
                n_clips="training clips",
            ),
            ("model", "effect", "label"),
        ),
        Table(
            "equivariance_mean",
            {**describe("model effect", **SHARED), "n_labels": "labels that have a value"},
            ("model", "effect"),
            in_report=True,
        ),
    ),
    figures=(
        FigureKind(
            "equivariance",
            "share of a level's doing that all clips have in common, and that is predicted: labels "
            "by models",
            ("equivariance", "equivariance_mean"),
            per="effect",
            style={"point_size": 4.0},
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis.dimensionality import (
        columns_of,
        level_shares,
        predicted_share,
    )
    from embedding_sensitivity.analysis.intervals import LOG_REST

    training, test, applied = data.training, data.test, ~data.neutral
    shares, *jackknifed = level_shares(training.effected, training.groups)
    found = {"equivariance": (shares["equivariance"], *jackknifed), "predicted": (None,) * 3}
    if test.clips:
        expected = (training.effected[applied] - training.originals).mean(axis=1)
        new = test.effected[applied] - test.originals
        found["predicted"] = predicted_share(new, expected, test.groups)
    row = {
        **shares,
        **columns_of("equivariance", found["equivariance"], LOG_REST),
        **columns_of("predicted", found["predicted"], LOG_REST, -math.inf),
        "n_clips": len(training.clips),
        "n_groups": len(set(training.groups)),
        "n_groups_test": len(set(test.groups)),
    }
    return {"equivariance": [row], "found": found}


def conclude(found) -> dict:
    from embedding_sensitivity.analysis.dimensionality import columns_of_mean
    from embedding_sensitivity.analysis.intervals import LOG_REST

    tables = combine(found, "equivariance")
    rows = tables["equivariance"]
    mean = {name: sum(row[name] for row in rows) for name in ("n_groups", "n_groups_test")}
    mean["n_labels"] = sum(row["equivariance"] is not None for row in rows)
    for name, lowest in (("equivariance", 0.0), ("predicted", -math.inf)):
        jackknifed = [own["found"][name] for own in found.values()]
        mean |= columns_of_mean(name, jackknifed, LOG_REST, lowest)
    return tables | {"equivariance_mean": [mean]}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.equivariance import equivariance_figure

    rows = tables["equivariance"], tables["equivariance_mean"]
    return equivariance_figure(subject.models, subject.labels, subject.effect.name, style, *rows)
