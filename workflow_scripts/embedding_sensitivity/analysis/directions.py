"""The subspaces that debiasing projects out (section IV of the paper).

Each is an array (k, d) with orthonormal rows; k = 0 means that there is nothing to project out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from embedding_sensitivity.analysis.cca import global_cca, is_saturated, orient, samplewise_cca
from embedding_sensitivity.analysis.ridge import fit_ridge

EPS = np.finfo(np.float64).eps
# A mean displacement shorter than this is no direction but rounding.
MIN_DISPLACEMENT = 1e-10
# Largest error in a principal component taken from the eigenvectors of a Gram matrix; where the
# bound is worse, a singular value decomposition is taken.
COMPONENT_ERROR = 1e-9
# Ratio of the smallest to the largest variance above which LDA has an exact solution.
WELL_SCALED = 1e-10


@dataclass(frozen=True)
class LabelDirections:
    """What is fitted to one label's training clips.

    samplewise : (N, d), the c_i; `ranks` (N,) of the clips' centred points
    singular_values : (min(N, d),) of the stacked c_i, whose right singular vectors are the rows
        of ``subspaces["samplewise_cca_svd"]``
    penalty : of ``subspaces["regularised"]``, relative to the mean eigenvalue
    """

    subspaces: dict[str, np.ndarray]
    saturated: bool
    samplewise: np.ndarray
    ranks: np.ndarray
    singular_values: np.ndarray
    penalty: float


def fit_label(
    effected: np.ndarray,
    originals: np.ndarray | None,
    neutral: np.ndarray,
    reference: np.ndarray | None,
    groups: Sequence[str] | None,
) -> LabelDirections:
    """All directions of one label.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending
    originals : (N, d), float64; None: there are none, and no direction that compares with them
    neutral : (P,), bool: levels at which the effect does nothing. The CCA directions describe the
        whole course of the levels and include them; the others compare with the originals
        and do not
    reference : (r,), `reference_variances` of all labels' originals
    groups : (N,), the clips' recordings, over which the regularised direction's penalty is chosen;
        None: that direction is not wanted
    """
    direction, rank = global_cca(effected)
    samplewise, ranks = samplewise_cca(effected)
    singular_values, vectors = singular_subspace(samplewise)
    subspaces = {"global_cca": _rows(direction), "samplewise_cca_svd": vectors}
    if originals is not None:
        applied = effected[~neutral]
        displacements = (applied - originals).reshape(-1, originals.shape[1])
        absolute, relative = principal_displacements(displacements, reference)
        subspaces |= {
            "pca_absolute": _rows(absolute),
            "pca_relative": _rows(relative),
            "average_displacement": _rows(average_displacement(displacements)),
            "lda": _rows(lda(originals, applied.reshape(displacements.shape))),
        }
    penalty = np.nan
    if groups is not None:
        regularised, penalty = fit_ridge(effected, groups)
        subspaces["regularised"] = _rows(regularised / (np.linalg.norm(regularised) or 1.0))
    n_points = effected.shape[0] * effected.shape[1]
    return LabelDirections(
        subspaces, is_saturated(rank, n_points), samplewise, ranks, singular_values, penalty
    )


def _rows(direction: np.ndarray) -> np.ndarray:
    """A direction (d,) as a subspace: (1, d), or (0, d) for a zero vector."""
    return direction[None] if direction.any() else np.empty((0, direction.size))


def singular_subspace(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values (r,), r = min(N, d), and right singular vectors (r, d) of rows (N, d)."""
    _, values, right = linalg.svd(directions, full_matrices=False)
    return values, orient(right)


def n_directions(singular_values: np.ndarray, threshold: float) -> int:
    """How many leading directions a threshold keeps: singular values of t s_1 or more."""
    if not singular_values.any():
        return 0
    return int((singular_values >= threshold * singular_values[0]).sum())


def spectrum(values: np.ndarray) -> np.ndarray:
    """Singular values divided by the largest; NaN where all are zero."""
    return values / values[0] if values[0] > 0 else np.full_like(values, np.nan)


