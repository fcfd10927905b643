"""How well one direction gives the level: the paper's and a regularised one (Table I, Fig. 2)."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import compress

from embedding_sensitivity.experiment.measures import (
    CORRELATION,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    combine,
    describe,
)

# Columns of r2_means that Table I has too, and their meaning.
MEANS = {
    "mean_rho_ridge": "mean of `rho_ridge` over labels",
    "rho_ridge_low": "lower end of its 95 % interval, over recordings",
    "rho_ridge_high": "its upper end",
    "mean_rho_within": "mean of `rho_within`",
    "rho_within_low": "lower end of its 95 % interval, over recordings",
    "rho_within_high": "its upper end",
    "mean_rho_across": "mean of `cross_label.rho` between different labels",
    "p_recording": "p-value of `mean_rho_ridge` under the null `recording`: is there any effect?",
    "p_common": "under `common`: is it the order of levels? Empty under 5 levels: cannot tell",
    "p_reversal": "under `reversal`, clips centred: is the direction shared?",
}
PVALUES = tuple(name for name in MEANS if name.startswith("p_"))
ADJUSTED = {
    f"{name}_adjusted": f"Benjamini and Hochberg's of `{name}`, over all models and effects"
    for name in PVALUES
}
MEASURE = Measure(
    title="correlation of the level with one direction",
    two_sided="the order of all levels from end to end: high where the two sides move clips in "
    "opposite directions, low where both move them alike",
    section=CORRELATION,
    group=SENSITIVITY,
    needs_directions=True,
    needs_originals=False,
    tables=(
        Table(
            "global_r2",
            describe(
                "model effect label",
                r2="R2 of the training clips that gave the direction",
                r2_test="R2 of the test clips",
                saturated="1 where the fit is exact, and `r2` with its null 1 by identity",
                r2_null_mean="mean of `r2` after permuting levels by recording and fitting again",
                r2_null_high="its 95 % quantile",
                r2_low="empty: fit and data are the same, so no interval holds",
                r2_high="empty",
                r2_heldout_levels="R2 of test clips at levels that the fit left out",
                n_clips="training clips",
                n_levels="levels",
                r2_test_low="lower end of the 95 % interval of `r2_test`, over recordings",
                r2_test_high="its upper end",
                r2_test_null_high="95 % quantile of `r2_test` after permuting levels by recording, "
                "of training and test clips, and fitting again",
                n_groups="recordings of the training clips",
                n_groups_test="recordings of the test clips",
                r2_ceiling="the largest `r2` that `n_clips` at `n_levels` can have",
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
                n_above_null="labels whose `r2` is above their `r2_null_high`, of those that are "
                "not saturated; empty where all are",
                mean_test_low="lower end of the 95 % interval of `mean_test`",
                mean_test_high="its upper end",
                mean_heldout_levels="mean of `r2_heldout_levels`",
                **MEANS,
                **ADJUSTED,
            ),
            ("model", "effect"),
            in_report=True,
            derived_from=("global_r2", "r2_means"),
            derive="summarise_r2",
        ),
        Table(
            "regularised",
            describe(
                "model effect label",
                rho_ridge="Spearman correlation of <w, x> with the level, on test clips, signed; w "
                "is the regularised direction of the training clips",
                rho_ridge_low="lower end of its 95 % interval, over recordings",
                rho_ridge_high="its upper end",
                rho_within="mean over test clips of the correlation within the clip",
                rho_within_low="lower end of its 95 % interval, over recordings",
                rho_within_high="its upper end",
                rho_ceiling="the largest `rho_ridge` that these clips and levels can have",
                penalty="of w, relative to the mean eigenvalue; 1e-6 is nearly the exact fit",
                n_clips_test="test clips",
                n_groups_test="their recordings",
            ),
            ("model", "effect", "label"),
            in_report=True,
        ),
        Table(
            "left_out",
            describe(
                "model effect label",
                group="recording of test clips that is left out",
                rho_ridge="`regularised.rho_ridge` of the others",
            ),
            ("model", "effect", "label", "group"),
        ),
        Table(
            "trained_untrained",
            describe(
                "model effect",
                rho_ridge="mean over labels of the trained model's `regularised.rho_ridge`",
                rho_ridge_untrained="that of its control, `<model>-untrained`",
                difference="how much larger the first is",
                difference_low="lower end of its 95 % interval, over recordings, paired",
                difference_high="upper end",
                p="p-value of no difference, two-sided",
                p_adjusted="Benjamini and Hochberg's, over all models and effects",
                n_groups="recordings of the test clips",
                n_labels="labels that have both",
            ),
            ("model", "effect"),
            in_report=True,
            derived_from=("regularised", "left_out"),
            derive="compare_with_untrained",
        ),
        Table(
            "cross_label",
            describe(
                "model effect",
                label_a="label whose training clips gave the regularised direction",
                label_b="label of the test clips",
                rho="Spearman correlation of <w, x> with the level, signed",
            ),
            ("model", "effect", "label_a", "label_b"),
            in_report=True,
        ),
        Table(
            "nulls",
            describe(
                "model effect label",
                statistic="`r2`, `r2_test` or `rho_ridge`",
                null="what is permuted: `recording`, `common` or `reversal`",
                observed="the statistic, computed as its draws are: `reversal` centres each clip",
                null_mean="mean of the draws",
                null_high="their 95 % quantile",
                p="share of the draws, and of the observed value, that are as large; empty for "
                "`common` under 5 levels: cannot tell",
                p_adjusted="Benjamini and Hochberg's, over the labels of the model and effect",
                n_draws="draws",
            ),
            ("model", "effect", "label", "statistic", "null"),
            in_report=True,
        ),
        Table(
            "r2_means",
            describe(
                "model effect",
                mean_test_low="lower end of the 95 % interval of the mean `r2_test` over labels",
                mean_test_high="its upper end",
                **MEANS,
            ),
            ("model", "effect"),
        ),
        Table(
            "projections",
            describe(
                "model effect label",
                split="`train` or `test`",
                clip="clip id",
                level="level of the effect",
                projection="<u, x> on the global CCA direction u",
                projection_regularised="<w, x> on the regularised direction w",
            ),
            ("model", "effect", "label", "split", "clip", "level"),
            is_result=False,
        ),
    ),
    figures=(
        FigureKind(
            "correlation",
            "level against the projection on the regularised and on the paper's direction",
            ("projections", "global_r2", "regularised"),
            style={"point_size": 1.6},
            paper="Fig. 2",
            draw="draw_correlation",
        ),
        FigureKind(
            "table1",
            "correlation with one direction, its interval and nulls, beside the paper's R²",
            ("table1", "global_r2"),
            per="run",
            paper="Table I",
            draw="draw_table1",
        ),
    ),
)


def measure(data) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis import heldout_levels
    from embedding_sensitivity.analysis.correlation import global_r2, project, r2_ceiling
    from embedding_sensitivity.analysis.intervals import estimate_rho, interval_of_square
    from embedding_sensitivity.analysis.statistics import null_row, null_statistics

    training, test, found = data.training, data.test, data.directions
    n_levels, n_clips, dimension = training.effected.shape
    basis = found.subspaces["global_cca"]
    # Without a direction (an effect that moves nothing) every projection is 0, R2 undefined.
    direction = basis[0] if len(basis) else np.zeros(dimension)
    along = project(training.effected, direction)
    if not data.responds:
        counts = {"n_clips": n_clips, "n_levels": n_levels}
        projections = projection_rows(data, "train", training, along)
        nothing = {"nulls": [], "cross_label": [], "draws": {}, "responds": False}
        return {"global_r2": [counts], "projections": projections, **nothing}
    # The same random numbers for all models and effects, which are compared on them.
    draws = null_statistics(
        training.effected, test.effected, training.groups, test.groups, found.penalty
    )
    nulls = {key: null_row(key[1], n_levels, *drawn) for key, drawn in draws.items()}
    # 1 by identity where the fit is saturated.
    of_fit = nulls.get(("r2", "recording"), {"null_mean": 1.0, "null_high": 1.0})
    r2 = {
        "r2": global_r2(along, found.saturated),
        "saturated": found.saturated,
        "r2_null_mean": of_fit["null_mean"],
        "r2_null_high": of_fit["null_high"],
        "n_clips": n_clips,
        "n_levels": n_levels,
        "n_groups": len(set(training.groups)),
        "n_groups_test": len(set(test.groups)),
        "r2_ceiling": 1.0 if found.saturated else r2_ceiling(n_levels, n_clips),
    }
    tables = {
        "projections": projection_rows(data, "train", training, along),
        "nulls": [{"statistic": key[0], "null": key[1], **row} for key, row in nulls.items()],
        "cross_label": across_labels(data),
        "responds": True,
        "draws": {key: drawn for key, drawn in draws.items() if key[0] == "rho_ridge"},
    }
    if test.clips:
        along = project(test.effected, direction)
        estimate = estimate_rho(along, test.groups)
        low, high = interval_of_square(estimate, r2_ceiling(n_levels, len(test.clips)))
        r2 |= {
            "r2_test": global_r2(along, saturated=False),
            "r2_test_low": low,
            "r2_test_high": high,
            "r2_test_null_high": nulls["r2_test", "recording"]["null_high"],
            "r2_heldout_levels": heldout_levels.global_r2(training.effected, test.effected),
        }
        tables["projections"] += projection_rows(data, "test", test, along)
        row, tables["left_out"], estimates = regularised_columns(data)
        tables["regularised"] = [row]
        tables["estimates"] = {"r2_test": estimate, **estimates}
    return {"global_r2": [r2], **tables}


def regularised_columns(data) -> tuple[dict, list[dict], dict]:
    """The row of table regularised, those of left_out, and what means over labels are taken of."""
    import numpy as np

    from embedding_sensitivity.analysis.correlation import r2_ceiling, within_clips
    from embedding_sensitivity.analysis.intervals import (
        PLAIN,
        estimate_mean,
        interval,
        interval_within_clips,
        jackknife_rho,
        rho_and_without,
    )

    test = data.test
    along = project_regularised(data, test.effected)
    ceiling = r2_ceiling(*along.shape) ** 0.5
    within = within_clips(along)
    n_clips, n_groups = len(test.clips), len(set(test.groups))
    rho, without = rho_and_without(along, test.groups)
    lengths = np.linalg.norm(along - along.mean(axis=0), axis=0)
    share = estimate_mean((1 + within) / 2, test.groups, lengths)  # from 0 to 1
    low, high = interval(jackknife_rho(along.shape, rho, without), ceiling=ceiling)
    within_low, within_high = interval_within_clips(share, len(along), n_clips)
    row = {
        "rho_ridge": rho,
        "rho_ridge_low": low,
        "rho_ridge_high": high,
        "rho_within": _mean([value for value in within.tolist() if value == value]),
        "rho_within_low": within_low,
        "rho_within_high": within_high,
        "rho_ceiling": ceiling,
        "penalty": data.directions.penalty,
        "n_clips_test": n_clips,
        "n_groups_test": n_groups,
    }
    others = zip(np.unique(test.groups).tolist(), without.tolist(), strict=True)
    rows = [{"group": group, "rho_ridge": value} for group, value in others]
    plain = jackknife_rho(along.shape, rho, without, PLAIN, np.unique(test.groups))
    return row, rows, {"rho_plain": plain, "rho_within": share, "row": row}


def average_labels(estimates: list[dict], draws: list[dict], n_levels: int) -> dict:
    """The row of table r2_means, but for what compares labels, of what `measure` found of each.

    `estimates` is empty if a label has no test clip; then there is no mean over labels either.
    """
    from embedding_sensitivity.analysis.intervals import (
        FISHER,
        MIN_RECORDINGS_OF_LABELS,
        interval,
        interval_within_clips,
        mean_estimate,
        mean_of_squares,
        mean_on_scale,
    )
    from embedding_sensitivity.analysis.statistics import mean_over_labels, null_row

    if not estimates:
        return {}
    of_labels = {name: [each[name] for each in estimates] for name in estimates[0]}
    rows = of_labels["row"]
    _, (test_low, test_high) = mean_of_squares(of_labels["r2_test"])
    mean = mean_on_scale(of_labels["rho_plain"], FISHER)
    ceiling = _mean([row["rho_ceiling"] for row in rows])
    low, high = interval(mean, MIN_RECORDINGS_OF_LABELS, ceiling)
    share = mean_estimate(of_labels["rho_within"])
    n_clips = sum(row["n_clips_test"] for row in rows)
    within_low, within_high = interval_within_clips(
        share, n_levels, n_clips, MIN_RECORDINGS_OF_LABELS
    )
    row = {
        "mean_test_low": test_low,
        "mean_test_high": test_high,
        "mean_rho_ridge": _mean([row["rho_ridge"] for row in rows]),
        "rho_ridge_low": low,
        "rho_ridge_high": high,
        "mean_rho_within": _mean([row["rho_within"] for row in rows]),
        "rho_within_low": within_low,
        "rho_within_high": within_high,
    }
    for (_, null), drawn in mean_over_labels(draws).items():
        row[f"p_{null}"] = null_row(null, n_levels, *drawn).get("p")
    return row


def project_regularised(data, effected):
    """Project clips (P, n, d) on the regularised direction; zeros where there is none."""
    import numpy as np

    from embedding_sensitivity.analysis.correlation import project

    basis = data.directions.subspaces["regularised"]
    return project(effected, basis[0] if len(basis) else np.zeros(effected.shape[-1]))


def across_labels(data) -> list[dict]:
    """Rows of table cross_label of this label's direction, on the test clips of every label."""
    import numpy as np

    from embedding_sensitivity.analysis.correlation import global_rho

    rows = []
    for label, clips in data.everyone.test.items():
        if clips:
            effected = data.everyone.effected(clips).astype(np.float64)
            rho = global_rho(project_regularised(data, effected))
            rows.append({"label_a": data.label, "label_b": label, "rho": rho})
    return rows


