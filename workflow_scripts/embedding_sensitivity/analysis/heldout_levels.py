"""R2 on levels that had no part in the fit.

The levels are divided into up to three folds, p and P - 1 - p in the same one. Each fold's levels
are predicted by the direction fitted to the others, y = 1/2 + <w, x - mean of the fit's points>,
and R2 is the squared Spearman correlation of the predictions of all levels with the level, 0 if it
is negative.

The symmetry of the folds matters. Were a level left out alone, the mean of the others would be
higher the lower it is: a fit to noise, which predicts that mean, would order all levels perfectly,
the wrong way round, and a squared correlation would take it for R2 = 1.
"""

import numpy as np

from embedding_sensitivity.analysis.cca import (
    LeastSquares,
    centred_points,
    samplewise_solutions,
    unit_levels,
)
from embedding_sensitivity.analysis.correlation import ordered_r2, project, spearman

N_FOLDS = 3
# Below it a fold leaves less than two levels to fit to.
MIN_LEVELS = 4


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


def samplewise_rho(effected: np.ndarray) -> np.ndarray | None:
    """Spearman correlation of each clip's held-out levels with their predictions, signed.

    Levels are predicted by directions of the clip's own other levels.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending

    Returns
    -------
    (N,), NaN where a clip's predictions are all equal; None for fewer than four levels
    """
    folds = level_folds(len(effected))
    if not folds:
        return None
    targets = unit_levels(len(effected))
    clips = np.ascontiguousarray(effected.transpose(1, 0, 2))
    predicted = np.empty(clips.shape[:2])
    for held in folds:
        points = clips[:, ~held]
        solutions, _ = samplewise_solutions(centred_points(points), targets[~held] - 0.5)
        distances = clips[:, held] - points.mean(axis=1, keepdims=True)
        predicted[:, held] = 0.5 + (distances * solutions[:, None]).sum(axis=-1)
    return spearman(predicted, np.broadcast_to(targets, predicted.shape))


def samplewise_r2(effected: np.ndarray) -> np.ndarray | None:
    """R2 (N,) of each clip's held-out levels: `samplewise_rho` squared, 0 where it is negative."""
    rho = samplewise_rho(effected)
    return None if rho is None else np.maximum(rho, 0.0) ** 2
