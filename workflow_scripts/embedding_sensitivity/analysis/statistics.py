"""What chance alone gives, and how far a value would move with other recordings.

Spec section 7: a null from levels permuted within clips, and intervals from a bootstrap over
groups (recordings), because the clips of a recording are not independent.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from embedding_sensitivity.analysis.cca import LeastSquares, is_saturated, unit_levels
from embedding_sensitivity.analysis.correlation import first_equal_rows, squared_spearman
from embedding_sensitivity.analysis.intervals import N_RESAMPLES, resampled_groups

SEED = 20220419
N_PERMUTATIONS = 200
HIGH = 0.95  # the quantile of the null that is called high
INTERVAL = (0.025, 0.975)
# Resamples computed at once: what bounds the memory.
CHUNK = 100


def generator(*names: str) -> np.random.Generator:
    """Random numbers that depend on `names` alone, not on what was drawn before."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([SEED, *digest])


def permuted_levels(
    n_levels: int, n_clips: int, n_permutations: int, random: np.random.Generator
) -> np.ndarray:
    """Targets with the levels permuted within each clip, shape (n_permutations, P, N)."""
    targets = np.broadcast_to(unit_levels(n_levels), (n_permutations, n_clips, n_levels))
    return random.permuted(targets, axis=-1).transpose(0, 2, 1)


def null_r2(effected: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Global R2 of directions that are fitted to permuted levels, on the points of the fit.

    Each is what `global_cca` and R2 give if a clip's levels come in any order: how much of R2 is
    the freedom of the fit. All share one factor of the points.

    Parameters
    ----------
    effected : (P, N, d), float64, a label's training clips

    Returns
    -------
    (N_PERMUTATIONS,), 1 by identity where the fit is saturated, NaN if no point differs
    """
    n_levels, n_clips, dimension = effected.shape
    points = effected.reshape(n_levels * n_clips, dimension)
    fit = LeastSquares(points)
    if is_saturated(fit.rank, len(points)):
        return np.ones(N_PERMUTATIONS)
    targets = permuted_levels(n_levels, n_clips, N_PERMUTATIONS, random)
    targets = np.ascontiguousarray(targets.reshape(N_PERMUTATIONS, len(points)))
    # A matrix product may round equal points differently: they stay ties by being copied.
    fitted = fit.fitted(targets.T)[first_equal_rows(points)]
    return squared_spearman(np.ascontiguousarray(fitted.T), targets)


def null_r2_of_projections(projections: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """R2 of given projections (P, N) with levels permuted within each clip, (N_PERMUTATIONS,).

    The null of a direction that was fitted to other clips.
    """
    n_levels, n_clips = projections.shape
    targets = permuted_levels(n_levels, n_clips, N_PERMUTATIONS, random)
    return squared_spearman(projections.ravel(), targets.reshape(N_PERMUTATIONS, -1))


def resampled_r2(projections: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """R2 of projections (P, N) on the level in samples that have clip i `counts[b, i]` times.

    The direction is the same in every sample. Returns (B,), NaN where a sample's projections are
    all equal. The same as `squared_spearman` of the repeated clips, without sorting each.
    """
    n_levels, n_clips = projections.shape
    levels = np.repeat(np.arange(n_levels) - (n_levels - 1) / 2, n_clips)
    values = projections.ravel()
    order = np.argsort(values, kind="stable")
    _, starts, tie = np.unique(values[order], return_index=True, return_inverse=True)
    found = []
    for chunk in np.array_split(counts, -(-len(counts) // CHUNK)):
        weights = np.tile(chunk, n_levels)[:, order].astype(np.float64)
        sizes = np.add.reduceat(weights, starts, axis=1)
        ranks = (np.cumsum(sizes, axis=1) - sizes / 2)[:, tie]
        # Every clip has each level once: the levels' ranks are evenly spaced in every sample.
        ranks -= weights.sum(axis=1, keepdims=True) / 2
        weighted = weights * ranks
        product = weighted @ levels[order]
        norms = (weighted * ranks).sum(axis=1) * (weights @ levels[order] ** 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.minimum(product**2 / norms, 1.0))
    return np.concatenate(found)


def r2_interval(
    projections: np.ndarray, groups: Sequence[str], random: np.random.Generator
) -> tuple[float | None, float | None]:
    """Ends of the 95 % percentile interval of R2 of projections (P, N), over groups of the clips.

    (None, None) if there is one group only, or R2 is undefined.
    """
    if len(set(groups)) < 2:
        return None, None
    r2 = resampled_r2(projections, resampled_groups(groups, N_RESAMPLES, random))
    r2 = r2[~np.isnan(r2)]
    return tuple(map(float, np.quantile(r2, INTERVAL))) if len(r2) else (None, None)