def conclude(found) -> dict:
    from embedding_sensitivity.analysis.statistics import adjust_p_values

    across = [row for of_label in found.values() for row in of_label.pop("cross_label")]
    draws = [of_label.pop("draws") for of_label in found.values()]
    # Of labels that respond: where nothing moves there is no direction to speak of.
    responds = {label: of_label.pop("responds") for label, of_label in found.items()}
    estimates = [of_label.pop("estimates", None) for of_label in found.values()]
    draws, estimates = (list(compress(each, responds.values())) for each in (draws, estimates))
    tables = {"regularised": [], "left_out": [], **combine(found)}
    (n_levels,) = {row["n_levels"] for row in tables["global_r2"]}
    means = average_labels(estimates if all(estimates) else [], draws, n_levels)
    rho = [
        row["rho"]
        for row in across
        if row["label_a"] != row["label_b"] and responds[row["label_b"]]
    ]
    means["mean_rho_across"] = _mean([value for value in rho if value == value])
    adjust_p_values(tables["nulls"], "p", "p_adjusted", ("statistic", "null"))
    return {**tables, "cross_label": across, "r2_means": [means]}


def projection_rows(data, split: str, points, along) -> list[dict]:
    """Rows of the table projections, of the clips of a split; `along` (P, n) are those on u."""
    regularised = project_regularised(data, points.effected)
    return [
        {
            "split": split,
            "clip": clip,
            "level": level,
            "projection": along[p, i],
            "projection_regularised": regularised[p, i],
        }
        for p, level in enumerate(data.levels)
        for i, clip in enumerate(points.clips)
    ]


