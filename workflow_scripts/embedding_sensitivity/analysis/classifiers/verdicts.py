"""Does projecting directions out help, harm or neither? (The question of section IV.)

A method's gain is its AUC minus that of the classifier without debiasing, on the same training
and test set. Whether a gain is more than the choice of test recordings is asked of its variance
over recordings (spec 7.3), and the answers of all cells of a model and effect are corrected for
their number.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy.special import stdtr

from embedding_sensitivity.analysis.intervals import (
    COVERAGE,
    MIN_RECORDINGS,
    ClusteredAuc,
    quantile_t,
)
from embedding_sensitivity.analysis.statistics import adjust_p_values
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.measures import FALSE_DISCOVERY_RATE

# A spread of this size is none: that of AUCs whose order is the same in every recording.
ROUNDING = 1e-12
# Scores nearer to each other than this share of the largest are the same.
SAME_SCORES = 1e-9
EFFECTED = "effected"


def differ_from_first(scores: np.ndarray) -> np.ndarray:
    """Which classifiers' scores (V, ...) are others than the first one's, by more than rounding."""
    scores = scores.reshape(len(scores), -1)
    return np.abs(scores - scores[0]).max(axis=1) > SAME_SCORES * np.abs(scores[0]).max()


def gain_statistics(
    gain: np.ndarray, parts: np.ndarray, clustered: ClusteredAuc, differ: np.ndarray
) -> dict[str, np.ndarray]:
    """95 % interval, p-value and standard deviation of gains (V,), differences of paired AUCs.

    Parameters
    ----------
    parts : (2, V, G), of `ClusteredAuc.components`, less those of the classifier compared with
    clustered : of the test clips
    differ : (V,), `differ_from_first`: scores that are others have the variance of one pair at
        least, since other clips may be ordered otherwise although these aren't

    Returns
    -------
    ``low`` and ``high``, NaN below `MIN_RECORDINGS`; ``p`` of no gain, two-sided, of Student's t
    with Satterthwaite's degrees of freedom, NaN where the spread is 0 and the gain isn't; and
    ``spread`` and ``freedom``. All NaN for a single recording.
    """
    variance, freedom = clustered.variance(parts)
    least = clustered.smallest_variance() * differ
    return weigh_gains(gain, variance, freedom, clustered.n_groups, MIN_RECORDINGS, least)


def weigh_gains(
    gain: np.ndarray,
    variance: np.ndarray,
    freedom: np.ndarray,
    n_groups: int,
    min_recordings: int,
    least: np.ndarray,
) -> dict[str, np.ndarray]:
    """What `gain_statistics` returns, of gains (V,) with known variances (V,) over recordings.

    NaN ends below `min_recordings`; `least` (V,) are the smallest variances that there can be.
    """
    varies = np.sqrt(variance) > ROUNDING
    spread = np.sqrt(np.maximum(variance, least))
    reach = spread * [quantile_t(each) for each in freedom]
    if n_groups < min_recordings:
        reach = np.full(len(gain), np.nan)
    tested = varies | ((gain == 0) & (spread > ROUNDING))
    p = np.where((gain == 0) & ~np.isnan(spread), 1.0, np.nan)
    p[tested] = 2 * stdtr(freedom[tested], -np.abs(gain[tested]) / spread[tested])
    if n_groups < 2:
        p[:] = np.nan
    return {
        "low": gain - reach, "high": gain + reach, "p": p, "spread": spread, "freedom": freedom
    }  # fmt: skip


def counts(row: Mapping) -> bool:
    """Whether the verdict counts a cell: one of Fig. 4, of a label that responds."""
    return direction_of(row) is not None and is_of_response(row)


def is_of_response(row: Mapping) -> bool:
    """Whether the label of a row, of values or text, responds to the effect."""
    return bool(int(row["responds"]))


def direction_of(row: Mapping) -> tuple[str, str] | None:
    """What the classifier of a cell was trained and tested on, if the verdict counts the cell.

    It counts those of Fig. 4, in which the effect comes between training and test: trained on
    originals and tested on a level, or trained on a level and tested on originals.
    """
    sides = tuple(ORIGINAL if row[side] == ORIGINAL else EFFECTED for side in ("train", "test"))
    return sides if sides[0] != sides[1] else None


def adjust(rows: Sequence[dict], counts: Callable = counts) -> None:
    """Give rows of gains of one model and effect what depends on their number m.

    The family is every row that `counts`, of table auc_gain those that the verdict counts, of all
    methods, labels and levels: `p_adjusted`, and `detectable_gain`, that which the smallest p-value
    of m has to belong to. The columns `spread` and `freedom` are taken away.
    """
    family = [row for row in rows if counts(row) and not np.isnan(row["p"])]
    adjust_p_values(family, "p", "p_adjusted")
    for row in family:
        tail = (1 - COVERAGE) / (2 * len(family))
        row["detectable_gain"] = quantile_t(row["freedom"], tail) * row["spread"]
    for row in rows:
        del row["spread"], row["freedom"]


def verdict_rows(gains: Iterable[Mapping[str, str]]) -> list[dict]:
    """Rows of table verdicts, from those of table auc_gain.

    A method helps in a cell whose gain is above 0 and has an adjusted p-value of at most 0.05,
    harms where it is below 0, and does neither elsewhere; cells without one are untested.
    """
    cells: dict[tuple, list[Mapping]] = {}
    for row in gains:
        if sides := direction_of(row):
            key = (row["model"], row["effect"], row["method"], row["threshold"], *sides)
            cells.setdefault(key, []).append(row)
    rows = []
    for (model, effect, method, threshold, train, test), found in cells.items():
        # A label that doesn't respond has a gain of 0 that says nothing.
        n_cells = len(found)
        found = [row for row in found if is_of_response(row)] or found
        gain = np.array([float(row["gain"]) for row in found])
        p = np.array([float(row["p_adjusted"] or "nan") for row in found])
        clear = p <= FALSE_DISCOVERY_RATE
        helps, harms = int((clear & (gain > 0)).sum()), int((clear & (gain < 0)).sum())
        untested = int(np.isnan(p).sum())
        # A method that leaves a classifier as it is has no gain, whatever the clips.
        detectable = [float(row["detectable_gain"] or 0) for row in found]
        rows.append(
            {
                "model": model,
                "effect": effect,
                "method": method,
                "threshold": threshold,
                "helps": helps,
                "harms": harms,
                "neither": len(found) - helps - harms - untested,
                "mean_gain": float(gain.mean()),
                "train": train,
                "test": test,
                "untested": untested + n_cells - len(found),
                "lowest_gain": float(gain.min()),
                "highest_gain": float(gain.max()),
                "detectable_gain": min((each for each in detectable if each), default=None),
            }
        )
    return rows
