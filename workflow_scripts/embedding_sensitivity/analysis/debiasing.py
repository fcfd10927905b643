"""What projecting directions out does to classifiers: tables auc and auc_gain (section IV)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from embedding_sensitivity.analysis.classification import roc_auc, train
from embedding_sensitivity.analysis.direction_store import read_directions
from embedding_sensitivity.analysis.directions import LabelDirections, n_directions
from embedding_sensitivity.analysis.statistics import N_RESAMPLES, generator, resampled_groups
from embedding_sensitivity.analysis.verdicts import PairedBootstrap, adjust, gain_statistics
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.embeddings.effect_data import EffectData
from embedding_sensitivity.experiment.methods import METHODS, THRESHOLD_METHOD, classifier_clips
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.workers import in_order

# Far below the least difference of AUCs of any number of clips, far above their rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class DebiasingPlan:
    """Which subspaces are projected out, and how the classifiers are fitted."""

    methods: Sequence[str]
    thresholds: Sequence[float]
    solver: str = "exact"


def distinct_bases(
    directions: LabelDirections, settings: DebiasingPlan, dimension: int
) -> tuple[dict[tuple[str, float | None], int], list[np.ndarray]]:
    """The different subspaces that the methods project out, each once.

    Thresholds that keep the same number of directions share a subspace, and whatever keeps none
    shares that of method ``none``, which is the first: every gain is against it.
    """
    nothing = np.empty((0, dimension))
    found: dict[tuple[str, int], int] = {("none", 0): 0}
    bases: list[np.ndarray] = [nothing]
    index: dict[tuple[str, float | None], int] = {}
    for method in settings.methods:
        if method not in METHODS:
            raise InputError(f"method {method!r}: expected one of {', '.join(METHODS)}")
        for threshold in settings.thresholds if method == THRESHOLD_METHOD else (None,):
            basis = nothing if method == "none" else directions.subspaces[method]
            if threshold is not None:
                basis = basis[: n_directions(directions.singular_values, threshold)]
            key = (method if len(basis) else "none", len(basis))
            if key not in found:
                found[key] = len(bases)
                bases.append(basis)
            index[method, threshold] = found[key]
    return index, bases


def direction_counts(
    data: EffectData, directions_path: str | os.PathLike, thresholds: Sequence[float]
) -> Iterator[dict]:
    """Rows of table n_directions but for their model and effect."""
    for label in data.labels:
        found = read_directions(
            directions_path, label, data.training[label], {"levels": data.levels}
        )
        for threshold in thresholds:
            count = n_directions(found.singular_values, threshold)
            yield {"label": label, "threshold": threshold, "n_directions": count}


def classify_effect(
    data: EffectData,
    directions_path: str | os.PathLike,
    settings: DebiasingPlan,
    groups: Mapping[str, str],
    workers: int = 1,
) -> tuple[list[dict], list[dict]]:
    """Rows of tables auc and auc_gain but for their model and effect.

    `groups` maps the test clips to their groups (recordings). `workers` processes take a label
    each; the rows don't depend on their number.
    """
    n_test = sum(map(len, data.test.values()))
    for label in data.labels:
        if len(data.test[label]) in (0, n_test):
            raise InputError(
                f"label {label}: {len(data.test[label])} of {n_test} test clips are of it, "
                "some and not all are needed to measure an AUC: add test clips or leave it out"
            )
    job = partial(
        classify_label,
        data=data,
        directions_path=directions_path,
        settings=settings,
        groups=groups,
    )
    workers = min(workers, len(data.labels)) if workers > 1 else 0
    found = list(in_order(job, zip(data.labels, strict=True), workers, 2 * workers))
    areas, gains = ([row for rows in part for row in rows] for part in zip(*found, strict=True))
    adjust(gains)
    return areas, gains


def classify_label(
    label: str,
    data: EffectData,
    directions_path: str | os.PathLike,
    settings: DebiasingPlan,
    groups: Mapping[str, str],
) -> tuple[list[dict], list[dict]]:
    """One label's rows: classifiers of the originals and of every level that isn't neutral."""
    directions = read_directions(
        directions_path, label, data.training[label], {"levels": data.levels}
    )
    clips = classifier_clips(data.training, label)
    own = set(data.training[label])
    positive = np.array([clip in own for clip in clips])
    sets = np.concatenate([data.originals(clips)[None], data.effected(clips)[~data.neutral]])
    methods, bases = distinct_bases(directions, settings, sets.shape[-1])
    trained = train(sets, positive, bases, settings.solver)
    del sets

    # In one order, whatever that of the split: the resamples are drawn for the clips in turn.
    tests = sorted(clip for clips in data.test.values() for clip in clips)
    own = set(data.test[label])
    is_label = np.array([clip in own for clip in tests])
    test_groups = [groups[clip] for clip in tests]
    resamples = resampled_groups(test_groups, N_RESAMPLES, generator("auc_gain"))
    bootstrap = PairedBootstrap(is_label, test_groups, resamples)
    levels = [level for level, skip in zip(data.levels, data.neutral, strict=True) if not skip]
    names = [ORIGINAL, *levels]
    areas, gains = [], []
    effected = data.effected(tests)
    shown = [data.originals(tests), *(effected[row] for row in np.flatnonzero(~data.neutral))]
    for number, points in enumerate(shown):
        points = points.astype(np.float64)
        for position in range(len(names)) if number == 0 else (0, number):
            scores = trained.scores(points, (position,))
            area = roc_auc(is_label, scores)
            gain = area - area[0]
            gain[np.abs(gain) < ROUNDING] = 0.0
            resampled = bootstrap.areas(scores)
            found = gain_statistics(gain, resampled - resampled[0], bootstrap.n_groups)
            for (method, threshold), basis in methods.items():
                cell = {
                    "label": label,
                    "method": method,
                    "threshold": threshold,
                    "train": names[position],
                    "test": names[number],
                }
                areas.append(
                    {
                        **cell,
                        "roc_auc": area[basis],
                        "best_c": trained.best_c[position, basis],
                        "n_tied_c": trained.n_tied_c[position, basis],
                        "n_train": len(clips),
                        "n_test": len(tests),
                    }
                )
                if method != "none":
                    values = {name: column[basis] for name, column in found.items()}
                    gains.append(
                        {**cell, "gain": gain[basis], **values, "n_groups": bootstrap.n_groups}
                    )
    return areas, gains
