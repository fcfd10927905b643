"""L2-regularised logistic regression in kernel form, many problems at once.

The classifier minimises ``|w|^2 / 2 + C sum_i s_i log(1 + exp(-y_i <w, (x_i, 1)>))``: labels y of
-1 and 1, balanced class weights s, the intercept the (penalised) weight of a constant 1. At the
optimum ``w = sum_i a_i (x_i, 1)`` with ``a_i = C s_i y_i / (1 + exp(y_i <w, (x_i, 1)>))``. So only
inner products matter: each problem is solved in the coordinates of a square root R of its kernel
``K = <x_i, x_j> + 1 = R R'``, n numbers a problem, whatever the dimension of x.
"""

import logging
import warnings

import numpy as np
from scipy import linalg
from scipy.special import expit

log = logging.getLogger(__name__)

SOLVERS = ("exact", "liblinear")
EPS = np.finfo(np.float64).eps
# A step this short relative to |w| ends the iterations. Newton's converge quadratically, so that
# what is left after such a step is its square; the fixed point's at least halve.
NEWTON_STEP = 1e-7
FIXED_POINT_STEP = 1e-11
MAX_ITERATIONS = 200
# Below this bound on its rate of contraction the plain fixed point beats Newton's method.
CONTRACTION = 0.5


def balanced_weights(positive: np.ndarray) -> np.ndarray:
    """n / (2 n_class) for every sample, from positive (n,) bool."""
    n_positive = int(positive.sum())
    if n_positive in (0, len(positive)):
        raise ValueError("a classifier needs samples of both classes")
    return len(positive) / (2 * np.where(positive, n_positive, len(positive) - n_positive))


def fit(
    gram: np.ndarray, positive: np.ndarray, penalties: np.ndarray, solver: str = "exact"
) -> np.ndarray:
    """Fit B problems that share their labels at M values of C each.

    Parameters
    ----------
    gram : (B, n, n), inner products of each problem's samples, float64
    positive : (n,), bool
    penalties : (M,) or (B, M), the C's, ascending: each starts from the one before
    solver : ``exact`` (the optimum to 1e-9 or better) or ``liblinear`` (scikit-learn's, at its
        default tolerance)

    Returns
    -------
    duals : (B, M, n), the a above: a sample's decision value is ``(<x, x_i> + 1) @ a``
    """
    kernel = gram + 1.0
    penalties = np.broadcast_to(penalties, (len(gram), np.shape(penalties)[-1]))
    if solver == "liblinear":
        return _liblinear(kernel, positive, penalties)
    if solver != "exact":
        raise ValueError(f"solver {solver!r}, expected one of {SOLVERS}")
    signs = np.where(positive, 1.0, -1.0)
    weights = balanced_weights(positive)
    roots = np.stack([_root(matrix) for matrix in kernel])
    duals = np.empty((*penalties.shape, len(positive)))
    found = np.zeros((len(gram), len(positive)))
    for index, penalty in enumerate(penalties.T):
        bounds = penalty[:, None] * weights
        found = _optimum(kernel, roots, signs, bounds, found)
        duals[:, index] = _slopes(roots, signs, bounds, found)
    return duals


def _root(kernel: np.ndarray) -> np.ndarray:
    """R (n, n) with R R' = `kernel`, zero in the columns beyond its rank (pivoted Cholesky)."""
    factor, pivots, rank, _ = linalg.lapack.dpstrf(kernel, lower=1)
    root = np.zeros_like(kernel)
    root[pivots - 1, :rank] = np.tril(factor)[:, :rank]
    return root


def _times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (matrices @ vectors[..., None])[..., 0]


def _transposed_times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (vectors[:, None, :] @ matrices)[:, 0]


def _slopes(roots, signs, bounds, weights) -> np.ndarray:
    """The a of each sample, given w: minus the slope of its loss."""
    return bounds * signs * expit(-signs * _times(roots, weights))


def _optimum(kernel, roots, signs, bounds, start) -> np.ndarray:
    """Minimise ``|w|^2 / 2 + sum(bounds * log(1 + exp(-signs * R w)))`` for B problems.

    Parameters
    ----------
    kernel, roots : (B, n, n)
    signs : (n,)
    bounds : (B, n), C s
    start : (B, n), where to begin

    Returns
    -------
    weights : (B, n)
    """
    largest = np.minimum(np.trace(kernel, axis1=1, axis2=2), np.abs(kernel).sum(axis=2).max(axis=1))
    contracting = bounds.max(axis=1) * largest / 4 <= CONTRACTION
    weights = start.copy()
    for solve, chosen in ((_fixed_point, contracting), (_newton, ~contracting)):
        if chosen.any():
            weights[chosen] = solve(
                kernel[chosen], roots[chosen], signs, bounds[chosen], start[chosen]
            )
    return weights


