"""What projecting directions out does to classifiers: the rows of table auc (section IV)."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np

from sensitivity.classification import Classifiers, roc_auc, train
from sensitivity.direction_store import read_directions
from sensitivity.directions import LabelDirections, n_directions
from sensitivity.effect_data import EffectData
from sensitivity.errors import InputError
from sensitivity.protocol import METHODS, ORIGINAL, THRESHOLD_METHOD, classifier_clips


@dataclass(frozen=True)
class DebiasingPlan:
    """Which subspaces are projected out, and how the classifiers are fitted."""

    methods: Sequence[str]
    thresholds: Sequence[float]
    solver: str = "exact"


@dataclass(frozen=True)
class TrainedLabel:
    """A label's classifiers; `bases` maps (method, threshold) to their second index."""

    classifiers: Classifiers
    bases: dict[tuple[str, float | None], int]
    n_train: int


def distinct_bases(
    directions: LabelDirections, settings: DebiasingPlan, dimension: int
) -> tuple[dict[tuple[str, float | None], int], list[np.ndarray]]:
    """The different subspaces that the methods project out, each once.

    Thresholds that keep the same number of directions share a subspace, and whatever keeps none
    shares that of method ``none``.
    """
    nothing = np.empty((0, dimension))
    found: dict[tuple[str, int], int] = {}
    bases: list[np.ndarray] = []
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


def train_label(
    label: str, data: EffectData, directions_path: str | os.PathLike, settings: DebiasingPlan
) -> TrainedLabel:
    """Train one label's classifiers on the original clips and on every level that isn't neutral."""
    directions = read_directions(
        directions_path, label, data.training[label], {"levels": data.levels}
    )
    clips = classifier_clips(data.training, label)
    own = set(data.training[label])
    positive = np.array([clip in own for clip in clips])
    sets = np.concatenate([data.originals(clips)[None], data.effected(clips)[~data.neutral]])
    index, bases = distinct_bases(directions, settings, sets.shape[-1])
    return TrainedLabel(train(sets, positive, bases, settings.solver), index, len(clips))


def classify_effect(
    data: EffectData, directions_path: str | os.PathLike, settings: DebiasingPlan, workers: int = 1
) -> Iterator[dict]:
    """Rows of table auc but for their model and effect.

    `workers` processes train a label each; the rows don't depend on their number.
    """
    owner = [label for label in data.labels for _ in data.test[label]]
    clips = [clip for label in data.labels for clip in data.test[label]]
    for label in data.labels:
        if len(data.test[label]) in (0, len(owner)):
            raise InputError(
                f"label {label}: {len(data.test[label])} of {len(owner)} test clips are of it, "
                "some and not all are needed to measure an AUC: add test clips or leave it out"
            )
    job = partial(train_label, data=data, directions_path=directions_path, settings=settings)
    workers = min(workers, len(data.labels))
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            trained = dict(zip(data.labels, pool.map(job, data.labels), strict=True))
    else:
        trained = {label: job(label) for label in data.labels}

    levels = [level for level, skip in zip(data.levels, data.neutral, strict=True) if not skip]
    training_sets = dict(enumerate([ORIGINAL, *levels]))
    yield from _test_rows(trained, owner, data.originals(clips), ORIGINAL, training_sets)
    for number, points in enumerate(data.effected(clips)[~data.neutral], start=1):
        level = training_sets[number]
        yield from _test_rows(trained, owner, points, level, {0: ORIGINAL, number: level})


def _test_rows(
    trained: dict[str, TrainedLabel],
    owner: Sequence[str],
    points: np.ndarray,
    test: str,
    training_sets: dict[int, str],
) -> Iterator[dict]:
    """Rows of test set `test`; `training_sets` maps positions of classifiers to their names."""
    points = points.astype(np.float64)
    positions = list(training_sets)
    for label, found in trained.items():
        positive = np.array([name == label for name in owner])
        areas = roc_auc(positive, found.classifiers.scores(points, positions))
        for (method, threshold), basis in found.bases.items():
            for row, position in enumerate(positions):
                yield {
                    "label": label,
                    "method": method,
                    "threshold": threshold,
                    "train": training_sets[position],
                    "test": test,
                    "roc_auc": areas[row, basis],
                    "best_c": found.classifiers.best_c[position, basis],
                    "n_tied_c": found.classifiers.n_tied_c[position, basis],
                    "n_train": found.n_train,
                    "n_test": len(owner),
                }
