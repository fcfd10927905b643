"""The direction in embedding space along which an effect's level is linearly readable.

Canonical correlation with a single target is least squares: u is pinv(X) y, normalised, with X
and y centred (section III of the paper). Singular values below 1e6 eps of the largest are cut, as
scikit-learn's mode B does.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy import linalg

EPS = np.finfo(np.float64).eps
CUT = 1e6 * EPS
# Normal equations square the condition number. Down to this reciprocal condition of the squared
# matrix, iterative refinement converges and gives what an SVD gives; below it an SVD is taken.
SAFE = 1e-12
REFINEMENTS = 3
# A correction this small, relative, says that the next would be rounding.
CONVERGED = 1e-8


def unit_levels(n_levels: int) -> np.ndarray:
    """The target of the regression: the levels' ranks scaled to 0..1, shape (P,)."""
    if n_levels < 2:
        raise ValueError(f"{n_levels} level: a direction needs at least two")
    return np.arange(n_levels) / (n_levels - 1)


def global_cca(effected: np.ndarray) -> tuple[np.ndarray, int]:
    """The direction u of one label, and the rank of the centred points.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending

    Returns
    -------
    u : (d,), unit length, its largest-magnitude entry positive; zero if no clip's points differ
    rank : number of singular values kept; N P - 1 or more means that any levels can be fitted
        (`is_saturated`)
    """
    n_levels, n_clips, dimension = effected.shape
    fit = LeastSquares(effected.reshape(n_levels * n_clips, dimension))
    direction = orient(fit.solve(np.repeat(unit_levels(n_levels), n_clips)))
    return direction * moves(effected), fit.rank


def moves(effected: np.ndarray) -> bool:
    """Whether any clip's points (P, N, d) differ: if not, a fit of the level fits rounding."""
    return bool((effected != effected[0]).any())


def is_saturated(rank: int, n_points: int) -> bool:
    """Whether the fit passes through every point whatever the levels are."""
    return rank >= n_points - 1