def _fixed_point(kernel, roots, signs, bounds, weights) -> np.ndarray:
    for _ in range(MAX_ITERATIONS):
        slopes = _slopes(roots, signs, bounds, weights)
        step = _transposed_times(roots, slopes) - weights
        weights = weights + step
        if _short(step, weights, FIXED_POINT_STEP, kernel, slopes).all():
            break
    return weights


def _newton(kernel, roots, signs, bounds, weights) -> np.ndarray:
    """Newton's method with step halving; a problem leaves the stack when it has converged.

    With v^2 the curvatures of the losses, the inverse Hessian is, by Woodbury's identity,
    ``I - R' v (I + v K v)^-1 v R``: no product of matrices is needed to set it up.
    """
    result = np.empty_like(weights)
    open_ = np.arange(len(weights))
    for _ in range(MAX_ITERATIONS):
        fitted = _times(roots, weights)
        probability = expit(-signs * fitted)
        slopes = bounds * signs * probability
        gradient = weights - _transposed_times(roots, slopes)
        curvature = np.sqrt(bounds * probability * (1 - probability))
        inner = _solve(kernel, curvature, curvature * _times(roots, gradient))
        step = _transposed_times(roots, curvature * inner) - gradient
        length = _step_lengths(roots, signs, bounds, weights, fitted, step, gradient)
        weights = weights + length * step
        done = (length[:, 0] == 1) & _short(step, weights, NEWTON_STEP, kernel, slopes)
        if done.any():
            result[open_[done]] = weights[done]
            open_, kernel, roots = open_[~done], kernel[~done], roots[~done]
            bounds, weights = bounds[~done], weights[~done]
        if not len(open_):
            return result
    log.warning("%d logistic regressions stopped short of their optimum", len(open_))
    result[open_] = weights
    return result


def _short(step, weights, tolerance, kernel, slopes) -> np.ndarray:
    """Whether a step is short against w, or against the rounding of the gradient's terms."""
    lengths = np.sqrt(np.diagonal(kernel, axis1=1, axis2=2))
    rounding = 4 * EPS * (np.abs(slopes) * lengths).sum(axis=1)
    bound = tolerance * np.linalg.norm(weights, axis=1) + rounding
    return np.linalg.norm(step, axis=1) <= bound


def _solve(kernel: np.ndarray, curvature: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Solve (I + diag(v) K diag(v)) x = targets for each problem, v = `curvature`."""
    system = curvature[:, :, None] * kernel * curvature[:, None, :]
    diagonal = np.arange(system.shape[1])
    system[:, diagonal, diagonal] += 1.0
    solution = np.empty_like(targets)
    for index, matrix in enumerate(system):
        # Symmetric, so its transpose is the column-major matrix that LAPACK can overwrite.
        _, solution[index], info = linalg.lapack.dposv(
            matrix.T, targets[index], lower=1, overwrite_a=1
        )
        if info:
            raise linalg.LinAlgError(f"dposv returned {info}: a Gram matrix is not positive")
    return solution


def _step_lengths(roots, signs, bounds, weights, fitted, step, gradient) -> np.ndarray:
    """The largest of 1, 1/2, 1/4... that lowers each problem's objective enough, (B, 1)."""
    change = _times(roots, step)

    def objective(length):
        losses = bounds * np.logaddexp(0, -signs * (fitted + length * change))
        return ((weights + length * step) ** 2).sum(axis=1) / 2 + losses.sum(axis=1)

    start = objective(0.0)
    slope = (gradient * step).sum(axis=1)
    rounding = 1e-13 * start
    length = np.ones((len(weights), 1))
    for _ in range(30):
        short = objective(length) > start + 1e-4 * length[:, 0] * slope + rounding
        if not short.any():
            break
        length[short] /= 2
    return length


def _liblinear(kernel: np.ndarray, positive: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """scikit-learn's liblinear on samples that have the given inner products.

    The samples are those of the problem up to a rotation, under which liblinear's iterations
    don't change; the constant 1 of the intercept is part of them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    duals = np.empty((*penalties.shape, len(positive)))
    for problem, matrix in enumerate(kernel):
        values, vectors = np.linalg.eigh(matrix)
        kept = values > len(values) * np.finfo(float).eps * values[-1]
        roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
        for index, penalty in enumerate(penalties[problem]):
            model = LogisticRegression(
                C=penalty, solver="liblinear", class_weight="balanced", fit_intercept=False
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(vectors * roots, positive)
            duals[problem, index] = vectors @ (model.coef_[0] / roots)
    return duals