def summarise_r2(tables: Mapping[str, Iterable[Mapping[str, str]]]) -> list[dict]:
    """Table I: means and standard deviations (ddof 1) over labels, from rows as text.

    Of R2 and test R2 from ``global_r2``; labels whose R2 is empty (a constant projection has none)
    are left out and not counted. `n_above_null` counts those with an R2 above its high null, which
    a saturated fit can't have. The rest are columns of ``r2_means``, with p-values adjusted over
    all models and effects.
    """
    from embedding_sensitivity.analysis.statistics import adjust_p_values

    found = defaultdict(list)
    for row in tables["global_r2"]:
        found[row["model"], row["effect"]].append(row)
    means = {(row["model"], row["effect"]): row for row in tables["r2_means"]}
    summary = []
    for (model, effect), labels in found.items():
        train = _numbers(labels, "r2")
        test = _numbers(labels, "r2_test")
        tested = [row for row in labels if row["r2"] and row["saturated"] != "1"]
        summary.append(
            {
                **means[model, effect],
                "mean": _mean(train),
                "std": _deviation(train),
                "mean_test": _mean(test),
                "std_test": _deviation(test),
                "n_labels": len(train),
                "mean_null": _mean(_numbers(labels, "r2_null_mean")),
                "n_above_null": sum(float(row["r2"]) > float(row["r2_null_high"]) for row in tested)
                if tested
                else None,
                "mean_heldout_levels": _mean(_numbers(labels, "r2_heldout_levels")),
            }
        )
    for name, adjusted in zip(PVALUES, ADJUSTED, strict=True):
        adjust_p_values(summary, name, adjusted)
    return summary


