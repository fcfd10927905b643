"""What chance alone gives: three nulls, each of another question (spec 7.2).

recording
    levels permuted, the same for all clips of a recording: is there any effect? Clips of a
    recording respond alike, so permuting them one by one would find an effect where there is none
common
    one permutation of the levels for all clips: do embeddings follow the *order* of levels, or
    does each level only have a place of its own?
reversal
    levels reversed in recordings drawn by lot, each clip centred: do recordings share a direction?

Training and test clips are permuted alike, every direction is fitted anew, and the value that the
draws are compared with is computed as they are. Permutations of the recordings, the one that
changes nothing among them, are a group, so the test of no effect, no order or no shared direction
holds its level at any number of recordings.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from embedding_sensitivity.analysis.cca import LeastSquares, is_saturated, unit_levels
from embedding_sensitivity.analysis.correlation import first_equal_rows
from embedding_sensitivity.analysis.ridge import Ridge, choose_penalty, recording_folds

SEED = 20220419
NULLS = ("recording", "common", "reversal")
# Of the regularised direction, whose p-values are adjusted; the paper's R2 has the first of them.
N_DRAWS = 999
N_DRAWS_R2 = 200
# Draws computed at once: what bounds the memory.
CHUNK = 200
HIGH = 0.95  # the quantile of the null that is called high
# Four levels have 12 orders that differ by more than reversal: too few to tell.
MIN_LEVELS_OF_ORDER = 5
# Draws nearer to the observed value than this are ties.
ROUNDING = 1e-10
STATISTICS = ("r2", "r2_test", "rho_ridge")


def generator(*names: str) -> np.random.Generator:
    """Random numbers that depend on `names` alone, not on what was drawn before."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([SEED, *digest])


def draw_orders(
    null: str, n_levels: int, recordings: Sequence[str], n_draws: int, *names: str
) -> np.ndarray:
    """Orders of the levels as a null permutes them, (n_draws, R, P), of R recordings.

    An order depends on the recording's name alone, and `names`. So labels that share recordings
    permute them alike, and `common` permutes all labels alike: levels may have the same places in
    all of them.
    """
    levels = np.arange(n_levels, dtype=np.uint16)
    shape = (n_draws, len(recordings), n_levels)
    if null == "common":
        orders = generator(*names, null).permuted(np.tile(levels, (n_draws, 1)), axis=1)
        return np.broadcast_to(orders[:, None], shape)
    found = np.empty(shape, np.uint16)
    for index, recording in enumerate(recordings):
        random = generator(*names, null, str(recording))
        if null == "reversal":
            turned = random.random((n_draws, 1)) < 0.5
            found[:, index] = np.where(turned, levels[::-1], levels)
        else:
            found[:, index] = random.permuted(np.tile(levels, (n_draws, 1)), axis=1)
    return found


def targets_of(orders: np.ndarray, recording_of: np.ndarray) -> np.ndarray:
    """Targets of mean zero, (B, P, N), of N clips, from the orders (B, R, P) of recordings."""
    levels = unit_levels(orders.shape[-1]) - 0.5
    return levels[orders[:, recording_of]].transpose(0, 2, 1)


