"""Intervals over recordings: where a value would lie on new recordings of the same kind.

What was fitted (a direction, a map, a classifier) stays as it is: only the test recordings are
drawn anew (spec 7.3). Clips of a recording are alike, so the recording is the unit.

`jackknife` makes an `Estimate` of a statistic from its values with each recording left out,
`mean_estimate` the mean over labels of such estimates, and `interval` the 95 % interval of either.
An interval is (None, None) where it can't tell: `MIN_RECORDINGS` and what follows is the rule, from
simulations whose answer is known (docs/calibration.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import special

from embedding_sensitivity.analysis.correlation import global_rho, r2_ceiling

Interval = tuple[float | None, float | None]

COVERAGE = 0.95
# Where a label can't tell: the variance of under 6 recordings is known to a factor of 2 at best,
# and intervals of 4 covered 84 to 86 % where R2 is .7 or more.
MIN_RECORDINGS = 6
# Where a mean over labels, or a threshold of all labels, can't tell: labels may have 2 or 4 each.
MIN_RECORDINGS_OF_LABELS = 12
# How much the length of a recording's response decides a statistic: the power of it that
# recordings count with (see `jackknife`). Chosen so that intervals hold where lengths differ by a
# factor of 2 between recordings (docs/calibration.md), and are no wider than need be.
POWER_OF_ORDER = POWER_OF_EQUIVARIANCE = 1.0
POWER_OF_PREDICTED = 2.0
POWER_OF_ENERGY = 2.5
# Of the variance that labels share in a mean over them, beside each label's own.
PRIOR_FREEDOM = 4
# On a scale with an end at 1, 1 itself is infinite; nearer to it than this is rounding.
NEAREST_TO_END = 1e-12
# Differences of estimates that are rounding.
ROUNDING = 1e-12
# A spread on the scale that is rounding: that of recordings which are copies of each other.
NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Scale:
    """A scale on which a statistic is nearly normal: there and back, and the slope there.

    `ends` are the lowest and highest value that the statistic can have.
    """

    forth: Callable
    back: Callable
    slope: Callable
    ends: tuple[float, float]

    def to(self, values, least=0.0):
        """`values` on the scale, those at an end a little inside, by `least` at least."""
        return self.forth(self.inside(values, least))

    def inside(self, values, least=0.0):
        """`values` of the statistic, those at an end a little inside, by `least` at least."""
        least = max(least, NEAREST_TO_END)
        return np.clip(values, self.ends[0] + least, self.ends[1] - least)


def _slope_of_fisher(value):
    return 1 / (1 - value**2)


def _slope_of_logit(value):
    return 1 / (value * (1 - value))


def _log_rest(value):
    return -np.log1p(-value)


def _from_log_rest(value):
    return -np.expm1(-value)


def _slope_of_log_rest(value):
    return 1 / (1 - value)


# Of a mean, a share that may be negative, an energy. Functions have names, since estimates go from
# process to process.
PLAIN = Scale(np.asarray, np.asarray, np.ones_like, (-np.inf, np.inf))
# Fisher's z of a correlation.
FISHER = Scale(np.arctanh, np.tanh, _slope_of_fisher, (-1.0, 1.0))
# Of a share from 0 to 1.
LOGIT = Scale(special.logit, special.expit, _slope_of_logit, (0.0, 1.0))
# -log(1 - x) of a share explained, which has an end at 1 alone.
LOG_REST = Scale(_log_rest, _from_log_rest, _slope_of_log_rest, (-np.inf, 1.0))


@dataclass(frozen=True)
class Estimate:
    """A statistic on its scale, with the variance of what it would be on other recordings.

    value, variance : on the scale, the value corrected for bias
    freedom : degrees of freedom of the variance
    n_recordings : that it is from, all of them deciding it or not
    said : the statistic as tables say it, not corrected and not on the scale; an interval holds it
    parts : how each recording, by name, departs: their squares sum to 1 (or 0, if none does). Empty
        where names don't matter, since no label shares recordings with another
    """

    value: float
    variance: float
    freedom: float
    n_recordings: int
    scale: Scale = PLAIN
    said: float = np.nan
    parts: Mapping[str, float] = field(default_factory=dict)


def left_out(groups: Sequence[str]) -> Iterator[np.ndarray]:
    """For each recording, in order of name, the mask (n,) of the clips of all others."""
    groups = np.asarray(groups)
    for group in np.unique(groups):
        yield groups != group


def ratio_and_without(
    parts: np.ndarray, wholes: np.ndarray, groups: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum of `parts` (n, k) over that of `wholes` (n, 1), of all clips and without each group.

    And the sum of `wholes` of each group.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    sums = [np.zeros((len(names), values.shape[1])) for values in (parts, wholes)]
    for total, values in zip(sums, (parts, wholes), strict=True):
        np.add.at(total, group_of, values)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole, without = (
            of_parts / of_wholes
            for of_parts, of_wholes in (
                [total.sum(axis=0) for total in sums],
                [total.sum(axis=0) - total for total in sums],
            )
        )
    return whole, without, sums[1][:, 0]


def jackknife(
    whole: float,
    without: np.ndarray,
    scale: Scale = PLAIN,
    weights: np.ndarray | None = None,
    least: float = 0.0,
    names: Sequence[str] = (),
) -> Estimate | None:
    """Estimate a statistic and its variance by leaving out each recording.

    Parameters
    ----------
    whole : the statistic of all clips
    without : (G,), of the clips of all recordings but one, see `left_out`
    scale : on which it is nearly normal
    weights : (G,), where recordings respond by different lengths, how much each decides
    least : of a statistic at its end, where no recording departs from it: what one could change
    names : of the G recordings, where labels may share them

    Returns
    -------
    The mean and its variance of the G pseudo-values G z - (G - 1) z_g (Tukey 1958), G - 1 degrees
    of freedom; None where a value is NaN or there is one recording only. A statistic that few
    recordings decide has the variance and freedom of as many as count, (sum w)^2 / sum w^2
    (Kish 1965): those whose like isn't among the recordings would decide it too.
    """
    n = len(without)
    values = scale.to(np.asarray(without, np.float64), least)
    pseudo = n * scale.to(whole, least) - (n - 1) * values
    if n < 2 or not np.isfinite(pseudo).all():
        return None
    counting = n if weights is None else weights.sum() ** 2 / (weights**2).sum()
    slope = scale.slope(scale.inside(whole, least))
    variance = max(pseudo.var(ddof=1) / counting, (least * slope) ** 2)
    freedom = max(counting - 1, 1)
    found = float(pseudo.mean()), float(variance), float(freedom), n, scale, float(whole)
    if not len(names):
        return Estimate(*found)
    parts = pseudo - pseudo.mean()
    parts /= np.linalg.norm(parts) or 1.0
    return Estimate(*found, dict(zip(map(str, names), parts.tolist(), strict=True)))


def estimate_mean(
    values: np.ndarray, groups: Sequence[str], lengths: np.ndarray | None = None
) -> Estimate | None:
    """Estimate the mean of values (n,) of clips; clips whose value is NaN are left out.

    `lengths` : (n,), of the clips' responses, where those that are short have other values
    """
    kept = ~np.isnan(values)
    values, groups = values[kept], np.asarray(groups)[kept]
    if not len(values):
        return None
    names, weights = np.unique(groups), None
    without = np.array([values[rest].mean() for rest in left_out(groups)])
    if lengths is not None:
        weights = [lengths[kept][groups == group].mean() for group in names]
        weights = np.array(weights) ** POWER_OF_ORDER
    return jackknife(values.mean(), without, weights=weights, names=names)


def estimate_rho(
    projections: np.ndarray, groups: Sequence[str], scale: Scale = FISHER
) -> Estimate | None:
    """Estimate Spearman's correlation of projections (P, n) with the level, on a scale."""
    found = rho_and_without(projections, groups)
    return jackknife_rho(projections.shape, *found, scale, np.unique(groups))