def compare_with_untrained(tables: Mapping[str, Iterable[Mapping[str, str]]]) -> list[dict]:
    """Rows of the table trained_untrained, of models whose control is there, from rows as text."""
    import numpy as np

    from embedding_sensitivity.analysis.intervals import (
        MIN_RECORDINGS_OF_LABELS,
        interval,
        mean_estimate,
        p_differs,
        paired_difference,
    )
    from embedding_sensitivity.analysis.statistics import adjust_p_values
    from embedding_sensitivity.models import untrained_of

    whole = {
        (row["model"], row["effect"], row["label"]): float(row["rho_ridge"])
        for row in tables["regularised"]
        if row["rho_ridge"]
    }
    without = defaultdict(dict)
    for row in tables["left_out"]:
        key = row["model"], row["effect"], row["label"]
        without[key][row["group"]] = float(row["rho_ridge"] or "nan")
    pairs = defaultdict(list)
    for model, effect, label in whole:
        control = untrained_of(model), effect, label
        if control in whole:
            pairs[model, effect].append(((model, effect, label), control))
    compared = []
    for (model, effect), labels in pairs.items():
        groups = [sorted(without[pair[0]]) for pair in labels]
        jackknifed = [
            [(whole[key], np.array([without[key][group] for group in own])) for key in pair]
            for pair, own in zip(labels, groups, strict=True)
        ]
        found = mean_estimate(
            [
                paired_difference(*each, names)
                for each, names in zip(jackknifed, groups, strict=True)
            ]
        )
        means = [_mean([each[side][0] for each in jackknifed]) for side in (0, 1)]
        low, high = interval(found, MIN_RECORDINGS_OF_LABELS)
        row = {
            "model": model,
            "effect": effect,
            "rho_ridge": means[0],
            "rho_ridge_untrained": means[1],
            "difference": means[0] - means[1],
            "difference_low": low,
            "difference_high": high,
            "n_groups": len(set().union(*groups)),
            "n_labels": len(labels),
        }
        if low is not None:
            row["p"] = p_differs(found, 0.0)
        compared.append(row)
    adjust_p_values(compared, "p", "p_adjusted")
    return compared


def _numbers(rows: Iterable[Mapping[str, str]], column: str) -> list[float]:
    return [float(row[column]) for row in rows if row[column]]


def _mean(values: list[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _deviation(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def draw_correlation(tables, subject, style):
    from embedding_sensitivity.figures.correlation import plot_correlation

    what = subject.model, subject.labels, subject.effect, style
    rows = (tables[name] for name in ("projections", "global_r2", "regularised"))
    return plot_correlation(*what, *rows)


def draw_table1(tables, subject, style):
    from embedding_sensitivity.figures.table1 import plot_table1

    effects = [effect.name for effect in subject.effects]
    return plot_table1(subject.models, effects, style, tables["table1"], tables["global_r2"])
