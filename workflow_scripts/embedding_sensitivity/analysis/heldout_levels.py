"""R2 on levels that had no part in the fit.

The levels are divided into up to three folds, p and P - 1 - p in the same one. Each fold's levels
are predicted by the direction fitted to the others, y = 1/2 + <w, x - mean of the fit's points> (of
a clip by itself, see `predict_levels`), and R2 is the squared Spearman correlation of the
predictions of all levels with the level, 0 if it is negative.

The symmetry of the folds matters. Were a level left out alone, the mean of the others would be
higher the lower it is: a fit to noise, which predicts that mean, would order all levels perfectly,
the wrong way round, and a squared correlation would take it for R2 = 1.
"""

import numpy as np

from embedding_sensitivity.analysis.cca import LeastSquares, centre_points, unit_levels
from embedding_sensitivity.analysis.correlation import ordered_r2, project, spearman

N_FOLDS = 3
# Below it a fold leaves less than two levels to fit to.
MIN_LEVELS = 4
# Of a clip's own regularised direction, relative to the largest eigenvalue of its points: more than
# noise has where levels are told apart, and less than a direction in which the clip moves.
PENALTY = 0.1


def level_folds(n_levels: int) -> list[np.ndarray]:
    """Masks (P,) of the levels that each fold holds out; none for fewer than four levels."""
    if n_levels < MIN_LEVELS:
        return []
    level = np.arange(n_levels)
    fold = np.minimum(level, n_levels - 1 - level) % N_FOLDS
    return [fold == index for index in np.unique(fold)]


def global_r2(training: np.ndarray, test: np.ndarray) -> float | None:
    """R2 of other clips' held-out levels, by directions of a label's training clips.

    Parameters
    ----------
    training : (P, N, d), float64, levels ascending
    test : (P, n, d), float64

    Returns
    -------
    R2, NaN if all predictions are equal; None for fewer than four levels, or without test clips
    """
    n_levels, n_clips, dimension = training.shape
    folds = level_folds(n_levels)
    if not folds or test.shape[1] == 0:
        return None
    targets = unit_levels(n_levels)
    predicted = np.empty(test.shape[:2])
    for held in folds:
        points = training[~held].reshape(-1, dimension)
        weights = LeastSquares(points).solve(np.repeat(targets[~held], n_clips))
        predicted[held] = 0.5 + project(test[held], weights) - points.mean(axis=0) @ weights
    return float(ordered_r2(predicted.ravel(), np.repeat(targets, test.shape[1])))


def predict_levels(effected: np.ndarray) -> np.ndarray | None:
    """Predict each clip's levels by directions of the clip's own other levels.

    The direction is regularised: least squares turn to noise where a course isn't affine in the
    rank, since only noise fits what is left over. And where a held-out level lies along it is read
    off between the kept levels, on a curve that joins them, so that folds predict on one scale
    however curved the response is.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending

    Returns
    -------
    (N, P), of the rank from 0 to 1; None for fewer than four levels
    """
    folds = level_folds(len(effected))
    if not folds:
        return None
    targets = unit_levels(len(effected))
    clips = np.ascontiguousarray(effected.transpose(1, 0, 2))
    predicted = np.empty(clips.shape[:2])
    for held in folds:
        points = clips[:, ~held]
        centred = centre_points(points)
        weights = _regularised(centred, targets[~held] - 0.5)
        kept = np.sort((centred * weights[:, None]).sum(axis=-1), axis=1)
        distances = clips[:, held] - points.mean(axis=1, keepdims=True)
        along = (distances * weights[:, None]).sum(axis=-1)
        predicted[:, held] = _read_off(along, kept, targets[~held], targets[1])
    return predicted


def _regularised(centred: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Directions (N, d) of ridge regression on each clip's own points (N, P, d), centred.

    Zero where a clip's points are all the same.
    """
    gram = centred @ centred.transpose(0, 2, 1)
    largest = np.linalg.eigvalsh(gram)[:, -1]
    moving = largest > 0
    gram += (PENALTY * largest + ~moving)[:, None, None] * np.eye(gram.shape[1])
    weights = np.linalg.solve(gram, np.broadcast_to(targets[:, None], (*gram.shape[:2], 1)))
    return (centred * weights).sum(axis=1) * moving[:, None]


def _read_off(along: np.ndarray, places: np.ndarray, levels: np.ndarray, step: float) -> np.ndarray:
    """Levels at `along` (N, h) on each clip's curve through `places` (N, k), of `levels` (k,).

    Both ascend. Beyond an end of the curve lies the next level, a `step` away, or a later one. 1/2
    where all places of a clip are the same.
    """
    first, last = places[:, :1], places[:, -1:]
    inside = np.clip(along, first, last)
    after = (inside[:, :, None] >= places[:, None]).sum(axis=-1).clip(1, len(levels) - 1)
    low, high = (np.take_along_axis(places, index, axis=1) for index in (after - 1, after))
    share = _divide(inside - low, high - low)
    beyond = _divide(along - inside, last - first)
    found = levels[after - 1] + share * (levels[after] - levels[after - 1])
    return np.where(last > first, found + step * np.sign(beyond) + beyond, 0.5)


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """`values` by what they are distances of; 0 where that has no length."""
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)


def samplewise_rho(effected: np.ndarray) -> np.ndarray | None:
    """Spearman correlation (N,) of each clip's levels with `predict_levels`, signed.

    NaN where a clip's predictions are all equal; None for fewer than four levels.
    """
    predicted = predict_levels(effected)
    return None if predicted is None else correlate_predictions(predicted)


def correlate_predictions(predicted: np.ndarray) -> np.ndarray:
    """`samplewise_rho` of predictions (N, P)."""
    return spearman(predicted, np.broadcast_to(unit_levels(predicted.shape[1]), predicted.shape))


def compare_mirrored_levels(predicted: np.ndarray) -> np.ndarray:
    """How far levels p and P - 1 - p are predicted in order, (N,): 1 all of them, -1 none.

    Pairs count by their distance. One fit predicts both levels of a pair. So where levels do
    nothing, either order is as likely, and the expectation is exactly 0. That of `samplewise_rho`
    is not (0.005 to 0.01 at 6 levels): it compares predictions of fits that share points.

    Parameters
    ----------
    predicted : (N, P), of `predict_levels`; NaN is returned where a clip's are all equal
    """
    n_levels = predicted.shape[1]
    first = np.arange(n_levels // 2)
    last = n_levels - 1 - first
    order = np.sign(predicted[:, last] - predicted[:, first])
    found = np.average(order, axis=1, weights=last - first)
    return np.where(np.ptp(predicted, axis=1) > 0, found, np.nan)


def distance_growth(effected: np.ndarray) -> np.ndarray | None:
    """Spearman correlation (N,) of a clip's distance from its first level with the level.

    1 where a clip goes farther with each level, whatever the direction; -1 where levels scatter the
    less the higher they are; of expectation 0 where levels do nothing.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending

    Returns
    -------
    NaN where a clip's distances are all equal; None for fewer than three levels
    """
    if len(effected) < 3:
        return None
    distances = np.linalg.norm(effected[1:] - effected[0], axis=-1).T
    return spearman(distances, np.broadcast_to(np.arange(len(effected) - 1.0), distances.shape))


def samplewise_r2(effected: np.ndarray) -> np.ndarray | None:
    """R2 (N,) of each clip's held-out levels: `samplewise_rho` squared, 0 where it is negative."""
    rho = samplewise_rho(effected)
    return None if rho is None else np.maximum(rho, 0.0) ** 2
