"""Whether a test clip with the effect still finds its original among many, by cosine.

Embeddings are x_i, and x_i^p with the effect at level p.
"""

from collections.abc import Sequence

import numpy as np

from embedding_sensitivity.analysis.intervals import (
    MIN_RECORDINGS_OF_LABELS,
    interval_of_share,
    jackknife,
    ratio_and_without,
)

# Clips of the gallery that retrieval is reported for, so that data sets of any size compare.
GALLERY = 32
# The recall that a clip's original is found with at `threshold_90`.
WANTED = 0.9
# Recalls are interpolated at so many steps from a level to the next, for their intervals.
STEPS = 8
# Cosines that differ by less are ties: rounding in double precision.
TIE = 1e-12


def count_nearer(
    queries: np.ndarray, own: np.ndarray, gallery: np.ndarray, is_rival: np.ndarray
) -> np.ndarray:
    """How many rivals are at least as near to a query as its own original, by cosine.

    Parameters
    ----------
    queries : (P, n, d)
    own : (n, d), the original of each query
    gallery : (m, d)
    is_rival : (n, m), bool: which of the gallery compete with each query's original

    Returns
    -------
    (P, n); ties count as nearer, and an embedding of zeros has the cosine 0 with all
    """
    own, gallery = _units(own), _units(gallery).T
    found = np.empty(queries.shape[:2], dtype=int)
    for at_level, points in zip(found, map(_units, queries), strict=True):
        similar = points @ gallery >= ((points * own).sum(axis=1) - TIE)[:, None]
        at_level[:] = (similar & is_rival).sum(axis=1)
    return found


