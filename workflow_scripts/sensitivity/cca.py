"""The direction in embedding space along which an effect's level is linearly readable.

Canonical correlation with a single target is least squares: u is pinv(X) y, normalised, with X
and y centred (section III of the paper). Singular values below 1e6 eps of the largest are cut, as
scikit-learn's mode B does.
"""

import numpy as np
from scipy import linalg

EPS = np.finfo(np.float64).eps
CUT = 1e6 * EPS
# Normal equations square the condition number. Down to this reciprocal condition of the squared
# matrix, iterative refinement converges and gives what an SVD gives; below it an SVD is taken.
SAFE = 1e-12
REFINEMENTS = 3


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
    u : (d,), unit length, its largest-magnitude entry positive; zero if no point differs
    rank : number of singular values kept; N P - 1 or more means that any levels can be fitted
        (`is_saturated`)
    """
    n_levels, n_clips, dimension = effected.shape
    points = effected.reshape(n_levels * n_clips, dimension)
    targets = np.repeat(unit_levels(n_levels), n_clips)
    centred = _centred(points)
    # A dimension that never varies has no weight in a minimum-norm fit, and would make the normal
    # equations singular.
    varying = centred.any(axis=0)
    direction = np.zeros(dimension)
    if not varying.any():
        return direction, 0
    direction[varying], rank = _minimum_norm(centred[:, varying], targets - targets.mean())
    return oriented(direction), rank


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
    n_levels, n_clips, dimension = effected.shape
    centred = _centred(np.ascontiguousarray(effected.transpose(1, 0, 2)))
    targets = unit_levels(n_levels) - 0.5

    directions = np.zeros((n_clips, dimension))
    ranks = np.full(n_clips, n_levels - 1)
    gram = centred @ centred.transpose(0, 2, 1)
    # The constant vector is in every centred Gram matrix's kernel and orthogonal to the targets:
    # giving it an ordinary eigenvalue makes the matrix invertible and changes no solution.
    scale = np.trace(gram, axis1=1, axis2=2) / n_levels
    gram += (scale / n_levels)[:, None, None]
    values, vectors = np.linalg.eigh(gram)
    safe = values[:, 0] > SAFE * values[:, -1]
    if safe.any():
        points = centred[safe]
        inverse = (vectors[safe] / values[safe, None, :]) @ vectors[safe].transpose(0, 2, 1)
        weights = inverse @ targets
        for _ in range(REFINEMENTS):
            fitted = points @ (weights[:, None, :] @ points).transpose(0, 2, 1)
            weights += (inverse @ (targets[None, :, None] - fitted))[..., 0]
        directions[safe] = (weights[:, None, :] @ points)[:, 0]
    for clip in np.flatnonzero(~safe):
        directions[clip], ranks[clip] = _by_svd(centred[clip], targets)
    return oriented(directions), ranks


def oriented(vectors: np.ndarray) -> np.ndarray:
    """Scale rows (..., d) to unit length with the largest-magnitude entry positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=-1, keepdims=True), axis=-1)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True) * np.where(largest < 0, -1.0, 1.0)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms != 0)


def _centred(points: np.ndarray) -> np.ndarray:
    """Points (..., n, d) less their mean, exactly zero where all are equal.

    The mean of equal numbers can differ from them in the last bit, which would pass for a
    direction; their differences to the first of them can't.
    """
    centred = points - points[..., :1, :]
    centred -= centred.mean(axis=-2, keepdims=True)
    return centred


def _minimum_norm(centred: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, int]:
    """Solve centred (n, d) @ x = targets in the least-squares sense; also the rank."""
    n_points, dimension = centred.shape
    wide = n_points - 1 <= dimension
    gram = centred @ centred.T if wide else centred.T @ centred
    if wide:
        gram += np.trace(gram) / n_points**2  # see samplewise_cca
    factor = _safe_factor(gram)
    if factor is None:
        return _by_svd(centred, targets)
    if wide:
        weights = linalg.cho_solve(factor, targets)
        for _ in range(REFINEMENTS):
            weights += linalg.cho_solve(factor, targets - centred @ (weights @ centred))
        return weights @ centred, n_points - 1
    solution = linalg.cho_solve(factor, targets @ centred)
    for _ in range(REFINEMENTS):
        solution += linalg.cho_solve(factor, (targets - centred @ solution) @ centred)
    return solution, dimension


def _safe_factor(gram: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """Cholesky factor of `gram`, or None if it is too ill-conditioned to be used."""
    try:
        factor = linalg.cho_factor(gram, lower=True)
    except linalg.LinAlgError:
        return None
    reciprocal, _ = linalg.lapack.dpocon(factor[0], np.linalg.norm(gram, 1), uplo="L")
    return factor if reciprocal > SAFE else None


def _by_svd(centred: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, int]:
    """Least squares with the singular value cut, and the rank after it."""
    if not centred.any():
        return np.zeros(centred.shape[1]), 0
    left, values, right = linalg.svd(centred, full_matrices=False)
    rank = int((values > CUT * values[0]).sum())
    return ((targets @ left[:, :rank]) / values[:rank]) @ right[:rank], rank
