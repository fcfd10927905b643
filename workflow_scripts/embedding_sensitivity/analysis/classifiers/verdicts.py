"""Does projecting directions out help, harm or neither? (The question of section IV.)

A method's gain is its AUC minus that of the classifier without debiasing, on the same training
and test set. Whether a gain is more than the choice of test recordings is asked of a paired
bootstrap over groups (spec section 7), and the answers of all cells of a model and effect are
corrected for their number.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.special import stdtr

from embedding_sensitivity.analysis.statistics import adjust_p_values
from embedding_sensitivity.effects.levels import ORIGINAL

# The share of false findings among findings that the correction allows.
FALSE_DISCOVERY_RATE = 0.05
INTERVAL = (0.025, 0.975)
EFFECTED = "effected"


class PairedBootstrap:
    """AUCs of any classifiers of one label on the same resamples of the test clips.

    An AUC is the share of (positive, negative) pairs in the right order, ties a half. A resample
    weighs a pair by how often it holds both clips, so all resamples are products of one matrix:
    pairs in the right order, counted by groups.

    Parameters
    ----------
    positive : (n,), bool, the label's test clips
    groups : (n,), the clips' groups
    counts : (B, n), how often each clip is in each resample, equal within a group
    """

    def __init__(self, positive: np.ndarray, groups: Sequence[str], counts: np.ndarray):
        groups = np.asarray(groups)
        self._sides = []
        for side in (positive, ~positive):
            clips = np.flatnonzero(side)
            clips = clips[np.argsort(groups[clips], kind="stable")]
            _, starts, sizes = np.unique(groups[clips], return_index=True, return_counts=True)
            weights = counts[:, clips[starts]].astype(np.float64)
            self._sides.append((clips, starts, weights, weights @ sizes))
        # Of the label or of the rest, whichever has fewer: what limits every interval.
        self.n_groups = min(len(starts) for _, starts, _, _ in self._sides)

    def areas(self, scores: np.ndarray) -> np.ndarray:
        """AUC of scores (V, n) in every resample, (V, B); NaN in one that lacks a class."""
        (ups, up_starts, up_weights, n_ups), (downs, down_starts, down_weights, n_downs) = (
            self._sides
        )
        n_pairs = n_ups * n_downs
        found = np.empty((len(scores), len(n_pairs)))
        for row, values in zip(found, scores, strict=True):
            up, down = values[ups, None], values[downs]
            wins = (up > down).astype(np.float64) + 0.5 * (up == down)
            wins = np.add.reduceat(np.add.reduceat(wins, down_starts, axis=1), up_starts, axis=0)
            with np.errstate(invalid="ignore"):
                row[:] = np.einsum("bg,bg->b", up_weights @ wins, down_weights) / n_pairs
        return found


def gain_statistics(
    gain: np.ndarray, resampled: np.ndarray, n_groups: int
) -> dict[str, np.ndarray]:
    """95 % interval and p-value of gains (V,), given the same in B resamples (V, B).

    The interval holds the resamples' percentiles. The two-sided p-value of no gain takes the
    resamples' standard deviation as the gain's standard error, in Student's t with n_groups - 1
    degrees of freedom: unlike the share of resamples beyond 0 it isn't limited to 1/B, which a
    correction for thousands of cells would need, and it is cautious where groups are few.
    Resamples without a class (NaN) are left out. All NaN for a single group.
    """
    kept = resampled[:, ~np.isnan(resampled).any(axis=0)]
    if n_groups < 2 or kept.shape[1] < 2:
        nothing = np.full(len(gain), np.nan)
        return {"low": nothing, "high": nothing, "p": nothing}
    low, high = np.quantile(kept, INTERVAL, axis=1)
    spread = kept.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(gain == 0, 1.0, 2 * stdtr(n_groups - 1, -np.abs(gain) / spread))
    return {"low": low, "high": high, "p": p}


def direction_of(row: Mapping) -> tuple[str, str] | None:
    """What the classifier of a cell was trained and tested on, if the verdict counts the cell.

    It counts those of Fig. 4, in which the effect comes between training and test: trained on
    originals and tested on a level, or trained on a level and tested on originals.
    """
    sides = tuple(ORIGINAL if row[side] == ORIGINAL else EFFECTED for side in ("train", "test"))
    return sides if sides[0] != sides[1] else None


def adjust(rows: Sequence[dict]) -> None:
    """Give the rows of table auc_gain of one model and effect their p-values `p_adjusted`.

    The family is every cell that the verdict counts: of all methods, labels and levels.
    """
    adjust_p_values([row for row in rows if direction_of(row)], "p", "p_adjusted")


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
        gain = np.array([float(row["gain"]) for row in found])
        p = np.array([float(row["p_adjusted"] or "nan") for row in found])
        clear = p <= FALSE_DISCOVERY_RATE
        helps, harms = int((clear & (gain > 0)).sum()), int((clear & (gain < 0)).sum())
        untested = int(np.isnan(p).sum())
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
                "untested": untested,
                "lowest_gain": float(gain.min()),
                "highest_gain": float(gain.max()),
            }
        )
    return rows
