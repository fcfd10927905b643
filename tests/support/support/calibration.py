"""What the workflow's tables say of simulated worlds, beside the truth.

An experiment is drawn, its directions are fitted and its tables filled by the functions that fill
the workflow's own (`measuring.measure_labels` and each measure's `conclude`). Its truth is what the
same directions, maps and galleries give on `NEW` times as many new recordings: the estimand of the
intervals (spec 7.3). Each seed is a world of its own, with other directions and places of levels.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np

from embedding_sensitivity.analysis import (
    dimensionality,
    heldout_levels,
    retrieval,
    statistics,
)
from embedding_sensitivity.analysis.classifiers import classification
from embedding_sensitivity.analysis.classifiers.recovery import Scored
from embedding_sensitivity.analysis.classifiers.verdicts import differ_from_first, gain_statistics
from embedding_sensitivity.analysis.correlation import global_rho, project, within_clips
from embedding_sensitivity.analysis.directions import (
    LabelDirections,
    average_displacement,
    reference_variances,
)
from embedding_sensitivity.analysis.intervals import ClusteredAuc
from embedding_sensitivity.analysis.measuring import measure_label
from embedding_sensitivity.analysis.ridge import fit_ridge
from embedding_sensitivity.experiment.measures import load
from embedding_sensitivity.measures import recovery
from embedding_sensitivity.measures.recovery import fit_methods
from support.worlds import SimulatedData, World, simulate

MEASURES = ("global_r2", "samplewise_r2", "equivariance", "dimensionality", "retrieval")
# New recordings, of a clip each, that tell the truth, for each test recording: what they err by
# adds 2 to 12 % to the estimate's error.
NEW = 25
ROUNDING = 1e-9
# Table, column, the ends' prefix, and the truth it is compared with; of means that of their mean.
SAID = (
    ("regularised", "rho_ridge", "rho_ridge", "rho_ridge"),
    ("regularised", "rho_within", "rho_within", "rho_within"),
    ("global_r2", "r2_test", "r2_test", "r2_test"),
    ("equivariance", "equivariance", "equivariance", "equivariance"),
    ("equivariance", "predicted", "predicted", "predicted"),
    ("dimensionality", "energy_3", "energy_3", "energy_3"),
    ("r2_means", "mean_rho_ridge", "rho_ridge", "rho_ridge"),
    ("r2_means", "mean_rho_within", "rho_within", "rho_within"),
    ("r2_means", "mean_test", "mean_test", "r2_test"),
    ("samplewise_mean", *("rho_heldout_levels",) * 3),
    ("equivariance_mean", "equivariance", "equivariance", "equivariance"),
    ("equivariance_mean", "predicted", "predicted", "predicted"),
    ("dimensionality_mean", "energy_3", "energy_3", "energy_3"),
    ("threshold_90", "threshold_90", "threshold_90", "threshold_90"),
)
# Worlds in which nothing is there of what a null asks for; elsewhere its rejections are its power.
NULL_WORLDS = {
    "recording": ("nothing", "alike"),
    "common": ("nothing", "alike", "clusters"),
    "reversal": ("nothing", "alike", "own", "rotation", "walk"),
    "no_order": ("nothing", "alike"),  # of a clip's levels, in a way of its own
    "no_growth": ("nothing", "alike"),  # of its distance from the first level
}


@dataclass(frozen=True)
class Size:
    """Of an experiment: its labels, and recordings and clips of each in a label."""

    n_labels: int
    training: tuple[int, int]
    test: tuple[int, int]


@dataclass(frozen=True)
class Cell:
    """One value of a table beside the truth; `low` and `high` are None where it has no interval."""

    name: str
    truth: float
    said: float | None
    low: float | None
    high: float | None


def try_experiment(
    world: World | Sequence[World],
    size: Size,
    seed: int,
    measures: Iterable[str] = MEASURES,
) -> tuple[list[Cell], dict[tuple[str, str, str], list[float]]]:
    """One experiment's values beside the truth, and p-values by (table, statistic, null).

    Several worlds are those of labels in turn.
    """
    rng = np.random.default_rng(seed)
    seeds = rng.integers(2**32, size=size.n_labels)
    kinds = itertools.cycle([world] if isinstance(world, World) else world)
    worlds = {
        f"label{i} of {seed}": replace(next(kinds), seed=int(own)) for i, own in enumerate(seeds)
    }
    data = simulate(worlds, size.training, size.test, rng)
    with draw_nulls_of(seed):
        tables, fitted = fill_tables(data, measures)
    n_new = NEW * size.test[0]
    truths = [
        find_truths(data, label, fitted[label], *worlds[label].draw(n_new, 1, rng)[:2])
        for label in worlds
    ]
    truth = {name: np.array([each[name] for each in truths]) for name in truths[0]}
    truth["threshold_90"] = find_true_threshold(data, np.stack(truth.pop("recall")))
    return list(_compare(tables, truth)), _p_values(tables)


def draw_nulls_of(seed: int):
    """Have nulls draw other orders in every experiment: few draws by themselves hold no level."""
    return mock.patch.object(statistics, "SEED", seed)


def fill_tables(
    data: SimulatedData, measures: Iterable[str], **options: Mapping
) -> tuple[dict, dict]:
    """Rows of every table of the measures, and each label's directions.

    `options` are parameters of measures by their names.
    """
    everyone = np.concatenate([data.training_originals[label] for label in data.labels])
    reference = reference_variances(everyone.astype(np.float64))
    chosen = [(name, None, options.get(name, {})) for name in measures]
    fitted, found = {}, {name: {} for name in measures}
    for label in data.labels:
        fitted[label], results = measure_label(
            label, None, measures=chosen, data=data, fits_directions=True, reference=reference
        )
        for name, result in zip(measures, results, strict=True):
            found[name][label] = result
    tables = {}
    for name, of_labels in found.items():
        tables |= load(name).function("conclude")(of_labels)
    return tables, fitted


def find_truths(
    data: SimulatedData,
    label: str,
    fitted: LabelDirections,
    originals: np.ndarray,
    effected: np.ndarray,
) -> dict[str, float]:
    """What one label's directions are on new clips (n, d), (P, n, d), a recording each.

    `recall` (P + 1,) is of these as queries.
    """
    training, applied, n_new = data.training[label], ~data.neutral, len(originals)
    before = data.originals(training).astype(np.float64)
    after = data.effected(training).astype(np.float64)
    originals, effected = originals + data.place_of[label], effected + data.place_of[label]
    along, exact = (
        project(effected, fitted.subspaces[name][0]) for name in ("regularised", "global_cca")
    )
    displacements = after[applied] - before
    new = effected[applied] - originals
    alone = [str(index) for index in range(n_new)]
    leading = dimensionality.leading_directions(displacements.reshape(-1, before.shape[1]))[:3]
    within = (new @ leading.T) ** 2
    moves = effected - effected.mean(axis=0)
    squares = (moves**2).sum()
    missed = new - displacements.mean(axis=1)[:, None]
    gallery = np.concatenate([data.test_originals[each] for each in data.labels])
    nearer, rivals = retrieval.retrieve(
        np.concatenate([effected, originals[None]]),
        originals,
        alone,
        gallery.astype(np.float64),
        [""] * len(gallery),
    )
    return {
        "rho_ridge": global_rho(along),
        "rho_within": float(np.nanmean(within_clips(along))),
        "r2_test": global_rho(exact) ** 2,
        "rho_heldout_levels": float(np.nanmean(heldout_levels.samplewise_rho(effected))),
        # Never negative but for the sample's noise.
        "equivariance": max(0.0, ((moves.sum(axis=1) ** 2).sum() / squares - 1) / (n_new - 1)),
        "predicted": 1 - (missed**2).sum() / (new**2).sum(),
        "energy_3": within.sum() / (new**2).sum(),
        "recall": retrieval.recall_and_mrr(nearer, rivals)[0].mean(axis=1),
    }


def find_true_threshold(data: SimulatedData, recall: np.ndarray) -> float:
    """The threshold of the mean over labels of `recall` (L, P + 1) at levels that ascend."""
    ((_, indices, levels),) = retrieval.sides_of(
        [float(level) for level in data.levels], data.neutral_level, data.mild_end
    )
    return float(retrieval.find_threshold(levels, recall.mean(axis=0)[indices]))


def _compare(tables: Mapping[str, list[dict]], truth: Mapping) -> Iterable[Cell]:
    tests = [row.get("r2_test") for row in tables.get("global_r2", ())]
    for row in tables.get("r2_means", ()):
        row["mean_test"] = float(np.mean(tests))
    for table, column, prefix, name in SAID:
        if table not in tables:
            continue
        values = np.atleast_1d(truth[name])
        truths = values if len(tables[table]) == len(values) else [values.mean()]
        for row, value in zip(tables[table], truths, strict=True):
            ends = [_end(row, f"{prefix}{end}") for end in ("_low", "_high")]
            yield Cell(f"{table}.{column}", float(value), _end(row, column), *ends)


def _end(row: Mapping, column: str) -> float | None:
    """A column's value: of a threshold beyond the levels, infinite."""
    bound = row.get(column.replace("threshold_90", "bound"), "=") if "threshold" in column else "="
    return {"<": -np.inf, ">": np.inf}.get(bound, row.get(column))


