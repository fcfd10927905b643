"""Maps of embeddings that take an effect's level out of them, fitted to one label's training clips.

Beside the paper's orthogonal projections: LEACE (Belrose et al. 2023), which moves points as little
as it can so that no linear fit finds the level; the span of the levels' mean displacements; and
CORAL (Sun et al. 2016), which gives each level the mean and covariance of the originals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import linalg

from embedding_sensitivity.analysis.cca import LeastSquares, centre_points, moves, unit_levels
from embedding_sensitivity.analysis.directions import (
    EPS,
    MIN_DISPLACEMENT,
    LabelDirections,
)
from embedding_sensitivity.analysis.ridge import Ridge
from embedding_sensitivity.experiment.measures import THRESHOLD_METHOD

# How many times a map may lengthen what it reads, at most: the rounding of embeddings, which are
# float32, is then no more than a thousandth.
MAX_STRETCH = 1e4
# Differences of levels' means that are rounding, relative to the largest.
MEAN_ROUNDING = 1e-6


# Why a method has no map.
STILL = "nothing moves"
SATURATED = "saturated fit"
STRETCHES = "stretches rounding"
ALIKE = "originals are alike"


class Map(Protocol):
    """A map of originals, and one of the points at each level, as a rule the same.

    Each is affine, so a linear classifier of mapped points is one of points as they are.
    """

    def of_originals(self, points: np.ndarray) -> np.ndarray:
        """Map originals (n, d)."""

    def of_levels(self, points: np.ndarray) -> np.ndarray:
        """Map points (P, n, d) at the levels that the map was fitted to."""

    def of_displacements(self, displacements: np.ndarray, originals: np.ndarray) -> np.ndarray:
        """What is left of displacements (P, n, d) of the originals (n, d)."""

    def pull_back(self, weights: np.ndarray, intercept: float) -> tuple[np.ndarray, np.ndarray]:
        """A classifier of mapped points as those of points: of originals, then of each level.

        Weights (P + 1, d) and intercepts (P + 1,).
        """


@dataclass(frozen=True)
class Projection:
    """x - W (R' (x - mean)), the same at each of `n_levels` levels.

    reads, writes : R' and W', (k, d); both the basis, orthonormal, of an orthogonal projection
    mean : (d,)
    """

    reads: np.ndarray
    writes: np.ndarray
    mean: np.ndarray
    n_levels: int

    def of_originals(self, points: np.ndarray) -> np.ndarray:
        return points - ((points - self.mean) @ self.reads.T) @ self.writes

    of_levels = of_originals

    def of_displacements(self, displacements: np.ndarray, originals: np.ndarray) -> np.ndarray:
        return displacements - (displacements @ self.reads.T) @ self.writes

    def pull_back(self, weights: np.ndarray, intercept: float) -> tuple[np.ndarray, np.ndarray]:
        read = (self.writes @ weights) @ self.reads
        count = self.n_levels + 1
        return (
            np.broadcast_to(weights - read, (count, len(weights))),
            np.full(count, intercept + read @ self.mean),
        )


@dataclass(frozen=True)
class Recolouring:
    """Each level's points with the originals' mean and covariance; originals stay as they are.

    means : (P, d), of the levels; `mean` (d,) of the originals
    whitening, colouring : of each level and of the originals (X, M, a): the symmetric matrix
        a I + X'M X, with X (n, d)
    """

    means: np.ndarray
    mean: np.ndarray
    whitening: Sequence[tuple[np.ndarray, np.ndarray, float]]
    colouring: tuple[np.ndarray, np.ndarray, float]

    def of_originals(self, points: np.ndarray) -> np.ndarray:
        return points

    def of_levels(self, points: np.ndarray) -> np.ndarray:
        mapped = np.empty_like(points)
        for level, (own, mean) in enumerate(zip(self.whitening, self.means, strict=True)):
            mapped[level] = _multiply(_multiply(points[level] - mean, own), self.colouring)
        return mapped + self.mean

    def of_displacements(self, displacements: np.ndarray, originals: np.ndarray) -> np.ndarray:
        return self.of_levels(originals + displacements) - originals

    def pull_back(self, weights: np.ndarray, intercept: float) -> tuple[np.ndarray, np.ndarray]:
        coloured = _multiply(weights, self.colouring)
        found = np.stack([weights, *(_multiply(coloured, own) for own in self.whitening)])
        shifts = [0.0, *(weights @ self.mean - (found[1:] * self.means).sum(axis=1))]
        return found, intercept + np.array(shifts)


def project(basis: np.ndarray, n_levels: int) -> Projection:
    """Project out a basis (k, d) with orthonormal rows."""
    return Projection(basis, basis, np.zeros(basis.shape[1]), n_levels)


def level_means(displacements: np.ndarray) -> np.ndarray:
    """Orthonormal rows (k, d) that span the mean displacement of each level, of (P, N, d)."""
    means = displacements.mean(axis=1)
    means = means[np.linalg.norm(means, axis=1) >= MIN_DISPLACEMENT]
    return linalg.orth(means.T).T if len(means) else means


def leace(effected: np.ndarray, direction: np.ndarray, n_levels: int) -> Projection | str:
    """x - c w'(x - mean) / (w'c), c the covariance of x with the level's rank.

    Nothing of the rank is left that least squares finds in `effected` (P, N, d), whatever the
    direction w (d,). With that of unpenalised least squares it is the published LEACE. `STRETCHES`
    for a direction that is zero, or so far from the covariance that points are stretched by more
    than `MAX_STRETCH`.
    """
    ranks = unit_levels(len(effected)) - 0.5
    # The mean over clips first: every clip has the same ranks.
    covariance = ranks @ centre_points(effected.mean(axis=1)) / len(effected)
    shared = direction @ covariance
    if np.linalg.norm(direction) * np.linalg.norm(covariance) >= MAX_STRETCH * abs(shared):
        return STRETCHES
    mean = effected.mean(axis=(0, 1))
    return Projection(direction[None] / shared, covariance[None], mean, n_levels)


def leace_levels(points: np.ndarray, penalty: float, n_levels: int) -> Projection | str:
    """LEACE of the level as a class: the means of all levels of points (P, N, d) become the same.

    x - C (C'S C)^-1 C'S (x - mean), C the covariance of x with the classes and S the inverse of
    that of x, with `penalty` of the regularised direction. `STILL` if no two points differ.
    """
    n_classes, n_clips, _ = points.shape
    if not moves(points):
        return STILL
    # Contrasts of classes whose means differ by more than rounding of float32.
    means = linalg.helmert(n_classes) @ centre_points(points.mean(axis=1))
    left, values, _ = linalg.svd(means, full_matrices=False)
    contrasts = left[:, values > MEAN_ROUNDING * values[0]].T
    targets = np.repeat((contrasts @ linalg.helmert(n_classes)).T, n_clips, axis=0)
    fit = LeastSquares(points.reshape(n_classes * n_clips, -1))
    reads = Ridge(fit, penalty).solve(targets).T
    writes = contrasts @ means * n_clips
    shared = np.linalg.pinv(reads @ writes.T, hermitian=True)
    return Projection(shared @ reads, writes, points.mean(axis=(0, 1)), n_levels)


def coral(effected: np.ndarray, originals: np.ndarray) -> Recolouring | str:
    """CORAL of each level of points (P, N, d) to the originals (N, d).

    As few clips know little of a covariance, the originals' mean variance is added to the diagonal
    of each (Sun et al. add 1). `ALIKE` where originals don't vary.
    """
    ridge = float(originals.var(axis=0).mean())
    if not ridge:
        return ALIKE
    return Recolouring(
        effected.mean(axis=1),
        originals.mean(axis=0),
        [_root(points, ridge, -0.5) for points in effected],
        _root(originals, ridge, 0.5),
    )


def _root(points: np.ndarray, ridge: float, power: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The covariance of points (n, d) with `ridge` on its diagonal, to a power; `Recolouring`."""
    centred = centre_points(points) / np.sqrt(max(len(points) - 1, 1))
    values, vectors = linalg.eigh(centred @ centred.T)
    values = np.maximum(values, EPS * ridge)
    change = ((values + ridge) ** power - ridge**power) / values
    return centred, (vectors * change) @ vectors.T, ridge**power


def _multiply(rows: np.ndarray, matrix: tuple[np.ndarray, np.ndarray, float]) -> np.ndarray:
    """Rows (..., d) times a symmetric matrix of `Recolouring`."""
    points, inner, rest = matrix
    return rest * rows + ((rows @ points.T) @ inner) @ points


def fit_map(
    method: str,
    effected: np.ndarray,
    originals: np.ndarray,
    neutral: np.ndarray,
    directions: LabelDirections,
    n_kept: int = 0,
) -> Map | str:
    """The map of a method that has one, fitted to a label's training clips.

    Parameters
    ----------
    effected : (P, N, d), float64, levels ascending
    originals : (N, d)
    neutral : (P,), levels at which the effect does nothing, which are no displacements
    directions : of the same clips
    n_kept : directions that the threshold of `THRESHOLD_METHOD` keeps

    Returns
    -------
    The map; or why there is none: `leace_ols` is not defined for a fit that is saturated, whose
    direction is that of rounding
    """
    applied, n_levels = effected[~neutral], len(effected)
    if method == "leace":
        found = directions.subspaces["regularised"]
        return leace(effected, found[0], n_levels) if len(found) else STILL
    if method == "leace_ols":
        found = directions.subspaces["global_cca"]
        if not len(found) or directions.saturated:
            return SATURATED if len(found) else STILL
        return leace(effected, found[0], n_levels)
    if method == "leace_levels":
        points = np.concatenate([originals[None], applied])
        return leace_levels(points, directions.penalty, n_levels)
    if method == "coral":
        return coral(effected, originals)
    if method == "level_means":
        return project(level_means(applied - originals), n_levels)
    if method == "none":
        return project(np.empty((0, originals.shape[1])), n_levels)
    basis = directions.subspaces[method]
    return project(basis[:n_kept] if method == THRESHOLD_METHOD else basis, n_levels)