def rank_correlations(values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Spearman correlations (B,) of values (n, B) with targets (B, n) that are evenly spaced.

    Each target occurs as often as every other, so that its rank is a linear function of it.
    NaN where all values are equal.
    """
    from scipy.stats import rankdata  # here, as it takes a second to import

    ranks = rankdata(np.ascontiguousarray(values.T), axis=-1) - (len(values) + 1) / 2
    product = (ranks * targets).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return product / np.sqrt((ranks**2).sum(axis=-1) * (targets**2).sum(axis=-1))


class Refits:
    """The statistics of one label's clips for any order of the levels.

    Parameters
    ----------
    training : (P, N, d), float64
    test : (P, n, d), float64; n may be 0
    fit : of the training clips' points
    penalty : of the regularised direction, relative to the mean eigenvalue
    centred : whether each clip is centred
    """

    def __init__(
        self,
        training: np.ndarray,
        test: np.ndarray,
        fit: LeastSquares,
        penalty: float,
        centred: bool = False,
    ):
        points, test_points = (each.reshape(-1, each.shape[-1]) for each in (training, test))
        # Each clip that is centred has a dimension less.
        n_centred = training.shape[1] if centred else 1
        self.saturated = is_saturated(fit.rank, len(points) - n_centred + 1)
        self._has_test = len(test_points) > 0
        # A matrix product may round equal points differently: they stay ties by being copied.
        self._first, self._first_test = first_equal_rows(points), first_equal_rows(test_points)
        weigh, weigh_regularised = fit.solve, Ridge(fit, penalty).solve
        if len(points) < N_DRAWS:
            # Fewer points than draws: what the targets are multiplied with, once for all draws.
            unit = np.eye(len(points))
            exact, regularised = weigh(unit), weigh_regularised(unit)
            fitted, predicted = fit.centred @ exact[fit.varying], test_points @ exact
            predicted_regularised = test_points @ regularised
            self._fitted = lambda targets: fitted @ targets
            self._predicted = lambda targets: predicted @ targets
            self._predicted_regularised = lambda targets: predicted_regularised @ targets
        else:
            self._fitted = fit.fitted
            self._predicted = lambda targets: test_points @ weigh(targets)
            self._predicted_regularised = lambda targets: test_points @ weigh_regularised(targets)

    def statistics(self, targets: np.ndarray, test_targets: np.ndarray, paper: bool) -> dict:
        """R2, test R2 and rho_ridge of B orders: targets (B, P, N) and (B, P, n) of mean zero.

        `paper` : with the two of the paper's direction. No R2 of a saturated fit, which is 1 by
        identity; nothing of no test clips.
        """
        targets = targets.reshape(len(targets), -1)
        test_targets = test_targets.reshape(len(targets), -1)
        found = {}
        if paper and not self.saturated:
            fitted = self._fitted(targets.T)[self._first]
            found["r2"] = rank_correlations(fitted, targets) ** 2
        if self._has_test:
            wanted = {"rho_ridge": self._predicted_regularised}
            if paper:
                wanted["r2_test"] = self._predicted
            for name, predict in wanted.items():
                predicted = predict(targets.T)[self._first_test]
                found[name] = rank_correlations(predicted, test_targets)
            if paper:
                found["r2_test"] **= 2
        return found


def null_r2(
    effected: np.ndarray, groups: Sequence[str], *names: str, null: str = NULLS[0]
) -> np.ndarray:
    """R2 (N_DRAWS_R2,) of directions fitted to levels permuted as a null does, on the fit's points.

    How much of R2 is the freedom of the fit: 1 by identity where it is saturated, NaN if no point
    of `effected` (P, N, d) differs. Random numbers depend on `names`, see `draw_orders`.
    """
    n_levels, _, dimension = effected.shape
    fit = LeastSquares(effected.reshape(-1, dimension))
    refits = Refits(effected, effected[:, :0], fit, penalty=1.0)
    if refits.saturated:
        return np.ones(N_DRAWS_R2)
    recordings, recording_of = np.unique(np.asarray(groups), return_inverse=True)
    orders = draw_orders(null, n_levels, recordings, N_DRAWS_R2, *names)
    targets = targets_of(orders, recording_of)
    return refits.statistics(targets, targets[..., :0], paper=True)["r2"]


def null_statistics(
    training: np.ndarray,
    test: np.ndarray,
    groups: Sequence[str],
    test_groups: Sequence[str],
    penalty: float,
) -> dict[tuple[str, str], tuple[float, np.ndarray]]:
    """Each statistic's value and draws under each null.

    Parameters
    ----------
    training : (P, N, d), float64, levels ascending, of the recordings `groups` (N,)
    test : (P, n, d), float64, of `test_groups` (n,); n may be 0
    penalty : of the regularised direction of `training`

    Returns
    -------
    By (statistic, null) the observed value and the draws (`N_DRAWS_R2` of R2 and test R2, `N_DRAWS`
    of rho_ridge), without the R2 of a saturated fit and what needs test clips where there are none.
    """
    found = _compare(training, test, groups, test_groups, penalty, NULLS[:2])
    moves, test_moves = (points - points.mean(axis=0) for points in (training, test))
    found |= _compare(moves, test_moves, groups, test_groups, None, NULLS[2:])
    return found


def _compare(
    training: np.ndarray,
    test: np.ndarray,
    groups: Sequence[str],
    test_groups: Sequence[str],
    penalty: float | None,
    nulls: Sequence[str],
) -> dict[tuple[str, str], tuple[float, np.ndarray]]:
    """`null_statistics` of some nulls; of centred clips, penalty None, which is chosen anew."""
    n_levels, n_clips, dimension = training.shape
    everyone = np.array([*groups, *test_groups])
    recordings, recording_of = np.unique(everyone, return_inverse=True)
    levels = np.broadcast_to(unit_levels(n_levels)[:, None] - 0.5, (1, n_levels, len(everyone)))
    fit = LeastSquares(training.reshape(-1, dimension))
    centred = penalty is None
    if centred:
        fold = np.tile(recording_folds(groups), n_levels)
        penalty = choose_penalty(fit, levels[0, :, :n_clips].ravel(), fold)
    refits = Refits(training, test, fit, penalty, centred)
    observed = refits.statistics(levels[..., :n_clips], levels[..., n_clips:], paper=True)
    found = {}
    for null in nulls:
        orders = draw_orders(null, n_levels, recordings, N_DRAWS)
        draws: dict[str, list[np.ndarray]] = {name: [] for name in observed}
        for start in range(0, N_DRAWS, CHUNK):
            targets = targets_of(orders[start : start + CHUNK], recording_of)
            parts = targets[..., :n_clips], targets[..., n_clips:]
            for name, values in refits.statistics(*parts, paper=start < N_DRAWS_R2).items():
                draws[name].append(values)
        for name, values in draws.items():
            found[name, null] = float(observed[name][0]), np.concatenate(values)
    return found


def p_value(observed: float, draws: np.ndarray) -> float:
    """Share of the draws, and of the observed value with them, that are as large (one-sided)."""
    if np.isnan(observed):
        return np.nan
    return float((1 + (draws >= observed - ROUNDING).sum()) / (1 + len(draws)))


def null_row(null: str, n_levels: int, observed: float, draws: np.ndarray) -> dict:
    """Columns of the table nulls. No p-value of an order of too few levels."""
    row = {
        "observed": observed,
        "null_mean": float(draws.mean()),
        "null_high": float(np.quantile(draws, HIGH, method="higher")),
        "n_draws": len(draws),
    }
    if null != "common" or n_levels >= MIN_LEVELS_OF_ORDER:
        row["p"] = p_value(observed, draws)
    return row


def mean_over_labels(
    found: Sequence[Mapping[tuple[str, str], tuple[float, np.ndarray]]],
) -> dict[tuple[str, str], tuple[float, np.ndarray]]:
    """Means over labels of what `null_statistics` found, for those that every label has.

    The nth draws of all labels make a draw of the mean, for a recording's levels are permuted alike
    in all labels that have clips of it (`draw_orders`).
    """
    shared = set.intersection(*(set(each) for each in found)) if found else set()
    return {
        key: (
            float(np.mean([each[key][0] for each in found])),
            np.mean([each[key][1] for each in found], axis=0),
        )
        for key in sorted(shared)
    }


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (n,): calling those up to q findings has a false discovery rate of q.

    Benjamini and Hochberg 1995. It is proved for independent tests and for one-sided, positively
    dependent ones (Benjamini and Yekutieli 2001), and expected to hold for these: two-sided, of
    neighbouring levels, and of methods that share one classifier without debiasing.
    """
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def adjust_p_values(
    rows: Sequence[dict], p: str, adjusted: str, family: Sequence[str] = ()
) -> None:
    """Give rows the column `adjusted`, of the column `p` of those with equal columns `family`.

    Values may be text; rows without one stay without the other.
    """
    families: dict[tuple, list[dict]] = {}
    for row in rows:
        if row.get(p) not in (None, "") and not np.isnan(float(row[p])):
            families.setdefault(tuple(row[name] for name in family), []).append(row)
    for members in families.values():
        values = benjamini_hochberg(np.array([float(row[p]) for row in members]))
        for row, value in zip(members, values, strict=True):
            row[adjusted] = float(value)