def _p_values(tables: Mapping[str, list[dict]]) -> dict[tuple[str, str, str], list[float]]:
    found = defaultdict(list)
    for row in tables.get("nulls", ()):
        if row.get("p") is not None:
            found["nulls", row["statistic"], row["null"]].append(row["p"])
    for row in tables.get("r2_means", ()):
        for null in statistics.NULLS:
            if row.get(f"p_{null}") is not None:
                found["r2_means", "mean_rho_ridge", null].append(row[f"p_{null}"])
    for row in tables.get("samplewise_mean", ()):
        for column, name, null in (
            ("p", "rho_heldout_levels", "no_order"),
            ("p_growth", "growth", "no_growth"),
        ):
            if row.get(column) is not None:
                found["samplewise_mean", name, null].append(row[column])
    return found


def covers(cell: Cell) -> bool:
    """Whether the interval holds the truth."""
    return cell.low - ROUNDING <= cell.truth <= cell.high + ROUNDING


def try_nulls(
    world: World, size: tuple[int, int], seed: int
) -> tuple[list[Cell], dict[tuple[str, str, str], list[float]]]:
    """p-values of one label's nulls alone, as `try_experiment`; the other splits are as large."""
    rng = np.random.default_rng(seed)
    world = replace(world, seed=int(rng.integers(2**32)))
    (_, training, groups), (_, test, test_groups) = (
        world.draw(*size, rng, prefix) for prefix in ("r", "t")
    )
    training, test = training.astype(np.float64), test.astype(np.float64)
    _, penalty = fit_ridge(training, groups)
    with draw_nulls_of(seed):
        drawn = statistics.null_statistics(training, test, groups, test_groups, penalty)
    rows = [
        {"statistic": key[0], "null": key[1], **statistics.null_row(key[1], len(training), *found)}
        for key, found in drawn.items()
    ]
    return [], _p_values({"nulls": rows})