def singular_values(points: np.ndarray) -> np.ndarray:
    """The min(N, d) singular values of points (N, d)."""
    return linalg.svdvals(points)


def centred_singular_values(points: np.ndarray) -> np.ndarray:
    """The min(N, d) singular values of points (N, d) less their mean."""
    return linalg.svdvals(points - points.mean(axis=0))


def reference_variances(originals: np.ndarray) -> np.ndarray:
    """Variances tau^2 along the principal components of all labels' originals (N, d), descending.

    Those at or below eps of the largest are rounding and left out.
    """
    variances = centred_singular_values(originals) ** 2 / max(len(originals) - 1, 1)
    return variances[variances > EPS * variances[0]]


def average_displacement(displacements: np.ndarray) -> np.ndarray:
    """The mean of displacements (n, d) scaled to length 1; zero if it is shorter than 1e-10."""
    mean = displacements.mean(axis=0)
    length = np.linalg.norm(mean)
    return np.zeros_like(mean) if length < MIN_DISPLACEMENT else mean / length


def principal_displacements(
    displacements: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two principal components of the displacements, column-centred, not scaled.

    Parameters
    ----------
    displacements : (n, d)
    reference : (r,), the variances tau^2 of uneffected embeddings

    Returns
    -------
    absolute : (d,), the first component
    relative : (d,), the component i of largest sigma_i^2 / tau_i^2, paired by rank as far as the
        shorter list goes

    Both zero if the displacements don't vary (an effect that is one translation), the second
    also if the uneffected embeddings don't.
    """
    centred = displacements - displacements.mean(axis=0)
    n_points, dimension = centred.shape
    if linalg.norm(centred) <= EPS * np.sqrt(n_points) * linalg.norm(displacements):
        return np.zeros(dimension), np.zeros(dimension)
    wide = n_points < dimension
    gram = centred @ centred.T if wide else centred.T @ centred
    values, vectors = linalg.eigh(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    # What rounding may have moved an eigenvalue by, generously.
    slack = 10 * len(values) * EPS * values[0]
    reference = reference[: len(values)]
    chosen = _most_relative(values, reference)
    if (
        _certain(values, 0, slack)
        and _certain(values, chosen, slack)
        and _wins(values, reference, chosen, slack)
    ):
        picked = vectors[:, [0, chosen]].T
        components = orient(picked @ centred if wide else picked)
    else:
        _, singular, right = linalg.svd(centred, full_matrices=False)
        components = orient(right[[0, _most_relative(singular**2, reference)]])
    return components[0], components[1] if len(reference) else np.zeros(dimension)


def _most_relative(values: np.ndarray, reference: np.ndarray) -> int:
    ratios = values[: len(reference)] / reference
    return int(np.argmax(ratios)) if len(ratios) else 0


def _certain(values: np.ndarray, index: int, slack: float) -> bool:
    """Whether eigenvector `index` of a Gram matrix is as good as a singular vector."""
    gaps = np.abs(np.diff(values))[max(index - 1, 0) : index + 1]
    if values[index] <= slack:
        return False
    amplified = slack * np.sqrt(values[0] / values[index])
    return len(gaps) == 0 or amplified <= COMPONENT_ERROR * gaps.min()


def _wins(values: np.ndarray, reference: np.ndarray, chosen: int, slack: float) -> bool:
    """Whether no error of `slack` in the eigenvalues could change the choice."""
    if len(reference) == 0:
        return True
    rivals = np.delete((values[: len(reference)] + slack) / reference, chosen)
    return bool((rivals < (values[chosen] - slack) / reference[chosen]).all())


def lda(originals: np.ndarray, effected: np.ndarray) -> np.ndarray:
    """Unit normal of the hyperplane between originals (N, d) and effected embeddings (n, d).

    Sw^-1 (mean of effected - mean of originals), Sw the sum of both classes' Ledoit-Wolf
    covariances (standardised per class) weighted by class sizes: scikit-learn's ``coef_`` for
    ``shrinkage="auto"``, solved as there (see `_solve`). Zero if the means, whose difference is
    the average displacement, are nearer than the shortest displacement.
    """
    total = len(originals) + len(effected)
    diagonal = np.zeros(originals.shape[1])
    means, spans = [], []
    for points in (originals, effected):
        mean = points.mean(axis=0)
        centred = points - mean
        scale = _scale(centred, mean)
        shrinkage, variance = _ledoit_wolf(centred / scale)
        prior = len(points) / total
        diagonal += prior * shrinkage * variance * scale**2
        spans.append(centred * np.sqrt(prior * (1 - shrinkage) / len(points)))
        means.append(mean)
    displacement = means[1] - means[0]
    if np.linalg.norm(displacement) < MIN_DISPLACEMENT:
        return np.zeros_like(displacement)
    normal = _solve(diagonal, np.concatenate(spans), displacement)
    return normal / np.linalg.norm(normal)


def _solve(diagonal: np.ndarray, span: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Solve (diag(diagonal) + span' span) x = target as scikit-learn does; span (n, d).

    scikit-learn's ``lstsq`` cuts singular values under eps of the largest: with dimensions whose
    standard deviations differ by 1e6 or more (units of a network that are nearly dead) the exact
    solution is another, even an orthogonal one. Where nothing can be cut the exact one is
    quicker; with fewer points than dimensions the matrix is inverted by Woodbury's identity and
    never formed.
    """
    n_points, dimension = span.shape
    largest = (diagonal + (span**2).sum(axis=0)).max()
    well_scaled = diagonal.min() > WELL_SCALED * largest
    if n_points < dimension and well_scaled:
        scaled = span / diagonal
        inner = scaled @ span.T
        inner[np.diag_indices(n_points)] += 1
        return target / diagonal - linalg.solve(inner, scaled @ target, assume_a="pos") @ scaled
    within = span.T @ span
    within[np.diag_indices(dimension)] += diagonal
    if well_scaled:
        return linalg.cho_solve(linalg.cho_factor(within), target)
    return linalg.lstsq(within, target)[0]


def _scale(centred: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Standard deviations, 1 where a dimension is constant up to rounding.

    The bound is that of the two-pass variance (Chan, Golub, LeVeque 1983), as in scikit-learn's
    scaler, so that both call the same dimensions constant.
    """
    n_points = len(centred)
    variance = (centred**2).mean(axis=0)
    constant = variance <= n_points * EPS * variance + (n_points * EPS * mean) ** 2
    return np.where(constant, 1.0, np.sqrt(variance))


def _ledoit_wolf(standardised: np.ndarray) -> tuple[float, float]:
    """Shrinkage intensity, and the variance of the sphere shrunk to (Ledoit and Wolf 2004).

    `standardised` (n, d) is centred. The squared Frobenius norm of the covariance is taken from
    the smaller of the two Gram matrices, which have the same one.
    """
    n_points, dimension = standardised.shape
    squares = standardised**2
    variance = squares.sum() / (n_points * dimension)
    if dimension == 1:
        return 0.0, variance
    wide = n_points < dimension
    gram = standardised @ standardised.T if wide else standardised.T @ standardised
    norm = (gram**2).sum() / n_points**2
    spread = ((squares.sum(axis=1) ** 2).sum() / n_points - norm) / (dimension * n_points)
    distance = (norm - dimension * variance**2) / dimension
    spread = min(spread, distance)
    return (spread / distance if spread else 0.0), variance


def project_out(points: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """x - V V' x for points (..., d) and V' = `basis` (k, d) with orthonormal rows.

    Two thin products, never a d x d matrix.
    """
    return points - (points @ basis.T) @ basis


def project_out_gram(gram: np.ndarray, points: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Gram matrix (n, n) of projected points, given that of the points (n, d) themselves.

    A projection is idempotent and symmetric, so <Px, Pz> = <x, z> - <V'x, V'z>: k columns are
    enough.
    """
    coordinates = points @ basis.T
    return gram - coordinates @ coordinates.T