def samplewise_cca(effected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction c_i of every clip, fitted to that clip's P points alone.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending

    Returns
    -------
    directions : (N, d), unit rows, each row's largest-magnitude entry positive; a row is zero if
        the clip's points are all the same
    ranks : (N,), of the centred points
    """
    solutions, ranks = samplewise_solutions(
        centre_points(np.ascontiguousarray(effected.transpose(1, 0, 2))),
        unit_levels(len(effected)) - 0.5,
    )
    return orient(solutions), ranks


def samplewise_solutions(centred: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimum-norm least squares of the same targets on each clip's own points.

    Parameters
    ----------
    centred : (N, P, d), each clip's points less their mean
    targets : (P,), of sum zero

    Returns
    -------
    solutions : (N, d); a row is zero if the clip's points are all the same
    ranks : (N,), of the centred points
    """
    n_clips, n_levels, dimension = centred.shape
    solutions = np.zeros((n_clips, dimension))
    ranks = np.full(n_clips, n_levels - 1)
    gram = centred @ centred.transpose(0, 2, 1)
    # The constant vector is in every centred Gram matrix's kernel and orthogonal to the targets:
    # giving it an ordinary eigenvalue makes the matrix invertible and changes no solution.
    scale = np.trace(gram, axis1=1, axis2=2) / n_levels
    gram += (scale / n_levels)[:, None, None]
    values, vectors = np.linalg.eigh(gram)
    safe = values[:, 0] > SAFE * values[:, -1]
    if safe.any():
        points = centred if safe.all() else centred[safe]
        inverse = (vectors[safe] / values[safe, None, :]) @ vectors[safe].transpose(0, 2, 1)
        weights = inverse @ targets
        for _ in range(REFINEMENTS):
            fitted = points @ (weights[:, None, :] @ points).transpose(0, 2, 1)
            weights += (inverse @ (targets[None, :, None] - fitted))[..., 0]
        solutions[safe] = (weights[:, None, :] @ points)[:, 0]
    for clip in np.flatnonzero(~safe):
        left, values, right = _cut_svd(centred[clip])
        solutions[clip], ranks[clip] = ((targets @ left) / values) @ right, len(values)
    return solutions, ranks


def orient(vectors: np.ndarray) -> np.ndarray:
    """Scale rows (..., d) to unit length with the largest-magnitude entry positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=-1, keepdims=True), axis=-1)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True) * np.where(largest < 0, -1.0, 1.0)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms != 0)


def centre_points(points: np.ndarray) -> np.ndarray:
    """Points (..., n, d) less their mean, exactly zero where all are equal.

    The mean of equal numbers can differ from them in the last bit, which would pass for a
    direction; their differences to the first of them can't.
    """
    centred = points - points[..., :1, :]
    centred -= centred.mean(axis=-2, keepdims=True)
    return centred


class LeastSquares:
    """Minimum-norm least squares of any targets on the same points, factored once, when needed.

    Points (n, d) and targets are centred. `rank` is the number of singular values kept, `centred`
    the points (n, v) without the dimensions that never vary, of which `varying` (d,) says which
    they are. `gram` is the smaller of their two Gram matrices, `wide` whether it is that of the
    points (n, n); a constant is then added to it, which changes no product with what is centred.
    """

    def __init__(self, points: np.ndarray):
        centred = centre_points(points)
        # A dimension that never varies has no weight in a minimum-norm fit, and would make the
        # normal equations singular.
        self.varying = centred.any(axis=0)
        self.centred = centred if self.varying.all() else centred[:, self.varying]
        n_points, dimension = self.centred.shape
        self.wide = n_points - 1 <= dimension
        self.gram = _gram(self.centred, self.wide)

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool] | None:
        return _safe_factor(self.gram) if self.centred.shape[1] else None

    @cached_property
    def _svd(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        return _cut_svd(self.centred) if self._factor is None else None

    @property
    def rank(self) -> int:
        n_points, dimension = self.centred.shape
        if self._svd is not None:
            return len(self._svd[1])
        return n_points - 1 if self.wide else dimension

    def solve(self, targets: np.ndarray) -> np.ndarray:
        """Weights (d,) of targets (n,), or (d, k) of k targets (n, k)."""
        weights = np.zeros((len(self.varying), *targets.shape[1:]))
        weights[self.varying] = self._solve(targets - targets.mean(axis=0))
        return weights

    def fitted(self, targets: np.ndarray) -> np.ndarray:
        """The fit to centred targets at the points, shaped as the targets."""
        return self.centred @ self._solve(targets - targets.mean(axis=0))

    def _solve(self, targets: np.ndarray) -> np.ndarray:
        points = self.centred
        if self._svd is not None:
            left, values, right = self._svd
            return right.T @ ((targets.T @ left) / values).T
        if self.wide:
            weights = _refine(
                targets,
                lambda residual: linalg.cho_solve(self._factor, residual),
                lambda weights: points @ (points.T @ weights),
            )
            return points.T @ weights
        return _refine(
            targets,
            lambda residual: linalg.cho_solve(self._factor, points.T @ residual),
            lambda weights: points @ weights,
        )


def _refine(targets: np.ndarray, solve: Callable, fitted: Callable) -> np.ndarray:
    """Solve, then solve for what the fit has left over, until that is nothing."""
    solution = solve(targets)
    for _ in range(REFINEMENTS):
        correction = solve(targets - fitted(solution))
        solution += correction
        if np.linalg.norm(correction) <= CONVERGED * np.linalg.norm(solution):
            break
    return solution


def _gram(centred: np.ndarray, wide: bool) -> np.ndarray:
    if not wide:
        return centred.T @ centred
    gram = centred @ centred.T
    gram += np.trace(gram) / len(gram) ** 2  # see samplewise_solutions
    return gram


def _safe_factor(gram: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """Cholesky factor of `gram`, or None if it is too ill-conditioned to be used."""
    try:
        factor = linalg.cho_factor(gram, lower=True)
    except linalg.LinAlgError:
        return None
    reciprocal, _ = linalg.lapack.dpocon(factor[0], np.linalg.norm(gram, 1), uplo="L")
    return factor if reciprocal > SAFE else None


def _cut_svd(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The singular value decomposition (n, r), (r,), (r, d) without what the cut leaves out."""
    if not centred.any():
        return np.zeros((len(centred), 0)), np.zeros(0), np.zeros((0, centred.shape[1]))
    left, values, right = linalg.svd(centred, full_matrices=False)
    rank = int((values > CUT * values[0]).sum())
    return left[:, :rank], values[:rank], right[:rank]
