"""One-against-rest classifiers on debiased embeddings, and what debiasing gains (section IV)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.analysis.classifiers.logistic import fit, root_of
from embedding_sensitivity.analysis.classifiers.verdicts import differ_from_first, gain_statistics
from embedding_sensitivity.analysis.correlation import first_equal_rows
from embedding_sensitivity.analysis.directions import (
    LabelDirections,
    n_directions,
    project_out,
    project_out_gram,
)
from embedding_sensitivity.analysis.intervals import ClusteredAuc
from embedding_sensitivity.clips.split import N_FOLDS, classifier_clips
from embedding_sensitivity.experiment.measures import PAPER_METHODS, THRESHOLD_METHOD
from embedding_sensitivity.files.errors import InputError

if TYPE_CHECKING:
    from embedding_sensitivity.embeddings.effect_data import LabelData

PENALTIES = tuple(10.0**exponent for exponent in range(-8, 4))
# C's whose mean AUC is this near to the best count as tied with it.
TIE = 1e-12
# Gains smaller than this are rounding: those of true AUCs are multiples of 1 / (2 n_pos n_neg).
ROUNDING = 1e-12
# A method and, where it has one, its threshold.
Variant = tuple[str, float | None]
# Duals (M, n) of each fold's fits and, last, (1, n) of the fit to all samples.
Duals = list[np.ndarray]
# Indices of the samples to train on and of those to validate with.
Fold = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Classifiers:
    """Fitted classifiers of one label: S training sets times V bases.

    weights : (S, V, d), already free of the directions projected out
    intercepts : (S, V), of decision values, above 0 for the label
    best_c, n_tied_c : (S, V)
    """

    weights: np.ndarray
    intercepts: np.ndarray
    best_c: np.ndarray
    n_tied_c: np.ndarray

    def scores(self, points: np.ndarray, which: tuple) -> np.ndarray:
        """Scores to rank points (n, d) by, of the classifiers at index `which`, as (..., n).

        Decision values less the intercept, which changes no order. Equal points get equal scores,
        whatever the rounding of a matrix product.
        """
        return (self.weights[which] @ points.T)[..., first_equal_rows(points)]


def train(
    training_sets: np.ndarray,
    positive: np.ndarray,
    bases: Sequence[np.ndarray],
    solver: str = "exact",
    folds: Sequence[Fold] = (),
) -> Classifiers:
    """Train one label's classifier on every training set and for every basis projected out.

    Parameters
    ----------
    training_sets : (S, n, d), the same clips uneffected and at each level, in protocol order
    positive : (n,), bool
    bases : V arrays (k, d) with orthonormal rows; (0, d) projects nothing out
    solver : see `logistic.fit`
    folds : of the cross-validation, where they are not `stratified_folds` of the samples
    """
    n_sets, n_samples, dimension = training_sets.shape
    ones = np.ones((n_samples, 1))
    shape = (n_sets, len(bases))
    result = Classifiers(
        np.empty((*shape, dimension)), np.empty(shape), np.empty(shape), np.empty(shape, int)
    )
    folds = folds or stratified_folds(positive, N_FOLDS)
    # A level is close to the next, and a basis to the first: their duals are good guesses.
    earlier: list[list[Duals]] = [[] for _ in bases]
    for index, points in enumerate(training_sets):
        points = points.astype(np.float64)
        first = first_equal_rows(points)
        gram = points @ points.T
        for variant, basis in enumerate(bases):
            # Equal samples get equal inner products, so that their scores tie.
            kernel = project_out_gram(gram, points, basis)[first].take(first, axis=1)
            kernel += 1.0
            samples = None
            if dimension < n_samples:
                samples = np.concatenate([project_out(points, basis), ones], axis=1)
            similar = earlier[variant] + (earlier[0][-1:] if variant else [])
            best, tied, duals = _train_one(kernel, samples, positive, folds, first, solver, similar)
            earlier[variant] = [*earlier[variant][-1:], duals]
            weights = duals[-1][0] @ points
            result.weights[index, variant] = weights - (weights @ basis.T) @ basis
            result.intercepts[index, variant] = duals[-1][0].sum()
            result.best_c[index, variant], result.n_tied_c[index, variant] = best, tied
    return result


def train_label(
    data: "LabelData", methods: Sequence[str], thresholds: Sequence[float], solver: str
) -> tuple[Classifiers, dict[Variant, int], int]:
    """Train a label's classifiers on its training set, uneffected and at each level that applies.

    Returns
    -------
    The classifiers, the basis of each of the paper's `methods`, the first that of none, and the
    number of clips. Measures of a group share them.
    """
    if "classifiers" not in data.shared:
        everyone = data.everyone
        clips = classifier_clips(everyone.training, data.label)
        effected = everyone.effected(clips)[~data.neutral]
        sets = np.concatenate([everyone.originals(clips)[None], effected])
        methods = [method for method in methods if method in PAPER_METHODS]
        variants, bases = distinct_bases(data.directions, methods, thresholds, sets.shape[-1])
        trained = train(sets, np.isin(clips, data.training.clips), bases, solver)
        data.shared["classifiers"] = trained, variants, len(clips)
    return data.shared["classifiers"]


def stratified_folds(positive: np.ndarray, n_folds: int) -> list[Fold]:
    """Training and validation indices of each fold: scikit-learn's unshuffled ``StratifiedKFold``.

    Folds take turns at the samples sorted by class, the first sample's class first: that says how
    many of each class a fold gets. Each class then fills the folds in the order of its samples.
    (scikit-learn itself takes a second to import, and a classifier milliseconds to train.)
    """
    other = positive != positive[0]
    by_class = np.sort(other)
    fold_of = np.empty(len(other), dtype=int)
    for which in (False, True):
        sizes = [(by_class[fold::n_folds] == which).sum() for fold in range(n_folds)]
        fold_of[other == which] = np.repeat(np.arange(n_folds), sizes)
    return [(np.flatnonzero(fold_of != f), np.flatnonzero(fold_of == f)) for f in range(n_folds)]


def _train_one(
    kernel: np.ndarray,
    samples: np.ndarray | None,
    positive: np.ndarray,
    folds: Sequence,
    first: np.ndarray,
    solver: str,
    similar: Sequence[Duals],
) -> tuple[float, int, Duals]:
    """The C of the best mean AUC over the folds, how many C's tie with it, and all duals.

    Parameters
    ----------
    kernel : (n, n), see `logistic.fit`
    samples : (n, d + 1), of the kernel, for where they are more than dimensions
    folds : pairs of training and validation indices
    first : (n,), see `first_equal_rows`
    similar : what this function returned for similar problems

    The mean is the plain one of `roc_auc`'s values and the first strict maximum wins, so that C
    is the one scikit-learn's functions choose, to the last bit.
    """

    def root(inner, rows):
        many = samples is not None and samples.shape[1] < len(inner)
        return samples[rows] if many else root_of(inner)

    areas = np.empty((len(folds), len(PENALTIES)))
    duals: Duals = []
    together = np.zeros((len(PENALTIES), len(positive)))
    for fold, (rows, validation) in enumerate(folds):
        inner = kernel[rows].take(rows, axis=1)
        guesses = [other[fold] for other in similar]
        cross = kernel[rows].take(validation, axis=1) - 1.0
        settled = _order_is_certain(
            positive[validation], kernel[validation].take(validation, axis=1), cross
        )
        duals.append(
            fit(inner, root(inner, rows), positive[rows], PENALTIES, solver, guesses, settled)
        )
        together[:, rows] += duals[fold] / (len(folds) - 1)
        # The intercept is left out, as it changes no order. The rounding of a matrix product may
        # differ between equal samples: they take the score of the first of them.
        scores = duals[fold] @ cross
        _, position, same = np.unique(first[validation], return_index=True, return_inverse=True)
        areas[fold] = roc_auc(positive[validation], scores[:, position[same]])
    means = areas.mean(axis=0)
    best = int(means.argmax())
    guesses = [together[[best]], *(other[-1] for other in similar)]
    whole = root(kernel, slice(None))
    duals.append(fit(kernel, whole, positive, PENALTIES[best : best + 1], solver, guesses))
    return PENALTIES[best], int((means >= means.max() - TIE).sum()), duals


def _order_is_certain(positive: np.ndarray, kernel: np.ndarray, cross: np.ndarray) -> Callable:
    """A function that tells whether no better solution can change the AUC (see `logistic.fit`).

    Parameters
    ----------
    positive : (v,), bool, of the validation samples
    kernel : (v, v), their inner products
    cross : (n, v), theirs with the training samples
    """
    radius = np.sqrt((np.diagonal(kernel) + kernel[0, 0] - 2 * kernel[0]).max())

    def certain(duals: np.ndarray, error: float) -> bool:
        # No two scores shift against each other by more than the error times the samples'
        # distance: a positive stays above, or below, a negative that is further from it.
        scores = duals @ cross
        order = np.argsort(scores)
        hits = positive[order]
        gaps = np.diff(scores[order])[hits[1:] != hits[:-1]]
        return gaps.min() > 2 * radius * error

    return certain


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, bit for bit that of ``sklearn.metrics.roc_auc_score``.

    Parameters
    ----------
    positive : (n,), bool, with both classes
    scores : (..., n)

    Returns
    -------
    areas : (...)
    """
    order = np.argsort(-scores, axis=-1, kind="stable")
    hits = positive[order]
    ordered = np.take_along_axis(scores, order, axis=-1)
    last = np.concatenate(
        [ordered[..., 1:] != ordered[..., :-1], np.ones((*scores.shape[:-1], 1), bool)], axis=-1
    )
    areas = np.empty(scores.shape[:-1])
    for index in np.ndindex(areas.shape):
        areas[index] = _area(hits[index].tobytes(), last[index].tobytes())
    return areas