def _units(points: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    return np.divide(points, norms, out=np.zeros_like(points), where=norms > 0)


def recall_and_mrr(nearer: np.ndarray, rivals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected recall at 1 and reciprocal rank of an original among `GALLERY` clips.

    Over all galleries of the original and `GALLERY` - 1 of its rivals, in closed form: how many of
    the nearer ones are drawn is hypergeometric. With fewer rivals, the gallery of all.

    Parameters
    ----------
    nearer, rivals : of the same shape, `count_nearer` and the number of rivals

    Returns
    -------
    Two arrays of that shape, NaN where there are no rivals.
    """
    drawn = np.minimum(GALLERY - 1, rivals)
    recall = np.where(rivals > 0, 1.0, np.nan)
    for index in range(GALLERY - 1):
        left = np.maximum(rivals - index, 1)
        recall = recall * np.where(index < drawn, np.maximum(left - nearer, 0) / left, 1.0)
    mrr = rivals + 1 - recall * (rivals - nearer - drawn)
    return recall, mrr / ((drawn + 1) * (nearer + 1))


def find_threshold(values: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Where recall first falls under `WANTED`, interpolated between the two levels.

    Parameters
    ----------
    values : (P,), levels on the effect's scale, the mildest first
    recall : (..., P)

    Returns
    -------
    (...): -inf where the mildest level is already under it, inf where none is.
    """
    under = recall < WANTED - TIE
    after = under.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    high, low = (
        np.take_along_axis(recall, index[..., None], -1)[..., 0] for index in (before, after)
    )
    share = (high - WANTED) / np.where(high > low, high - low, 1.0)
    crossed = values[before] + share * (values[after] - values[before])
    found = np.where(after == 0, -np.inf, crossed)
    return np.where(under.any(axis=-1), found, np.inf)


def retrieve(
    queries: np.ndarray,
    own: np.ndarray,
    groups: Sequence[str],
    gallery: np.ndarray,
    gallery_groups: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Of each query how many of the gallery are at least as near as its original, and how many are.

    Parameters
    ----------
    queries, own : (P, n, d), (n, d), see `count_nearer`
    groups : the recordings of the n clips; others of the same recording don't compete
    gallery, gallery_groups : (m, d), and the recordings of these originals

    Returns
    -------
    nearer : (P, n)
    rivals : (n,)
    """
    is_rival = np.asarray(groups)[:, None] != np.asarray(gallery_groups)
    return count_nearer(queries, own, gallery, is_rival), is_rival.sum(axis=1)


def describe_retrieval(nearer: np.ndarray, rivals: np.ndarray) -> dict:
    """Columns of table retrieval, of one level's queries: `nearer` (n,) and `rivals` (n,)."""
    row = {"n_gallery": int(rivals.min()) + 1, "n_clips": len(rivals)}
    row["gallery"] = min(GALLERY, row["n_gallery"])
    recall, mrr = recall_and_mrr(nearer, rivals)
    everyone = np.where(rivals > 0, nearer, np.nan)
    values = {
        "recall_1": recall,
        "mrr": mrr,
        "recall_1_full": np.where(np.isnan(everyone), np.nan, everyone == 0),
        "mrr_full": 1 / (1 + everyone),
    }
    return row | {name: float(found.mean()) for name, found in values.items()}


def sides_of(
    levels: Sequence[float], neutral: float | None, mild_end: str
) -> list[tuple[str, list[int], np.ndarray]]:
    """The ways in which an effect grows: `down` to lower levels, `up` to higher ones, or both.

    Parameters
    ----------
    levels : (P,), ascending
    neutral : the level that does nothing; outside the grid, the end nearer to it is the mild one
    mild_end : ``low`` or ``high``, where no level is neutral

    Returns
    -------
    For each its name, and its levels, the mildest first, as indices and values. A neutral level
    inside the grid is the mildest of both ways, with index -1 if it is not of the grid itself.
    """
    values = np.asarray(levels, dtype=np.float64)
    indices = np.arange(len(values))
    if neutral is None or not values[0] < neutral < values[-1]:
        if neutral is not None:
            mild_end = "low" if neutral <= values[0] else "high"
        way, order = ("up", 1) if mild_end == "low" else ("down", -1)
        return [(way, list(indices[::order]), values[::order])]
    sides = []
    for way, chosen in (("down", values <= neutral), ("up", values >= neutral)):
        order = -1 if way == "down" else 1
        own, at = list(indices[chosen][::order]), values[chosen][::order]
        inside = at[0] == neutral
        sides.append((way, own if inside else [-1, *own], at if inside else np.r_[neutral, at]))
    return sides


def interpolate(values: np.ndarray) -> np.ndarray:
    """Values (..., P) with `STEPS` - 1 more between each two of them, at equal distances."""
    last = values.shape[-1] - 1
    positions = np.arange(last * STEPS + 1) / STEPS
    before = np.minimum(positions.astype(int), max(last - 1, 0))
    after, share = np.minimum(before + 1, last), positions - before
    return (1 - share) * values[..., before] + share * values[..., after]


def smallest_fall(groups: Sequence[str], rivals: np.ndarray) -> float:
    """The least that a recording's recall falls by: by one nearer rival of one of its clips."""
    return min(1.0, (GALLERY - 1) / rivals.mean()) * len(set(groups)) / len(groups)


def recall_bands(recall: np.ndarray, groups: Sequence[str], least: np.ndarray) -> np.ndarray:
    """95 % intervals, over recordings, of mean recalls, (2, K).

    Parameters
    ----------
    recall : (n, K), of each clip
    groups : the recordings of the n clips
    least : (K,), the smallest step of a recording's recall, see `interval_of_share`; 0 of
        originals, which find themselves: there is nothing to estimate
    """
    means, without, _ = ratio_and_without(recall, np.ones((len(recall), 1)), groups)
    bands = np.repeat(means[None], 2, axis=0)
    for column in np.flatnonzero(least):
        estimate = jackknife(means[column], without[:, column])
        bands[:, column] = interval_of_share(estimate, least[column])
    return bands


def threshold_rows(
    recall: np.ndarray,
    groups: Sequence[str],
    rivals: np.ndarray,
    sides: Sequence[tuple[str, list[int], np.ndarray]],
    log_scale: bool,
) -> list[dict]:
    """Rows of table threshold_90, without model and effect: one for each of `sides`.

    Parameters
    ----------
    recall : (n, P + 1), expected recall at 1 of each clip at each level, then of its original
    groups : the recordings of the n clips
    rivals : (n,), of each clip
    sides : `sides_of`
    log_scale : levels are interpolated on a logarithmic scale

    An interval is from where the lower ends of the recalls' intervals fall under `WANTED` to where
    the upper ends do; the gallery stays. Recalls between levels have intervals of their own: a line
    between those of two levels is wider. Where every clip is found, an interval is as wide as a
    half of `smallest_fall`: with it simulated thresholds are covered (docs/calibration.md).
    """
    known = ~np.isnan(recall[:, 0])  # a clip without rivals is found in any case
    recall, groups, rivals = recall[known], np.asarray(groups)[known], rivals[known]
    if not len(recall):
        return []
    n_groups = len(set(groups))
    rows = []
    for way, indices, levels in sides:
        scaled, own = np.log(levels) if log_scale else levels, recall[:, indices]
        curves = {"threshold_90": (scaled, own.mean(axis=0))}
        if n_groups >= MIN_RECORDINGS_OF_LABELS:
            least = np.where(np.array(indices) == -1, 0.0, smallest_fall(groups, rivals) / 2)
            ends = recall_bands(interpolate(own), groups, interpolate(least))
            ends = ends[::-1] if way == "down" else ends
            curves["threshold_90_low"] = interpolate(scaled), ends[0]
            curves["threshold_90_high"] = interpolate(scaled), ends[1]
        row = {"side": way, "n_groups": n_groups, "n_clips": len(recall)}
        for name, curve in curves.items():
            value = find_threshold(*curve)
            # Beyond either end is infinite: as levels that ascend, the other way round for `down`.
            value = -value if way == "down" and np.isinf(value) else value
            level = np.exp(value) if log_scale and np.isfinite(value) else value
            row[name] = float(np.clip(level, levels.min(), levels.max()))
            bound = "=" if np.isfinite(value) else "<" if value < 0 else ">"
            row[name.replace("threshold_90", "bound")] = bound
        rows.append(row)
    return rows