def try_classifiers(
    world: World, size: Size, seed: int
) -> tuple[list[Cell], dict[tuple[str, str, str], list[float]]]:
    """AUCs of one label's classifiers, and what debiasing gains, beside those on new recordings.

    Trained on originals and on the last level, without debiasing and with the mean displacement
    projected out, and tested on both.
    """
    rng = np.random.default_rng(seed)
    world = replace(world, seed=int(rng.integers(2**32)))
    labels = [f"label{i}" for i in range(size.n_labels)]
    data = simulate(dict.fromkeys(labels, world), size.training, size.test, rng)
    clips = [clip for label in labels for clip in data.training[label]]
    sets = np.stack([data.originals(clips), data.effected(clips)[-1]]).astype(np.float64)
    is_own = np.isin(clips, data.training[labels[0]])
    direction = average_displacement((sets[1] - sets[0])[is_own])
    trained = classification.train(sets, is_own, [np.empty((0, world.dimension)), direction[None]])
    tests = [clip for label in labels for clip in data.test[label]]
    points = data.originals(tests), data.effected(tests)[-1]
    is_label = np.isin(tests, data.test[labels[0]])
    clustered = ClusteredAuc(is_label, [data.group_of[clip] for clip in tests])
    # New clips are where those of their label are.
    drawn = [world.draw(NEW * size.test[0], 1, rng)[:2] for _ in labels]
    places = np.repeat([data.place_of[label] for label in labels], len(drawn[0][0]), axis=0)
    new = [
        np.concatenate(parts) + places
        for parts in ([each[0] for each in drawn], [each[1][-1] for each in drawn])
    ]
    is_new = np.arange(len(new[0])) < NEW * size.test[0]
    cells = []
    for at_level, new_at_level in zip(points, new, strict=True):
        for position in range(len(sets)):
            scores = trained.scores(at_level.astype(np.float64), (position,))
            truth = classification.roc_auc(is_new, trained.scores(new_at_level, (position,)))
            area, parts = clustered.components(scores)
            ends = clustered.intervals(scores)
            cells += [
                Cell("auc", float(truth[v]), float(area[v]), *ends[v]) for v in range(len(area))
            ]
            gain = area - area[0]
            differ = differ_from_first(scores)
            found = gain_statistics(gain, parts - parts[:, :1], clustered, differ)
            low, high = (float(found[end][1]) for end in ("low", "high"))
            cells.append(Cell("auc_gain.gain", truth[1] - truth[0], gain[1], low, high))
    return cells, {}


