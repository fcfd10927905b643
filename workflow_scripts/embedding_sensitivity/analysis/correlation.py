"""How well the position along a direction gives the level's rank (section III of the paper)."""

import numpy as np

from embedding_sensitivity.analysis.cca import unit_levels


def project(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """<direction, x> of points (..., d), as (...).

    Row by row rather than by a matrix product, whose rounding may depend on a row's position:
    equal points get equal projections and stay ties.
    """
    if points.ndim > 2:
        return np.stack([project(block, direction) for block in points])
    return (points * direction).sum(axis=-1)


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman correlation along the last axis, ties at their mean rank.

    NaN where one side is constant: there is no order to compare.
    """
    from scipy import stats  # here, as it takes a second to import: classifiers rank nothing

    ranks = []
    for values in (first, second):
        ranked = stats.rankdata(values, axis=-1)
        ranks.append(ranked - (ranked.shape[-1] + 1) / 2)
    product = (ranks[0] * ranks[1]).sum(axis=-1)
    norms = (ranks[0] ** 2).sum(axis=-1) * (ranks[1] ** 2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(product / np.sqrt(norms), -1.0, 1.0)


def squared_spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The R2 of the paper: `spearman` squared, whatever its sign."""
    return spearman(first, second) ** 2


def global_r2(projections: np.ndarray, saturated: bool) -> float:
    """R2 of projections (P, N) on levels; 1 by identity, not by ranking, where saturated."""
    return 1.0 if saturated else global_rho(projections) ** 2


def global_rho(projections: np.ndarray) -> float:
    """Spearman correlation of projections (P, N) with the level, signed."""
    targets = np.repeat(unit_levels(len(projections)), projections.shape[1])
    return float(spearman(projections.ravel(), targets))


def r2_ceiling(n_levels: int, n_clips: int) -> float:
    """The largest R2 that projections of N clips at P levels can have, nearly 1 - 1 / P^2.

    Clips at one level share a rank, their projections do not.
    """
    return 1 - (n_clips**2 - 1) / ((n_clips * n_levels) ** 2 - 1)


def within_clips(projections: np.ndarray) -> np.ndarray:
    """Spearman correlation (N,) of each clip's projections (P, N) with the level."""
    return spearman(projections.T, unit_levels(len(projections))[None])


def ordered_r2(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`spearman` squared, and 0 where it is negative: of predictions, which have a sign."""
    return np.maximum(spearman(first, second), 0.0) ** 2


def n_distinct_points(points: np.ndarray) -> int:
    """How many of the rows of points (P, d) differ."""
    return len({row.tobytes() for row in np.ascontiguousarray(points) + 0.0})


def first_equal_rows(rows: np.ndarray) -> np.ndarray:
    """For each row of (n, d) the index of the first row equal to it, shape (n,)."""
    first: dict[bytes, int] = {}
    # Adding zero turns -0.0, which equals 0.0 but differs in its bytes, into 0.0.
    contiguous = np.ascontiguousarray(rows) + 0.0
    return np.array(
        [first.setdefault(row.tobytes(), index) for index, row in enumerate(contiguous)],
        dtype=np.intp,
    )
