"""L2-regularised logistic regression in kernel form, many similar problems after each other.

The classifier minimises ``|w|^2 / 2 + C sum_i s_i log(1 + exp(-y_i <w, (x_i, 1)>))``: labels y of
-1 and 1, balanced class weights s, the intercept the (penalised) weight of a constant 1. At the
optimum ``w = sum_i a_i (x_i, 1)`` with ``a_i = C s_i y_i / (1 + exp(y_i <w, (x_i, 1)>))``. So only
inner products matter: each problem is solved in the coordinates of a square root R of its kernel
``K = <x_i, x_j> + 1 = R R'``, n numbers a problem, whatever the dimension of x.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy import linalg
from scipy.special import expit

from embedding_sensitivity.files.errors import InputError

SOLVERS = ("exact", "liblinear")
EPS = np.finfo(np.float64).eps
# Iterations end when what is left, by the rate at which steps shrink, is this short against |w|.
ERROR = 1e-10
MAX_ITERATIONS = 200
# After so many single precision may be what is in the way, far from the optimum too.
MANY_ITERATIONS = 30
# Below this bound on its rate of contraction the plain fixed point beats Newton's method.
CONTRACTION = 0.3
# A Hessian's factor serves while curvatures, which it was made of, have changed by less than this
# share: a step with it costs a sixth of one with a factor of its own.
STALE = 0.5
# Steps shrink slower than this only far from the optimum, or if the precision is too little.
SLOW = 0.3


def balanced_weights(positive: np.ndarray) -> np.ndarray:
    """n / (2 n_class) for every sample, from positive (n,) bool."""
    n_positive = int(positive.sum())
    if n_positive in (0, len(positive)):
        raise ValueError("a classifier needs samples of both classes")
    return len(positive) / (2 * np.where(positive, n_positive, len(positive) - n_positive))


def root_of(kernel: np.ndarray) -> np.ndarray:
    """R (n, n) with ``R R' = kernel``, by Cholesky; a subset of the samples has the same rows.

    Where samples depend on each other, by pivoted Cholesky: zero in the columns beyond the rank.
    """
    # Symmetric, so its transpose is the column-major matrix that LAPACK wants.
    factor, info = linalg.lapack.dpotrf(kernel.T, lower=1)
    diagonal = np.diagonal(factor)
    if not info and diagonal.min() > 1e-6 * diagonal.max():
        return factor
    factor, pivots, rank, _ = linalg.lapack.dpstrf(kernel, lower=1)
    root = np.zeros_like(kernel)
    root[pivots - 1, :rank] = np.tril(factor[:, :rank])
    return root


def fit(
    kernel: np.ndarray,
    root: np.ndarray,
    positive: np.ndarray,
    penalties: Sequence[float],
    solver: str = "exact",
    guesses: Sequence[np.ndarray] = (),
    settled: Callable[[np.ndarray, float], bool] | None = None,
) -> np.ndarray:
    """Fit one problem at M values of C.

    Parameters
    ----------
    kernel : (n, n), inner products of the samples with a constant 1 appended
    root : (n, r), R with ``R R' = kernel``: those samples, or `root_of` where that is smaller
    positive : (n,), bool
    penalties : (M,), the C's, ascending: each starts from the ones before
    solver : ``exact`` (the optimum to 1e-9, of ill-conditioned samples to 1e-7, unless `settled`)
        or ``liblinear`` (scikit-learn's, at its default tolerance)
    guesses : duals (M, n) of similar problems: change how soon the optimum is found, not which
    settled : told duals (n,) and a bound on how far their w is from the optimum's, whether they
        do already: saves the exact solver the way to the optimum

    Returns
    -------
    duals : (M, n), the a above: a sample's decision value is ``(<x, x_i> + 1) @ a``

    Raises
    ------
    InputError
        where the optimum isn't reached: no worse one is returned
    """
    if solver == "liblinear":
        return _liblinear(kernel, positive, penalties)
    if solver != "exact":
        raise ValueError(f"solver {solver!r}, expected one of {SOLVERS}")
    signs = np.where(positive, 1.0, -1.0)
    weights = balanced_weights(positive)
    duals = np.empty((len(penalties), len(positive)))
    quick = kernel.astype(np.float32), root.astype(np.float32)
    largest = min(np.trace(kernel), np.abs(kernel).sum(axis=1).max())
    for index, penalty in enumerate(penalties):
        bounds = penalty * weights
        contraction = bounds.max() * largest / 4
        candidates = [*duals[max(0, index - 2) : index], *(guess[index] for guess in guesses)]
        if contraction > CONTRACTION and candidates:
            start = _best_combination(kernel, signs, bounds, np.stack(candidates))
        elif index:
            start = duals[index - 1] * (penalty / penalties[index - 1])
        else:
            # At the smallest of C's every a is half its bound.
            start = bounds * signs / 2
        duals[index] = _optimum(kernel, quick, root, signs, bounds, contraction, start, settled)
    return duals


def _objective(signs, bounds, fitted, squared_norm) -> float:
    return squared_norm / 2 + bounds @ np.logaddexp(0, -signs * fitted)


def _best_combination(kernel, signs, bounds, candidates) -> np.ndarray:
    """The linear combination of candidate duals (k, n) of lowest objective, roughly."""
    fitted = candidates @ kernel
    inner = fitted @ candidates.T
    each = [
        _objective(signs, bounds, row, square)
        for row, square in zip(fitted, np.diagonal(inner), strict=True)
    ]
    best = int(np.argmin(each))
    shares, lowest = np.eye(len(candidates))[best], each[best]
    for _ in range(8):
        probability = expit(-signs * (shares @ fitted))
        gradient = inner @ shares - fitted @ (bounds * signs * probability)
        hessian = inner + (fitted * (bounds * probability * (1 - probability))) @ fitted.T
        # Candidates may be all but the same.
        hessian[np.diag_indices(len(hessian))] *= 1 + 1e-10
        step = -linalg.lapack.dposv(hessian, gradient)[1]
        trial = shares + step
        objective = _objective(signs, bounds, trial @ fitted, trial @ inner @ trial)
        if not objective < lowest:
            break
        shares, gain, lowest = trial, lowest - objective, objective
        if gain < 1e-4 * lowest:
            break
    return shares @ candidates


def _optimum(kernel, quick, root, signs, bounds, contraction, start, settled) -> np.ndarray:
    """The duals (n,) that minimise ``|w|^2 / 2 + sum(bounds * log(1 + exp(-signs * R w)))``.

    Newton's method with step halving. With v^2 the curvatures of the losses, the inverse Hessian
    is, by Woodbury's identity, ``I - R' v (I + v K v)^-1 v R``: no product of matrices is needed to
    set it up. Where the curvatures are so small that it is nearly I, it is taken as I. It is
    set up in single precision, from the `quick` kernel and root, while steps shrink: what they lead
    to depends on the gradient alone, which is of double precision. `contraction` bounds the rate at
    which the plain fixed point converges.
    """
    squares = np.diagonal(kernel)
    lengths = np.sqrt(squares)
    contracting = contraction <= CONTRACTION
    weights = start @ root
    factor = made_of = None
    duals, norm, size, length = start, 1.0, 0.0, 1.0
    before = EPS  # no step before the first: it says nothing of the rate
    for iteration in range(MAX_ITERATIONS):
        fitted = root @ weights
        probability = expit(-signs * fitted)
        slopes = bounds * signs * probability
        gradient = weights - slopes @ root
        # After a whole step the weights are those of the duals. The gradient is at least as long
        # as the way from them to the optimum, the objective being |w|^2 / 2 and more.
        rounding = 4 * EPS * np.abs(slopes) @ lengths
        near = length == 1 and size < 1e-2 * norm
        if near and settled and settled(duals, np.linalg.norm(gradient) + rounding):
            break
        duals = slopes
        fresh = False
        if not contracting:
            curvature = bounds * probability * (1 - probability)
            if factor is not None:
                change = np.abs(curvature - made_of) * squares / (1 + made_of * squares)
            if factor is None or change.max() > STALE:
                fresh, made_of, scale = True, curvature, np.sqrt(curvature)
                factor = _factor(quick[0], scale)
                if factor is None:
                    quick = kernel, root
                    factor = _factor(kernel, scale)
            duals = slopes + _correction(factor, scale, quick[1], gradient)
        step = duals @ root - weights
        norm, size = np.linalg.norm(weights), np.linalg.norm(step)
        length = 1.0
        if size > 1e-3 * norm:
            length = _step_length(root, signs, bounds, weights, fitted, step, gradient)
        weights = weights + length * step
        # What made the last step short need not be what is left: the rate has a least value.
        rate = np.clip(size / before, contraction if contracting else 0.01, 0.9)
        if length == 1 and size * min(1.0, rate / (1 - rate)) <= ERROR * norm + rounding:
            break
        if before > EPS and (rate > SLOW or length < 1):
            factor = None
            if fresh and (size < 1e-3 * norm or iteration > MANY_ITERATIONS):
                quick = kernel, root
        before = size
    else:
        raise InputError(
            f"a logistic regression is not at its optimum after {MAX_ITERATIONS} steps: embeddings "
            f"of {lengths.min():.3g} to {lengths.max():.3g} in length; leave that model out, or "
            "set debiasing.classifier.solver: liblinear"
        )
    return duals


def _factor(kernel: np.ndarray, curvature: np.ndarray) -> np.ndarray | None:
    """Cholesky factor of I + diag(v) K diag(v), v = `curvature`, in the precision of the kernel.

    None where single precision is too little for one.
    """
    curvature = curvature.astype(kernel.dtype)
    system = kernel * curvature
    system *= curvature[:, None]
    system[np.diag_indices(len(system))] += 1.0
    single = kernel.dtype == np.float32
    decompose = linalg.lapack.spotrf if single else linalg.lapack.dpotrf
    # Symmetric, so its transpose is the column-major matrix that LAPACK can overwrite.
    factor, info = decompose(system.T, lower=1, clean=0, overwrite_a=1)
    if info and not single:
        raise linalg.LinAlgError(f"dpotrf returned {info}: a Gram matrix is not positive")
    return None if info else factor


def _correction(factor, scale, root, gradient) -> np.ndarray:
    """What curvature adds to the duals, with the factor of `_factor` for v = `scale`.

    In the precision of the factor and the root; the gradient is scaled to fit it.
    """
    size = np.linalg.norm(gradient) or 1.0
    scale = scale.astype(root.dtype)
    target = scale * (root @ (gradient / size).astype(root.dtype))
    # Two triangular solves: for one right-hand side LAPACK's own pair takes three times as long.
    solve = linalg.blas.strsv if root.dtype == np.float32 else linalg.blas.dtrsv
    duals = scale * solve(factor, solve(factor, target, lower=1), lower=1, trans=1)
    return size * duals.astype(np.float64)


def _step_length(root, signs, bounds, weights, fitted, step, gradient) -> float:
    """The largest of 1, 1/2, 1/4... that lowers the objective enough."""
    change = root @ step
    start = _objective(signs, bounds, fitted, weights @ weights)
    slope = gradient @ step
    length = 1.0
    for _ in range(30):
        moved = weights + length * step
        reached = _objective(signs, bounds, fitted + length * change, moved @ moved)
        if reached <= start + 1e-4 * length * slope + 1e-13 * start:
            break
        length /= 2
    return length


def _liblinear(kernel: np.ndarray, positive: np.ndarray, penalties: Sequence[float]) -> np.ndarray:
    """scikit-learn's liblinear on samples that have the given inner products.

    The samples are those of the problem up to a rotation, under which liblinear's iterations
    don't change; the constant 1 of the intercept is part of them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values, vectors = np.linalg.eigh(kernel)
    kept = values > len(values) * EPS * values[-1]
    roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
    duals = np.empty((len(penalties), len(positive)))
    for index, penalty in enumerate(penalties):
        model = LogisticRegression(
            C=penalty, solver="liblinear", class_weight="balanced", fit_intercept=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(vectors * roots, positive)
        duals[index] = vectors @ (model.coef_[0] / roots)
    return duals
