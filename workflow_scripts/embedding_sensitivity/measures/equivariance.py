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
        predicted_without,
    )
    from embedding_sensitivity.analysis.intervals import LOG_REST

    training, test, applied = data.training, data.test, ~data.neutral
    shares, *jackknifed = level_shares(training.effected, training.groups)
    found = {"equivariance": (shares["equivariance"], *jackknifed), "predicted": (None,) * 3}
    others = None
    if test.clips:
        displacements = training.effected[applied] - training.originals
        new = test.effected[applied] - test.originals
        found["predicted"] = predicted_share(new, displacements.mean(axis=1), test.groups)
        others = predicted_without(new, displacements, training.groups)
    predicted = columns_of("predicted", found["predicted"], LOG_REST, -math.inf)
    names = {"n_groups": sorted(set(training.groups)), "n_groups_test": sorted(set(test.groups))}
    row = {
        **shares,
        **columns_of("equivariance", found["equivariance"], LOG_REST),
        **hold_others(predicted, others),
        "n_clips": len(training.clips),
        **{count: len(of_count) for count, of_count in names.items()},
    }
    return {"equivariance": [row], "found": found, "others": others, "names": names}


def hold_others(columns: dict, others) -> dict:
    """Widen the interval of `predicted` to the values that it has without a training recording.

    What a single one of those that the mean displacements are of decides isn't decided.
    """
    import numpy as np

    if columns.get("predicted_low") is None or others is None or np.isnan(others).all():
        return columns
    return columns | {
        "predicted_low": min(columns["predicted_low"], float(np.nanmin(others))),
        "predicted_high": max(columns["predicted_high"], float(np.nanmax(others))),
    }


def conclude(found) -> dict:
    from itertools import compress

    import numpy as np

    from embedding_sensitivity.analysis.dimensionality import columns_of_mean
    from embedding_sensitivity.analysis.intervals import LOG_REST

    tables = combine(found, "equivariance")
    rows = tables["equivariance"]
    with_value = [row["equivariance"] is not None for row in rows]
    mean = {}
    for name, count, lowest in (
        ("equivariance", "n_groups", 0.0),
        ("predicted", "n_groups_test", -math.inf),
    ):
        jackknifed = [own["found"][name] for own in found.values()]
        names = [own["names"][count] for own in found.values()]
        mean |= columns_of_mean(name, jackknifed, names, LOG_REST, lowest)
        mean[count] = len(set().union(*compress(names, with_value)))
    mean["n_labels"] = sum(with_value)
    known = [
        own["others"] - own["found"]["predicted"][0]
        for own, row in zip(found.values(), rows, strict=True)
        if row["predicted"] is not None
    ]
    if known:
        # One recording of one label: the other labels stay as they are.
        others = mean["predicted"] + np.concatenate(known) / len(known)
        mean = hold_others(mean, others)
    return tables | {"equivariance_mean": [mean]}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.equivariance import plot_equivariance

    rows = tables["equivariance"], tables["equivariance_mean"]
    return plot_equivariance(subject.models, subject.labels, subject.effect.name, style, *rows)