@lru_cache(maxsize=4096)
def _area(hits: bytes, last: bytes) -> float:
    """Area from the positives in order of falling score, and where a run of equal scores ends.

    The arithmetic is that of scikit-learn's roc_curve and auc, collinear points dropped, because
    which C wins may hang on the last bit. Few orders are ever seen where few clips are ranked,
    hence the cache.
    """
    ends = np.flatnonzero(np.frombuffer(last, bool))
    true = np.cumsum(np.frombuffer(hits, bool), dtype=np.float64)[ends]
    false = 1 + ends - true
    if len(ends) > 2:
        corners = np.ones(len(ends), bool)
        corners[1:-1] = np.logical_or(np.diff(false, 2), np.diff(true, 2))
        true, false = true[corners], false[corners]
    true = np.concatenate([[0.0], true / true[-1]])
    false = np.concatenate([[0.0], false / false[-1]])
    return float((np.diff(false) * (true[1:] + true[:-1]) / 2.0).sum())


def distinct_bases(
    directions: LabelDirections,
    methods: Sequence[str],
    thresholds: Sequence[float],
    dimension: int,
) -> tuple[dict[Variant, int], list[np.ndarray]]:
    """The different subspaces that the methods project out, each once.

    Thresholds that keep the same number of directions share a subspace, and whatever keeps none
    shares that of method ``none``, which is the first: every gain is against it.
    """
    nothing = np.empty((0, dimension))
    found: dict[tuple[str, int], int] = {("none", 0): 0}
    bases: list[np.ndarray] = [nothing]
    index: dict[Variant, int] = {}
    for method in methods:
        if method not in PAPER_METHODS:
            raise InputError(f"method {method!r}: expected one of {', '.join(PAPER_METHODS)}")
        for threshold in thresholds if method == THRESHOLD_METHOD else (None,):
            basis = nothing if method == "none" else directions.subspaces[method]
            if threshold is not None:
                basis = basis[: n_directions(directions.singular_values, threshold)]
            key = (method if len(basis) else "none", len(basis))
            if key not in found:
                found[key] = len(bases)
                bases.append(basis)
            index[method, threshold] = found[key]
    return index, bases


