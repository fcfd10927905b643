"""L2-regularised logistic regression in kernel form, many problems at once.

The classifier minimises ``|w|^2 / 2 + C sum_i s_i log(1 + exp(-y_i <w, (x_i, 1)>))``: labels y of
-1 and 1, balanced class weights s, the intercept the (penalised) weight of a constant 1. At the
optimum ``w = sum_i a_i (x_i, 1)`` with ``a_i = C s_i y_i / (1 + exp(y_i f_i))`` and ``f = K a``,
where K holds ``<x_i, x_j> + 1``. A few dozen clips of hundreds of dimensions are thus a problem of
a few dozen numbers.
"""

import logging
import warnings

import numpy as np
from scipy import linalg
from scipy.special import expit

log = logging.getLogger(__name__)

SOLVERS = ("exact", "liblinear")
# The objective is 1-strongly convex in w, so |w - optimum| is at most the gradient's norm. Solved
# to this bound, relative to |w|.
TOLERANCE = 1e-10
MAX_ITERATIONS = 200
# Newton steps in which the bound may fail to fall before rounding is taken to hold it.
PATIENCE = 20
# A |w| below this part of the terms that cancel in it is the rounding of float32 embeddings.
SMALLEST_SCALE = 1e-6
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
    solver : ``exact`` (the optimum to 1e-10) or ``liblinear`` (scikit-learn's, default tolerance)

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
    duals = np.empty((*penalties.shape, len(positive)))
    dual = fitted = np.zeros((len(gram), len(positive)))
    for index, penalty in enumerate(penalties.T):
        dual, fitted = _optimum(kernel, signs, penalty[:, None] * weights, dual, fitted)
        duals[:, index] = dual
    return duals


def _optimum(
    kernel: np.ndarray, signs: np.ndarray, bounds: np.ndarray, dual: np.ndarray, fitted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``a = bounds * signs / (1 + exp(signs * K a))`` for B problems from a start.

    `bounds` (B, n) is C s. Returns the duals and K @ duals, both (B, n).
    """
    dual, fitted = dual.copy(), fitted.copy()
    largest = np.minimum(np.trace(kernel, axis1=1, axis2=2), np.abs(kernel).sum(axis=2).max(axis=1))
    contracting = bounds.max(axis=1) * largest / 4 <= CONTRACTION
    for solve, chosen in ((_fixed_point, contracting), (_newton, ~contracting)):
        if chosen.any():
            dual[chosen], fitted[chosen] = solve(
                kernel[chosen], signs, bounds[chosen], dual[chosen], fitted[chosen]
            )
    return dual, fitted


def _fixed_point(kernel, signs, bounds, dual, fitted):
    for _ in range(MAX_ITERATIONS):
        following = bounds * signs * expit(-signs * fitted)
        next_fitted = _times(kernel, following)
        residual, gradient = dual - following, fitted - next_fitted
        dual, fitted = following, next_fitted
        if (_error(kernel, residual, gradient, dual, fitted) <= TOLERANCE).all():
            break
    return dual, fitted


def _newton(kernel, signs, bounds, dual, fitted):
    """Newton's method with step halving; each problem leaves the stack when it has converged."""
    duals, fits = np.empty_like(dual), np.empty_like(fitted)
    errors = np.full(len(dual), np.inf)
    idle = np.zeros(len(dual), int)
    open_ = np.arange(len(dual))
    for _ in range(MAX_ITERATIONS):
        probability = expit(-signs * fitted)
        residual = dual - bounds * signs * probability
        gradient = _times(kernel, residual)
        error = _error(kernel, residual, gradient, dual, fitted)
        better = error < errors[open_]
        improved = open_[better]
        duals[improved], fits[improved], errors[improved] = (
            dual[better],
            fitted[better],
            error[better],
        )
        idle[open_] += 1
        idle[improved] = 0
        going = (error > TOLERANCE) & (idle[open_] < PATIENCE)
        if not going.any():
            break
        if not going.all():
            open_ = open_[going]
            kernel, bounds, dual, fitted = kernel[going], bounds[going], dual[going], fitted[going]
            probability, residual = probability[going], residual[going]
            gradient = gradient[going]
        curvature = np.sqrt(bounds * probability * (1 - probability))
        step = -(residual - curvature * _solve(kernel, curvature, curvature * gradient))
        change = _times(kernel, step)
        length = _step_lengths(signs, bounds, dual, fitted, step, change, gradient)
        dual = dual + length * step
        fitted = _times(kernel, dual)
    if (worst := errors.max()) > 1e-8:
        log.warning("a logistic regression stopped %.1e from its optimum (relative)", worst)
    return duals, fits


def _times(kernel: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (kernel @ vectors[..., None])[..., 0]


def _error(kernel, residual, gradient, dual, fitted) -> np.ndarray:
    """Bound on |w - optimum| relative to |w|; a vector a is as long in w-space as a' K a says."""
    squared = np.maximum((residual * gradient).sum(axis=1), 0.0)
    lengths = np.sqrt(np.diagonal(kernel, axis1=1, axis2=2))
    floor = (SMALLEST_SCALE * (np.abs(dual) * lengths).sum(axis=1)) ** 2
    scale = np.maximum((dual * fitted).sum(axis=1), floor)
    relative = np.divide(squared, scale, out=np.full_like(squared, np.inf), where=scale > 0)
    return np.sqrt(relative)


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


def _step_lengths(signs, bounds, dual, fitted, step, change, gradient) -> np.ndarray:
    """The largest of 1, 1/2, 1/4... that lowers each problem's objective enough, (B, 1)."""

    def objective(length):
        margins = signs * (fitted + length * change)
        norm = ((dual + length * step) * (fitted + length * change)).sum(axis=1)
        return norm / 2 + (bounds * np.logaddexp(0, -margins)).sum(axis=1)

    start = objective(0.0)
    slope = (gradient * step).sum(axis=1)
    rounding = 1e-13 * start
    length = np.ones((len(dual), 1))
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