def rho_and_without(projections: np.ndarray, groups: Sequence[str]) -> tuple[float, np.ndarray]:
    """Spearman's correlation of projections (P, n) with the level, and without each recording."""
    without = [global_rho(projections[:, rest]) for rest in left_out(groups)]
    return global_rho(projections), np.array(without)


def jackknife_rho(
    shape: tuple[int, int],
    rho: float,
    without: np.ndarray,
    scale: Scale = FISHER,
    names: Sequence[str] = (),
) -> Estimate | None:
    """`estimate_rho` of projections of a shape (P, n), by `rho_and_without`.

    At its ceiling, where levels never overlap, no recording departs: one could by a swap of
    neighbours among the levels of one of its clips.
    """
    at_end = abs(rho) > np.sqrt(r2_ceiling(*shape)) - ROUNDING
    least = smallest_swap(*shape) if at_end else 0.0
    return jackknife(rho, without, scale, least=least, names=names)


def smallest_swap(n_levels: int, n_clips: int) -> float:
    """What a swap of neighbours among the levels of one clip takes off a correlation of 1."""
    return 12 / (n_levels * (n_levels**2 - 1)) / n_clips


def mean_estimate(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """Estimate the mean of a statistic over labels.

    Variances add where labels have recordings of their own, with Satterthwaite's degrees of freedom
    (1946). What a recording that labels share does to each of them is added before it is squared.
    The mean is that of the statistic itself, not of its values on the scale; its interval is taken
    on the scale. None where a label has no estimate.
    """
    if not estimates or any(each is None for each in estimates):
        return None
    scale, n = estimates[0].scale, len(estimates)
    values = scale.back(np.array([each.value for each in estimates]))
    variances = np.array([each.variance for each in estimates])
    variances = variances / np.square(scale.slope(scale.inside(values))) / n**2
    mean = values.mean()
    variance, freedom = add_variances(variances, estimates)
    return Estimate(
        float(scale.to(mean)),
        float(variance * np.square(scale.slope(scale.inside(mean)))),
        float(freedom),
        count_recordings(estimates),
        scale,
        float(np.mean([each.said for each in estimates])),
    )


def count_recordings(estimates: Sequence[Estimate]) -> int:
    """The recordings of labels' estimates together; one that labels share counts once."""
    names = [name for each in estimates for name in each.parts]
    return sum(each.n_recordings for each in estimates) - len(names) + len(set(names))


def add_variances(
    variances: np.ndarray, estimates: Sequence[Estimate], signs: np.ndarray | None = None
) -> tuple[float, float]:
    """Variance of the sum of labels' estimates with `variances` (L,), and degrees of freedom.

    `signs` (L,) : of what each recording's part in the sum has beside its part in the estimate
    """
    freedoms = np.array([each.freedom for each in estimates])
    total = variances.sum()
    freedom = total**2 / (variances**2 / freedoms).sum() if total > 0 else freedoms.sum()
    n_recordings = count_recordings(estimates)
    if n_recordings < sum(each.n_recordings for each in estimates):
        names = sorted({name for each in estimates for name in each.parts})
        parts = np.array([[each.parts.get(name, 0.0) for name in names] for each in estimates])
        deviations = np.sqrt(variances) * (1 if signs is None else signs)
        # Labels that differ in opposite ways by chance are not taken for certain.
        alike = np.maximum(np.outer(deviations, deviations) * (parts @ parts.T), 0)
        total += alike.sum() - np.trace(alike)
        freedom = min(freedom, max(n_recordings - 1, 1))
    return float(total), float(freedom)


def mean_on_scale(estimates: Sequence[Estimate | None], scale: Scale) -> Estimate | None:
    """Estimate the mean over labels of few recordings each, its interval to be taken on a scale.

    `estimates` are on the plain scale: of 4 recordings some pseudo-values lie beyond the end of a
    correlation's. Those of all labels vary alike on the scale, so a label's variance there is that
    of all labels as if of `PRIOR_FREEDOM` degrees of freedom, beside its own (moderated variances:
    Smyth 2004), for its own is known to a factor of 2. None where a label has no estimate.
    """
    if not estimates or any(each is None for each in estimates):
        return None
    squares = [np.square(scale.slope(scale.inside(each.said))) for each in estimates]
    freedoms = [each.freedom for each in estimates]
    of_recordings = [
        each.variance * square * (each.freedom + 1)
        for each, square in zip(estimates, squares, strict=True)
    ]
    pooled = np.average(of_recordings, weights=freedoms)
    moderated = [
        replace(
            each,
            variance=(PRIOR_FREEDOM * pooled + each.freedom * own)
            / (PRIOR_FREEDOM + each.freedom)
            / (each.freedom + 1)
            / square,
            freedom=PRIOR_FREEDOM + each.freedom,
        )
        for each, own, square in zip(estimates, of_recordings, squares, strict=True)
    ]
    mean = mean_estimate(moderated)
    said = scale.inside(mean.said)
    slope = scale.slope(said)
    return replace(
        mean,
        value=float(scale.to(said) + slope * (mean.value - said)),
        variance=float(mean.variance * np.square(slope)),
        freedom=float(min(mean.freedom, sum(freedoms))),
        scale=scale,
    )


def interval(
    estimate: Estimate | None, min_recordings: int = MIN_RECORDINGS, ceiling: float = np.inf
) -> Interval:
    """Ends of the 95 % interval of Student's t, back from the estimate's scale.

    Widened to what is said where the correction for bias has moved the interval off it; its upper
    end is `ceiling` at most, or what is said (clips that are copies tie, and pass a ceiling).
    """
    if estimate is None or estimate.n_recordings < min_recordings:
        return None, None
    if has_no_spread(estimate):
        return None, None
    reach = quantile_t(estimate.freedom) * np.sqrt(estimate.variance)
    low, high = estimate.scale.back(np.array([estimate.value - reach, estimate.value + reach]))
    high = np.fmax(np.minimum(high, ceiling), estimate.said)
    return float(np.fmin(np.minimum(low, high), estimate.said)), float(high)


def has_no_spread(estimate: Estimate) -> bool:
    """Whether recordings don't differ at all, although the statistic isn't at an end of its scale.

    They are copies of each other then, and say nothing of others.
    """
    to_end = np.abs(np.subtract(estimate.scale.ends, estimate.said)).min()
    return estimate.variance < NO_SPREAD**2 and to_end > NO_SPREAD


def paired_difference(
    first: tuple[float, np.ndarray], second: tuple[float, np.ndarray], names: Sequence[str] = ()
) -> Estimate | None:
    """Estimate how much larger a statistic is than another of the same recordings.

    What recordings do to both cancels: the jackknife of the difference.

    Parameters
    ----------
    first, second : the statistic of all clips, and (G,) without each recording, see `jackknife`
    names : of the recordings, see `jackknife`
    """
    return jackknife(first[0] - second[0], np.subtract(first[1], second[1]), names=names)


def quantile_t(freedom: float, tail: float = (1 - COVERAGE) / 2) -> float:
    """Student's t that is exceeded with probability `tail`."""
    return float(-special.stdtrit(freedom, tail))


def mean_of_squares(estimates: Sequence[Estimate | None]) -> tuple[float, Interval]:
    """Estimate the mean of squared correlations over labels, with its 95 % interval.

    `estimates` are on Fisher's scale. A squared estimate is too large by its variance v, which is
    subtracted; what is left has the variance 4 rho^2 v + 2 v^2 of a square of a normal variable,
    and so the interval reaches 0 where the correlations do. (NaN, (None, None)) where a label has
    no estimate; no interval below `MIN_RECORDINGS_OF_LABELS`.
    """
    if not estimates or any(each is None for each in estimates):
        return np.nan, (None, None)
    rho = np.tanh([each.value for each in estimates])
    variances = np.array([each.variance for each in estimates]) * (1 - rho**2) ** 2
    squares = rho**2 - variances
    spread = (4 * np.maximum(squares, 0) * variances + 2 * variances**2) / len(squares) ** 2
    mean = float(squares.mean())
    total, freedom = add_variances(spread, estimates, np.sign(rho))
    if count_recordings(estimates) < MIN_RECORDINGS_OF_LABELS:
        return mean, (None, None)
    if all(map(has_no_spread, estimates)):
        return mean, (None, None)
    reach = quantile_t(freedom) * np.sqrt(total)
    said = np.mean([each.said**2 for each in estimates])
    ends = np.fmin(mean - reach, said), np.fmax(mean + reach, said)
    return mean, (max(float(ends[0]), 0.0), min(float(ends[1]), 1.0))


def interval_of_square(estimate: Estimate | None, ceiling: float = 1.0) -> Interval:
    """95 % interval of the square of a correlation: from 0 where its own holds 0."""
    low, high = interval(estimate)
    if low is None:
        return None, None
    squares = sorted((low**2, high**2))
    ceiling = max(ceiling, estimate.said**2)
    return (0.0 if low < 0 < high else min(squares[0], ceiling)), min(squares[1], ceiling)


def interval_of_share(
    estimate: Estimate | None, least: float = 1.0, min_recordings: int = MIN_RECORDINGS
) -> Interval:
    """95 % interval of a mean of values from 0 to 1 that stays wide where all of them are equal.

    That of Clopper and Pearson with the number of binary values that would vary as much, share
    (1 - share) / variance, fewer where the variance is from few recordings (Korn and Graubard
    1998). Where no recording departs from 0 or 1 the variance says nothing: the interval is then
    that of as many recordings, each of which could depart by `least`.

    Parameters
    ----------
    estimate : of the share, on the plain scale
    least : the smallest step that a recording's value can take
    """
    if estimate is None or estimate.n_recordings < min_recordings:
        return None, None
    share = float(np.clip(estimate.value, 0, 1))
    step = least / estimate.n_recordings
    inside = min(max(share, step), 1 - step)
    number = inside * (1 - inside) / max(estimate.variance, step**2)
    number *= (quantile_t(np.inf) / quantile_t(estimate.freedom)) ** 2
    tail = (1 - COVERAGE) / 2
    ups, downs = number * share, number * (1 - share)
    low = special.betaincinv(ups, downs + 1, tail) if ups > 0 else 0.0
    high = special.betaincinv(ups + 1, downs, 1 - tail) if downs > 0 else 1.0
    return float(low), float(high)


def interval_within_clips(
    estimate: Estimate | None,
    n_levels: int,
    n_clips: int,
    min_recordings: int = MIN_RECORDINGS,
) -> Interval:
    """95 % interval of the mean of correlations within clips, from -1 to 1, of levels with ranks.

    None where recordings are copies of each other, see `has_no_spread`.

    Parameters
    ----------
    estimate : of their share (1 + correlation) / 2, see `estimate_mean`
    n_levels, n_clips : a recording's share moves at least as by a swap of neighbours among the
        levels of one of its clips
    """
    if estimate is None or (has_no_spread(estimate) and 0 < estimate.said < 1):
        return None, None
    swap = smallest_swap(n_levels, n_clips) / 2 * estimate.n_recordings
    low, high = interval_of_share(estimate, swap, min_recordings)
    return (None, None) if low is None else (2 * low - 1, 2 * high - 1)


def p_above(estimate: Estimate, value: float) -> float:
    """One-sided p-value, of Student's t, that the truth is not above `value` of the scale.

    At least 0.5^G of G recordings: so often all of them lie above by chance (the test that flips
    signs). A variance that happens to be next to nothing can't say more than that.
    """
    above = estimate.value - value
    if abs(above) < ROUNDING:
        above = 0.0
    if estimate.variance:
        p = float(special.stdtr(estimate.freedom, -above / np.sqrt(estimate.variance)))
    else:
        p = 0.0 if above > 0 else 1.0
    return max(p, 0.5**estimate.n_recordings)


def p_differs(estimate: Estimate, value: float) -> float:
    """Two-sided p-value, of Student's t, that the truth is `value`; 1 where the estimate is."""
    if abs(estimate.value - value) < ROUNDING:
        return 1.0
    below = replace(estimate, value=2 * value - estimate.value)
    return min(1.0, 2 * min(p_above(estimate, value), p_above(below, value)))


class ClusteredAuc:
    """AUCs of one label against the rest, with their variance over recordings (Obuchowski 1997).

    An AUC is the share of (positive, negative) pairs in the right order, ties a half. A clip's
    component is its share of pairs in the right order; those of a recording's clips are summed,
    since they are alike.

    Parameters
    ----------
    positive : (n,), bool, the label's clips
    groups : (n,), the clips' recordings

    Attributes
    ----------
    n_groups : recordings of the label, or of the rest if fewer: what limits every interval
    """

    def __init__(self, positive: np.ndarray, groups: Sequence[str]):
        names, group_of = np.unique(np.asarray(groups), return_inverse=True)
        self._sides = [np.flatnonzero(positive), np.flatnonzero(~positive)]
        self._members = [np.eye(len(names))[group_of[side]] / len(side) for side in self._sides]
        held = [member.any(axis=0) for member in self._members]
        self._counts = [int(each.sum()) for each in held]
        self.n_groups = min(self._counts)

    def components(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """AUCs (V,) of scores (V, n), and the part of each recording on both sides (2, V, G).

        Scores (V, P, n) are of P points of each clip, all in one ranking. The parts are of the
        distance to the AUC: they sum to zero. Those of the difference of two AUCs of the same clips
        are the difference of their parts.
        """
        from scipy.stats import rankdata

        def rank(values):
            return rankdata(values.reshape(len(values), -1), axis=1).reshape(values.shape)

        ups, downs = self._sides
        scores = scores.reshape(len(scores), -1, scores.shape[-1])
        n_points, ranks = scores.shape[1], rank(scores)
        above = (ranks[..., ups] - rank(scores[..., ups])).mean(axis=1) / (n_points * len(downs))
        below = (ranks[..., downs] - rank(scores[..., downs])).mean(axis=1) / (n_points * len(ups))
        below = 1 - below
        area = above.mean(axis=1)
        sides = zip((above, below), self._members, strict=True)
        return area, np.stack([(values - area[:, None]) @ member for values, member in sides])

    def variance(self, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Variances (V,) of AUCs or differences with the parts (2, V, G), and degrees of freedom.

        NaN for a label, or a rest, of one recording.
        """
        if self.n_groups < 2:
            nothing = np.full(parts.shape[1], np.nan)
            return nothing, nothing
        ups, downs = (
            n / (n - 1) * (side**2).sum(axis=1) for n, side in zip(self._counts, parts, strict=True)
        )
        n = parts.shape[2]
        variance = np.maximum(ups + downs + 2 * n / (n - 1) * (parts[0] * parts[1]).sum(axis=1), 0)
        weights = ups**2 / (self._counts[0] - 1) + downs**2 / (self._counts[1] - 1)
        sides = (ups + downs) ** 2
        least = np.full(len(sides), self.n_groups - 1.0)
        return variance, np.divide(sides, weights, out=least, where=weights > 0)

    def smallest_variance(self, n_points: int = 1) -> float:
        """Variance of an AUC that differs from another by the order of one pair of clips.

        `n_points` : of each clip, all in one ranking
        """
        n_pairs = n_points**2 * len(self._sides[0]) * len(self._sides[1])
        return 2 / n_pairs**2

    def intervals(self, scores: np.ndarray) -> list[Interval]:
        """95 % intervals of the AUCs of scores, as `intervals_of`."""
        return self.intervals_of(*self.components(scores))

    def intervals_of(self, area: np.ndarray, parts: np.ndarray) -> list[Interval]:
        """95 % intervals of AUCs with their parts, of `components`; see `interval_of_share`."""
        estimates = zip(area, *self.variance(parts), strict=True)
        # The step with which simulated AUCs from 0.5 to 0.998 are covered (tests).
        least = 1 / (2 * self.n_groups)
        return [
            interval_of_share(Estimate(*map(float, each), self.n_groups), least)
            for each in estimates
        ]