def check_test_clips(test: Mapping[str, Sequence[str]]) -> None:
    """Refuse labels with no test clip, or with all of them: no AUC can be measured."""
    n_test = sum(map(len, test.values()))
    for label, clips in test.items():
        if len(clips) in (0, n_test):
            raise InputError(
                f"label {label}: {len(clips)} of {n_test} test clips are of it, some and not all "
                "are needed to measure an AUC: add test clips or leave it out"
            )


def evaluate(
    trained: Classifiers,
    variants: Mapping[Variant, int],
    tests: Mapping[str, np.ndarray],
    is_label: np.ndarray,
    groups: Sequence[str],
) -> tuple[list[dict], list[dict]]:
    """Test one label's classifiers: rows of tables auc and auc_gain.

    Parameters
    ----------
    trained : `train`'s, on originals and on each level in the order of `tests`
    variants : the basis of each method and threshold, `distinct_bases`'
    tests : test clips (n, d), originals first and then at each level, by name
    is_label : (n,), whether they are of the label
    groups : (n,), the recordings they were cut from

    Classifiers of originals are tested on everything, those of a level on originals and that level.
    """
    clustered = ClusteredAuc(is_label, groups)
    names = list(tests)
    areas, gains = [], []
    for number, points in enumerate(tests.values()):
        points = points.astype(np.float64)
        for position in range(len(names)) if number == 0 else (0, number):
            scores = trained.scores(points, (position,))
            area = roc_auc(is_label, scores)
            gain = area - area[0]
            gain[np.abs(gain) < ROUNDING] = 0.0
            parted = clustered.components(scores)
            intervals, (_, parts) = clustered.intervals_of(*parted), parted
            differ = differ_from_first(scores)
            found = gain_statistics(gain, parts - parts[:, :1], clustered, differ)
            for (method, threshold), basis in variants.items():
                cell = {
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
                        "low": intervals[basis][0],
                        "high": intervals[basis][1],
                    }
                )
                if method != "none":
                    values = {name: column[basis] for name, column in found.items()}
                    gains.append(
                        {**cell, "gain": gain[basis], **values, "n_groups": clustered.n_groups}
                    )
    return areas, gains
