"""R2 of the level on one direction for all clips of a label (Table I, Fig. 2)."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping

from embedding_sensitivity.experiment.measures import (
    CORRELATION,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    describe,
)

MEASURE = Measure(
    title="correlation of the level with one direction",
    section=CORRELATION,
    group=SENSITIVITY,
    needs_directions=True,
    tables=(
        Table(
            "global_r2",
            describe(
                "model effect label",
                r2="R2 of the training clips that gave the direction",
                r2_test="R2 of the test clips",
                saturated="1 where the fit is exact, and `r2` with its null 1 by identity",
                r2_null_mean="mean of `r2` after permuting levels within clips and fitting again",
                r2_null_high="its 95 % quantile",
                r2_low="lower end of the 95 % interval of `r2`, over recordings",
                r2_high="its upper end",
                r2_heldout_levels="R2 of test clips at levels that the fit left out",
                n_clips="training clips",
                n_levels="levels",
                r2_test_low="lower end of the 95 % interval of `r2_test`, over recordings",
                r2_test_high="its upper end",
                r2_test_null_high="95 % quantile of `r2_test` with levels permuted within clips",
                n_groups="recordings of the training clips",
                n_groups_test="recordings of the test clips",
            ),
            ("model", "effect", "label"),
            in_report=True,
        ),
        Table(
            "table1",
            describe(
                "model effect",
                mean="mean of `r2` over labels",
                std="standard deviation of `r2` over labels (n - 1)",
                mean_test="mean of `r2_test`",
                std_test="standard deviation of `r2_test`",
                n_labels="labels that have an `r2`",
                mean_null="mean of `r2_null_mean`",
                n_above_null="labels whose `r2` is above their `r2_null_high`",
                mean_test_low="lower end of the 95 % interval of `mean_test`",
                mean_test_high="its upper end",
                mean_heldout_levels="mean of `r2_heldout_levels`",
            ),
            ("model", "effect"),
            in_report=True,
            derived_from=("global_r2",),
            derive="summarise_r2",
        ),
        Table(
            "projections",
            describe(
                "model effect label",
                split="`train` or `test`",
                clip="clip id",
                level="level of the effect",
                projection="<u, x> on the global CCA direction u",
            ),
            ("model", "effect", "label", "split", "clip", "level"),
            is_result=False,
        ),
    ),
    figures=(
        FigureKind(
            "correlation",
            "level against the projection on the global direction",
            ("projections", "global_r2"),
            style={"point_size": 1.6},
            paper="Fig. 2",
            draw="draw_correlation",
        ),
        FigureKind(
            "table1",
            "mean and standard deviation of the global R², its null, interval and held-out levels",
            ("table1", "global_r2"),
            per="run",
            style={"font_size": 8.0},
            paper="Table I",
            draw="draw_table1",
        ),
    ),
)


def measure(data) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis import heldout_levels
    from embedding_sensitivity.analysis.correlation import global_r2, project

    training, test, found = data.training, data.test, data.directions
    basis = found.subspaces["global_cca"]
    # Without a direction (an effect that moves nothing) every projection is 0, R2 undefined.
    direction = basis[0] if len(basis) else np.zeros(training.effected.shape[-1])
    # Random numbers depend on the label alone: models and effects are compared on the same ones.
    along = project(training.effected, direction)
    r2 = {
        "r2": global_r2(along, found.saturated),
        "saturated": found.saturated,
        **training_columns(training.effected, along, training.groups, [data.label]),
        "n_clips": len(training.clips),
        "n_levels": len(data.levels),
        "n_groups_test": 0,
    }
    if found.saturated and r2["r2_low"] is not None:
        r2 |= {"r2_low": 1.0, "r2_high": 1.0}  # of the fit, not of rounding
    projections = projection_rows(along, "train", training.clips, data.levels)
    if test.clips:
        along = project(test.effected, direction)
        r2 |= test_columns(along, test.groups, [data.label])
        r2["r2_heldout_levels"] = heldout_levels.global_r2(training.effected, test.effected)
        projections += projection_rows(along, "test", test.clips, data.levels)
    return {"global_r2": [r2], "projections": projections}


def training_columns(effected, along, groups: list[str], seed) -> dict:
    """The columns of global_r2 that come from training clips, but for those of the fit itself.

    effected (P, N, d), along (P, N) their projections, `groups` of the clips, `seed` the names
    that random numbers depend on.
    """
    import numpy as np

    from embedding_sensitivity.analysis.statistics import HIGH, generator, null_r2, r2_interval

    null = null_r2(effected, generator(*seed, "null"))
    low, high = r2_interval(along, groups, generator(*seed, "train"))
    return {
        "r2_null_mean": null.mean(),
        "r2_null_high": np.quantile(null, HIGH, method="higher"),
        "r2_low": low,
        "r2_high": high,
        "n_groups": len(set(groups)),
    }


def test_columns(along, groups: list[str], seed) -> dict:
    """The columns of global_r2 that come from test clips' projections `along` (P, n)."""
    import numpy as np

    from embedding_sensitivity.analysis.correlation import global_r2
    from embedding_sensitivity.analysis.statistics import (
        HIGH,
        generator,
        null_r2_of_projections,
        r2_interval,
    )

    null = null_r2_of_projections(along, generator(*seed, "test null"))
    low, high = r2_interval(along, groups, generator(*seed, "test"))
    return {
        "r2_test": global_r2(along, saturated=False),
        "r2_test_low": low,
        "r2_test_high": high,
        "r2_test_null_high": np.quantile(null, HIGH, method="higher"),
        "n_groups_test": len(set(groups)),
    }