def try_recovery(
    world: World, size: Size, seed: int
) -> tuple[list[Cell], dict[tuple[str, str, str], list[float]]]:
    """What projecting the mean displacement out regains, beside what it does on new recordings."""
    rng = np.random.default_rng(seed)
    world = replace(world, seed=int(rng.integers(2**32)))
    labels = [f"label{i}" for i in range(size.n_labels)]
    data = simulate(dict.fromkeys(labels, world), size.training, size.test, rng)
    methods = ["average_displacement"]
    options = {"methods": methods, "thresholds": [], "solver": "exact"}
    lines = {}

    def fit_and_keep(own, *given):
        fitted = fit_methods(own, *given)
        lines[own.label] = fitted[1]
        return fitted

    with mock.patch.object(recovery, "fit_methods", fit_and_keep):
        tables, _ = fill_tables(data, ("recovery",), recovery=options)
    # New clips are where those of their label are.
    drawn = [world.draw(NEW * size.test[0], 1, rng)[:2] for _ in labels]
    of_new = np.repeat(labels, len(drawn[0][0]))
    places = np.stack([data.place_of[label] for label in of_new])
    originals = np.concatenate([each[0] for each in drawn]) + places
    effected = np.concatenate([each[1] for each in drawn], axis=1) + places
    alone = [str(clip) for clip in range(len(of_new))]
    cells, truths = [], []
    for label in labels:
        points = [originals, *effected]
        new = Scored(list(lines[label].values()), points, of_new == label, alone)
        truths.append(
            {
                "pooled_auc": new.pooled[1],
                "gain": new.pooled[1] - new.pooled[0],
                "headroom": new.headroom,
            }
        )
    means = {name: np.mean([each[name] for each in truths]) for name in truths[0]}
    rows = [row for row in tables["recovery"] if row["method"] == methods[0]]
    (mean,) = (row for row in tables["recovery_mean"] if row["method"] == methods[0])
    for table, row, truth in (
        *(("recovery", *each) for each in zip(rows, truths, strict=True)),
        ("recovery_mean", mean, means),
    ):
        truth["recovered"] = truth["gain"] / truth["headroom"]
        for name, value in truth.items():
            # Means have no interval of the AUC itself, and a small headroom no share.
            if row.get(name) is not None and (name != "pooled_auc" or table == "recovery"):
                ends = [row[f"{name}{end}"] for end in ("_low", "_high")]
                cells.append(Cell(f"{table}.{name}", float(value), row[name], *ends))
    return cells, {}
