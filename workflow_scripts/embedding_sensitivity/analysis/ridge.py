"""The regularised direction: what of the level can be read off other recordings (spec 7.1).

w = (X'X + lambda I)^-1 X'y with points and levels centred. The exact fit of canonical correlation
passes through every point where there are as many dimensions, and then weighs differences that are
rounding; the penalty keeps to directions in which the points vary. It is chosen by how well levels
of left-out recordings are predicted.
"""

from collections.abc import Sequence

import numpy as np
from scipy import linalg

from embedding_sensitivity.analysis.cca import LeastSquares, moves, unit_levels

N_FOLDS = 4
# Relative to the mean eigenvalue of X'X, of those that can differ from zero.
PENALTIES = 10.0 ** np.arange(-6, 3)
FOLD_SEED = 20220419


def recording_folds(groups: Sequence[str]) -> np.ndarray:
    """The fold (N,) of each clip: four of about as many recordings, each with all its clips.

    As many as there are recordings if they are fewer; which recording is in which depends on the
    names alone. The clips of a single recording are folded themselves.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) == 1:
        return np.arange(len(groups)) % N_FOLDS
    order = np.random.default_rng(FOLD_SEED).permutation(len(names))
    return (order % N_FOLDS)[group_of]


def fit_ridge(effected: np.ndarray, groups: Sequence[str]) -> tuple[np.ndarray, float]:
    """The regularised direction of one label, and its penalty relative to the mean eigenvalue.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending
    groups : (N,), the clips' recordings

    Returns
    -------
    w : (d,), whose scalar product with a point predicts the level's rank, 0 to 1, up to a constant;
        zero if no clip's points differ
    penalty : of `PENALTIES`, that of the least squared error over left-out recordings
    """
    n_levels, n_clips, dimension = effected.shape
    fit = LeastSquares(effected.reshape(n_levels * n_clips, dimension))
    targets = np.repeat(unit_levels(n_levels) - 0.5, n_clips)
    penalty = choose_penalty(fit, targets, np.tile(recording_folds(groups), n_levels))
    return Ridge(fit, penalty).solve(targets) * moves(effected), penalty


def mean_eigenvalue(fit: LeastSquares) -> float:
    """Of the Gram matrix of the centred points, of the eigenvalues that can differ from zero."""
    n_points, dimension = fit.centred.shape
    return float((fit.centred**2).sum() / max(min(n_points - 1, dimension), 1))


def choose_penalty(fit: LeastSquares, targets: np.ndarray, fold: np.ndarray) -> float:
    """The penalty with the least squared error on the points of left-out folds.

    Parameters
    ----------
    targets : (n,), of sum zero, and so in each fold
    fold : (n,), the fold that each point is left out in
    """
    errors = np.zeros(len(PENALTIES))
    scale = mean_eigenvalue(fit)
    folds = np.unique(fold)
    if len(folds) < 2 or not scale:
        return 1.0
    for held in folds:
        gram, product, cross, expected = _without(fit, targets, fold == held)
        inner = np.diag_indices(len(gram))
        diagonal = gram[inner].copy()
        for index, penalty in enumerate(PENALTIES):
            gram[inner] = diagonal + penalty * scale
            factor = linalg.cho_factor(gram, check_finite=False)
            solution = linalg.cho_solve(factor, product, check_finite=False)
            errors[index] += ((cross @ solution - expected) ** 2).sum()
    return float(PENALTIES[errors.argmin()])


def _without(
    fit: LeastSquares, targets: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The normal equations without the points `held` (n,), and what predicts the levels of those.

    From the Gram matrix of all points, so that no other large one has to be made. Points are
    centred on the mean of those that are left.

    Returns
    -------
    gram : (m, m), v x v or that of the points left
    product : (m,), its right side
    cross : (h, m), whose product with the solution predicts `expected` (h,), the held points'
        targets
    """
    kept = ~held
    if not fit.wide:
        mean = fit.centred[kept].mean(axis=0)
        out = fit.centred[held]
        gram = fit.gram - out.T @ out - kept.sum() * np.outer(mean, mean)
        product = fit.centred.T @ targets - out.T @ targets[held]
        return gram, product, out - mean, targets[held]
    gram = fit.gram[np.ix_(kept, kept)]
    means = gram.mean(axis=0)
    cross = fit.gram[np.ix_(held, kept)]
    cross = cross - cross.mean(axis=1, keepdims=True) - means + means.mean()
    gram = gram - means[:, None] - means + means.mean()
    return gram, targets[kept], cross, targets[held]


class Ridge:
    """Regularised least squares of any targets on the points of `fit`, factored once."""

    def __init__(self, fit: LeastSquares, penalty: float):
        self._fit = fit
        gram = fit.gram.copy()
        gram[np.diag_indices(len(gram))] += penalty * mean_eigenvalue(fit)
        self._factor = linalg.cho_factor(gram) if gram.any() else None

    def solve(self, targets: np.ndarray) -> np.ndarray:
        """Weights (d,) of centred targets (n,), or (d, k) of k targets (n, k)."""
        fit = self._fit
        weights = np.zeros((len(fit.varying), *targets.shape[1:]))
        if self._factor is not None:
            if fit.wide:
                weights[fit.varying] = fit.centred.T @ linalg.cho_solve(self._factor, targets)
            else:
                weights[fit.varying] = linalg.cho_solve(self._factor, fit.centred.T @ targets)
        return weights