def projection_rows(along, split: str, clips: list[str], levels: list[str]) -> list[dict]:
    """Rows of the table projections, of `along` (P, n)."""
    return [
        {"split": split, "clip": clip, "level": level, "projection": along[p, i]}
        for p, level in enumerate(levels)
        for i, clip in enumerate(clips)
    ]


def summarise_r2(tables: Mapping[str, Iterable[Mapping[str, str]]]) -> list[dict]:
    """Table I: mean and standard deviation (ddof 1) of R2 over labels, from ``global_r2`` rows.

    Labels whose R2 is empty (a constant projection has none) are left out and not counted.
    `n_above_null` counts those with an R2 above its high null. The interval of the mean test R2
    adds the distances to the labels' interval ends in quadrature, since labels have recordings of
    their own (MOVER: Zou and Donner 2008, doi:10.1002/sim.3095); it is empty if a label has none.
    """
    found = defaultdict(list)
    for row in tables["global_r2"]:
        found[row["model"], row["effect"]].append(row)
    summary = []
    for (model, effect), labels in found.items():
        train = _numbers(labels, "r2")
        test = _numbers(labels, "r2_test")
        summary.append(
            {
                "model": model,
                "effect": effect,
                "mean": _mean(train),
                "std": _deviation(train),
                "mean_test": _mean(test),
                "std_test": _deviation(test),
                "n_labels": len(train),
                "mean_null": _mean(_numbers(labels, "r2_null_mean")),
                "n_above_null": sum(
                    float(row["r2"]) > float(row["r2_null_high"])
                    for row in labels
                    if row["r2"] and row["r2_null_high"]
                ),
                "mean_test_low": _end_of_mean(labels, "r2_test_low"),
                "mean_test_high": _end_of_mean(labels, "r2_test_high"),
                "mean_heldout_levels": _mean(_numbers(labels, "r2_heldout_levels")),
            }
        )
    return summary


def _numbers(rows: Iterable[Mapping[str, str]], column: str) -> list[float]:
    return [float(row[column]) for row in rows if row[column]]


def _mean(values: list[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _deviation(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _end_of_mean(rows: Iterable[Mapping[str, str]], column: str) -> float | None:
    """One end of the interval of the mean test R2, from the same end of each label's."""
    rows = [row for row in rows if row["r2_test"]]
    if not rows or not all(row[column] for row in rows):
        return None
    distances = [float(row[column]) - float(row["r2_test"]) for row in rows]
    sign = -1 if column.endswith("_low") else 1
    return _mean(_numbers(rows, "r2_test")) + sign * math.hypot(*distances) / len(rows)


def draw_correlation(tables, subject, style):
    from embedding_sensitivity.figures.correlation import correlation_figure

    what = subject.model, subject.labels, subject.effect, style
    return correlation_figure(*what, tables["projections"], tables["global_r2"])


def draw_table1(tables, subject, style):
    from embedding_sensitivity.figures.table1 import table1_figure

    effects = [effect.name for effect in subject.effects]
    return table1_figure(subject.models, effects, style, tables["table1"], tables["global_r2"])
