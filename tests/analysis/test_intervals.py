"""Intervals over recordings, against closed forms and on simulated recordings."""

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import roc_auc_score

from embedding_sensitivity.analysis import intervals
from embedding_sensitivity.analysis.correlation import global_rho, r2_ceiling, within_clips
from embedding_sensitivity.analysis.intervals import (
    FISHER,
    LOG_REST,
    ClusteredAuc,
    Estimate,
    estimate_mean,
    estimate_rho,
    interval,
    interval_of_share,
    interval_of_square,
    interval_within_clips,
    jackknife,
    left_out,
    mean_estimate,
    mean_of_squares,
    mean_on_scale,
    p_above,
    p_differs,
    paired_difference,
)


def mean_and_without(values):
    values = np.asarray(values, float)
    return values.mean(), (values.sum() - values) / (len(values) - 1)


def test_the_jackknife_of_a_mean_is_students_t():
    values = np.random.default_rng(0).normal(size=20)
    estimate = jackknife(*mean_and_without(values))
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.variance == pytest.approx(values.var(ddof=1) / 20)
    assert interval(estimate) == pytest.approx(
        stats.t.interval(0.95, 19, values.mean(), values.std(ddof=1) / np.sqrt(20))
    )


def test_a_paired_difference_of_means_is_the_paired_t_test():
    first, second = np.random.default_rng(0).normal(size=(2, 20)) + np.arange(20)
    pairs = mean_and_without(first), mean_and_without(second + 0.5)
    found, expected = paired_difference(*pairs), stats.ttest_rel(first, second + 0.5)
    assert interval(found) == pytest.approx(expected.confidence_interval(0.95))
    assert p_above(found, 0.0) == pytest.approx(1 - expected.pvalue / 2)
    same = paired_difference(pairs[0], pairs[0])
    assert (same.value, same.variance, p_above(same, 0.0)) == (0, 0, 1)


def test_the_jackknife_takes_the_bias_of_a_variance_away():
    values = np.random.default_rng(0).normal(size=12)
    without = np.array([np.delete(values, i).var() for i in range(12)])
    assert jackknife(values.var(), without).value == pytest.approx(values.var(ddof=1))


@pytest.mark.parametrize(("scale", "values"), [(FISHER, [-0.9, 0.0, 0.999]), (LOG_REST, [-3, 0.9])])
def test_a_scale_goes_there_and_back(scale, values):
    values = np.array(values, float)
    np.testing.assert_allclose(scale.back(scale.to(values)), values, rtol=1e-12)
    step = 1e-6
    slope = (scale.to(values + step) - scale.to(values - step)) / (2 * step)
    np.testing.assert_allclose(scale.slope(values), slope, rtol=1e-3)
    assert np.isfinite(scale.to(1.0)) and scale.back(scale.to(1.0)) == pytest.approx(1)


def test_few_recordings_have_no_interval():
    few = jackknife(*mean_and_without(range(5)))
    assert interval(few) == (None, None) and interval(None) == (None, None)
    assert interval_of_share(few) == (None, None)
    assert None not in interval(few, min_recordings=5)
    assert jackknife(*mean_and_without(range(2))) is not None
    assert jackknife(0.0, np.array([0.0])) is None
    assert jackknife(0.0, np.array([0.0, np.nan])) is None
    labels = [jackknife(*mean_and_without(range(n))) for n in (5, 6)]
    assert mean_of_squares([Estimate(0.5, 0.1, 4, 5, FISHER)] * 2)[1] == (None, None)
    assert interval(mean_estimate(labels), intervals.MIN_RECORDINGS_OF_LABELS) == (None, None)
    assert mean_estimate([*labels, None]) is None and mean_estimate([]) is None


def test_each_recording_is_left_out_once():
    groups = ["b", "a", "b", "c"]
    np.testing.assert_array_equal(
        list(left_out(groups)), [[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]
    )


def test_the_mean_over_labels_is_welchs():
    """Of two labels: the interval of a mean of means whose variances differ."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=15), 3 * rng.normal(size=9)
    found = mean_estimate([jackknife(*mean_and_without(values)) for values in samples])
    welch = stats.ttest_ind(samples[0], -samples[1], equal_var=False)
    assert found.value == pytest.approx(np.mean([each.mean() for each in samples]))
    assert found.freedom == pytest.approx(welch.df)
    assert found.value / np.sqrt(found.variance) == pytest.approx(welch.statistic)
    assert found.n_recordings == 24


def test_in_a_mean_labels_of_few_recordings_lend_each_other_their_variance():
    """4 and 8 recordings whose z have variances 1 and 5; 4 degrees of freedom of the pooled."""
    slope = 1 / (1 - 0.5**2)
    labels = [
        Estimate(0.5, variance / slope**2, n - 1, n, said=0.5)
        for variance, n in ((1 / 4, 4), (5 / 8, 8))
    ]
    pooled = (3 * 1 + 7 * 5) / 10
    expected = [(4 * pooled + 3 * 1) / 7 / 4, (4 * pooled + 7 * 5) / 11 / 8]
    found = mean_on_scale(labels, FISHER)
    assert found.variance == pytest.approx(sum(expected) / 4)
    assert found.value == pytest.approx(np.arctanh(0.5)) and found.freedom <= 3 + 7
    assert mean_on_scale([*labels, None], FISHER) is None
    alone = mean_on_scale(labels[:1], FISHER)
    assert (alone.variance, alone.freedom) == (pytest.approx(1 / 4), 3)


def test_the_mean_over_labels_is_of_correlations_not_of_their_z():
    labels = [Estimate(z, 0.01, 11, 12, FISHER) for z in np.arctanh([0.1, 0.5, 0.99])]
    found = mean_estimate(labels)
    assert np.tanh(found.value) == pytest.approx(np.mean([0.1, 0.5, 0.99]))
    low, high = interval(found)
    assert -1 < low < np.mean([0.1, 0.5, 0.99]) < high < 1


def test_the_mean_of_squares_has_no_bias_and_reaches_zero():
    rng = np.random.default_rng(0)
    drawn = [Estimate(z, 0.04, 40, 41, FISHER) for z in 0.2 * rng.normal(size=2000)]
    mean, (low, high) = mean_of_squares(drawn)
    assert low < 0.001 and abs(mean) < 0.003 < high + 0.003
    assert np.mean([np.tanh(each.value) ** 2 for each in drawn]) > 0.03
    assert np.isnan(mean_of_squares([None])[0])


@pytest.mark.parametrize("n_ups", [3, 15, 29])
def test_a_share_of_binary_values_has_the_exact_interval(n_ups):
    """Nearly that of Clopper and Pearson; Student's t takes a little off the number."""
    values = np.arange(30) < n_ups
    found = interval_of_share(jackknife(*mean_and_without(values)))
    exact = stats.binomtest(n_ups, 30).proportion_ci(method="exact")
    assert found == pytest.approx((exact.low, exact.high), abs=0.02)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_interval_of_equal_values_has_a_width(share):
    found = interval_of_share(jackknife(*mean_and_without([share] * 12)))
    assert share in found and 0.3 < found[1] - found[0] < 0.4
    narrow = interval_of_share(jackknife(*mean_and_without([share] * 12)), least=0.1)
    assert share in narrow and 0.02 < narrow[1] - narrow[0] < 0.04


def test_the_auc_is_scikit_learns_and_its_variance_delongs():
    """Every clip a recording of its own: DeLong's variance, from the clips' components."""
    rng = np.random.default_rng(0)
    positive = np.arange(50) < 20
    scores = np.round(rng.normal(size=(3, 50)) + 0.8 * positive, 1)  # with ties
    clustered = ClusteredAuc(positive, [str(i) for i in range(50)])
    area, parts = clustered.components(scores)
    np.testing.assert_allclose(area, [roc_auc_score(positive, each) for each in scores])
    np.testing.assert_allclose(parts.sum(axis=-1), 0, atol=1e-12)
    variance, freedom = clustered.variance(parts)
    for row, found in zip(scores, variance, strict=True):
        order = (row[:20, None] > row[20:]) + 0.5 * (row[:20, None] == row[20:])
        expected = order.mean(axis=1).var(ddof=1) / 20 + order.mean(axis=0).var(ddof=1) / 30
        assert found == pytest.approx(expected)
    assert clustered.n_groups == 20 and (freedom > 19).all() and (freedom <= 48).all()
    # A difference to itself is nothing.
    assert (clustered.variance(parts - parts)[0] == 0).all()


def test_clips_of_a_recording_count_together():
    """Each clip three times: the same AUC, and the same variance, as once."""
    rng = np.random.default_rng(0)
    positive, groups = np.arange(40) < 15, np.arange(40).astype(str)
    scores = rng.normal(size=(1, 40)) + positive
    once = ClusteredAuc(positive, groups)
    thrice = ClusteredAuc(np.repeat(positive, 3), np.repeat(groups, 3))
    single, repeated = once.components(scores), thrice.components(np.repeat(scores, 3, axis=1))
    np.testing.assert_allclose(single[0], repeated[0])
    np.testing.assert_allclose(single[1], repeated[1], atol=1e-12)
    assert once.intervals(scores)[0] == pytest.approx(
        thrice.intervals(scores[:, np.arange(120) // 3])[0]
    )


def test_a_recording_of_both_classes_lowers_the_variance():
    """What makes a recording's scores high makes both classes' high, and cancels."""
    rng = np.random.default_rng(0)
    positive, groups = np.tile([True, False], 30), np.repeat(np.arange(30), 2)
    scores = (np.repeat(3 * rng.normal(size=30), 2) + rng.normal(size=60) + positive)[None]
    paired, alone = (ClusteredAuc(positive, each) for each in (groups, np.arange(60)))
    variances = [each.variance(each.components(scores)[1])[0] for each in (paired, alone)]
    assert variances[0] < 0.6 * variances[1]


def test_one_recording_has_no_variance():
    clustered = ClusteredAuc(np.arange(6) < 3, ["a", "a", "a", "b", "c", "d"])
    area, parts = clustered.components(np.arange(6.0)[None])
    assert area == [0] and np.isnan(clustered.variance(parts)).all()
    assert clustered.intervals(np.arange(6.0)[None]) == [(None, None)]


def simulate_scores(n_ups, n_clips, area, rng):
    """Scores of recordings that differ as much as their clips do, with a known AUC."""
    groups = np.repeat(np.arange(5 * n_ups), n_clips)
    positive = groups < n_ups
    scores = (rng.normal(size=5 * n_ups)[groups] + rng.normal(size=len(groups))) / np.sqrt(2)
    return (scores + np.sqrt(2) * special.ndtri(area) * positive)[None], positive, groups


@pytest.mark.parametrize("area", [0.5, 0.9, 0.99])
def test_intervals_of_aucs_cover(area):
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        scores, positive, groups = simulate_scores(12, 2, area, rng)
        ((low, high),) = ClusteredAuc(positive, groups).intervals(scores)
        covered.append(low <= area <= high)
    assert np.mean(covered) >= 0.9


def test_a_ratio_that_few_recordings_decide_counts_as_few():
    """One of 12 recordings with all the energy: nothing is known of others like it."""
    without = np.linspace(0.4, 0.6, 12)
    alike = jackknife(0.5, without, weights=np.ones(12))
    assert alike == jackknife(0.5, without)
    decided = jackknife(0.5, without, weights=np.array([3.0, 3.0, 3.0, *[0.0] * 9]))
    assert decided.freedom == pytest.approx(2)
    assert decided.variance == pytest.approx(4 * alike.variance)
    assert jackknife(0.5, without, weights=np.array([1.0, *[0.0] * 11])).freedom == 1


def test_recordings_of_unequal_lengths_count_as_fewer():
    """Weights 1 and 3: (6 + 18)^2 / (6 + 54) = 9.6 of 12 recordings, whatever their clips."""
    values, groups = np.linspace(0, 1, 18), [*range(12), *range(6)]
    lengths = np.array([3.0] * 6 + [1.0] * 6 + [3.0] * 6)
    plain, counted = (estimate_mean(values, groups, each) for each in (None, lengths))
    assert counted.value == plain.value and counted.freedom == pytest.approx(8.6)
    assert counted.variance == pytest.approx(plain.variance * 12 / 9.6)
    alike = estimate_mean(values, groups, np.full(18, 0.1))
    assert (alike.variance, alike.freedom) == pytest.approx((plain.variance, plain.freedom))


def test_no_p_value_is_smaller_than_that_of_signs():
    """20 recordings that hardly differ: all above by chance once in 2^20."""
    found = jackknife(*mean_and_without(1 + 1e-6 * np.arange(20)))
    assert p_above(found, 0.0) == 0.5**20 and p_differs(found, 0.0) == 2 * 0.5**20
    assert p_above(found, 2.0) == pytest.approx(1)
    alike = jackknife(*mean_and_without(np.full(12, 0.25)))
    assert p_above(alike, 0.0) == 0.5**12 and p_above(alike, 0.25) == 1
    assert p_differs(alike, 0.25) == 1 and p_differs(alike, 1.0) == 2 * 0.5**12


def test_models_that_read_the_level_alike_do_not_differ():
    perfect = 0.97, np.full(12, 0.97)
    found = mean_estimate([paired_difference(perfect, perfect)] * 2)
    assert p_differs(found, 0.0) == 1
    first, second = np.random.default_rng(0).normal(size=(2, 20))
    pairs = mean_and_without(first), mean_and_without(second)
    found, expected = paired_difference(*pairs), stats.ttest_rel(first, second)
    assert p_differs(found, 0.0) == pytest.approx(expected.pvalue)


def test_recordings_that_are_copies_tell_nothing():
    """Their values don't vary, which says nothing of others."""
    rng = np.random.default_rng(0)
    groups = np.arange(12)
    copies = np.repeat(rng.normal(size=(6, 1)), 12, axis=1)
    estimate = estimate_rho(copies, groups)
    assert interval(estimate) == (None, None)
    assert interval_of_square(estimate) == (None, None)
    assert mean_of_squares([estimate])[1] == (None, None)
    within = estimate_mean((1 + within_clips(copies)) / 2, groups)
    assert interval_within_clips(within, 6, 12) == (None, None)


def test_the_interval_of_a_perfect_order_has_a_width_and_its_ends_in_order():
    """Copies tie at each level, and pass the ceiling of clips that can't all tie."""
    groups, level = np.arange(12), np.arange(6.0)[:, None]
    ceiling = r2_ceiling(6, 12) ** 0.5
    for along in (level + np.linspace(0, 0.9, 12), np.repeat(level, 12, axis=1)):
        estimate = estimate_rho(along, groups)
        assert estimate.said == pytest.approx(max(ceiling, global_rho(along)))
        low, high = interval(estimate, ceiling=ceiling)
        assert 0.9 < low < estimate.said == pytest.approx(high)
        low, high = interval_of_square(estimate, ceiling**2)
        assert 0.8 < low < high == pytest.approx(estimate.said**2)
    swapped = np.array(along)
    swapped[:2, 0] = swapped[1::-1, 0]
    step = 1 - within_clips(swapped).mean()
    assert intervals.smallest_swap(6, 12) == pytest.approx(step)


def test_an_interval_holds_what_is_said():
    """The correction for bias can move it off: the estimate, not the correction, is in tables."""
    off = Estimate(0.5, 0.0001, 11, 12, said=0.9)
    assert interval(off) == pytest.approx((0.5 - 0.022, 0.9), abs=0.001)
    assert intervals.interval_of_square(off)[1] == pytest.approx(0.81)
    labels = [Estimate(z, 0.0001, 40, 41, FISHER, said=0.5) for z in (0.1, 0.2)]
    assert mean_of_squares(labels)[1][1] == pytest.approx(0.25)
    assert interval(mean_estimate(labels))[1] == pytest.approx(0.5)


def labels_of(values, names):
    """Estimates of labels' means of values (L, n), a recording each."""
    return [
        intervals.estimate_mean(own, of_label) for own, of_label in zip(values, names, strict=True)
    ]


def test_recordings_that_labels_share_count_once_in_a_mean():
    values = np.random.default_rng(0).normal(size=(3, 14))
    names = [f"song {index}" for index in range(14)]
    one = intervals.estimate_mean(values[0], names)
    # Three labels that are the same say no more than one of them.
    same = intervals.mean_estimate(labels_of([values[0]] * 3, [names] * 3))
    assert (same.value, same.variance) == pytest.approx((one.value, one.variance))
    assert (same.freedom, same.n_recordings) == (13, 14)
    # Labels of their own recordings have a third of the variance, and all their recordings.
    apart = intervals.mean_estimate(
        labels_of([values[0]] * 3, [[f"{name} {label}" for name in names] for label in range(3)])
    )
    assert apart.variance == pytest.approx(one.variance / 3)
    assert (apart.freedom, apart.n_recordings) == (pytest.approx(39), 42)
    # Of other values in each label: the variance of a song's mean over labels, or larger where
    # labels differ in opposite ways.
    mixed = intervals.mean_estimate(labels_of(values, [names] * 3))
    expected = values.mean(axis=0).var(ddof=1) / 14
    assert expected * (1 - 1e-12) <= mixed.variance < 2 * expected
    square = intervals.Estimate(0.5, 0.01, 13, 14, intervals.FISHER, 0.46, one.parts)
    mean, ends = intervals.mean_of_squares([square] * 3)
    alone, own_ends = intervals.mean_of_squares([square])
    assert (mean, *ends) == pytest.approx((alone, *own_ends))
    # Six songs are six recordings, however many labels they are in.
    few = intervals.mean_estimate(labels_of(values[:, :6], [names[:6]] * 3))
    assert intervals.interval(few, intervals.MIN_RECORDINGS_OF_LABELS) == (None, None)


def test_means_over_labels_that_share_recordings_are_covered():
    """Of the same songs in three labels, whose stems respond alike in part."""
    rng, held = np.random.default_rng(0), 0
    names = [f"song {index}" for index in range(12)]
    for _ in range(400):
        values = rng.normal(size=12) + 0.7 * rng.normal(size=(3, 12))
        found = intervals.mean_estimate(labels_of(values, [names] * 3))
        low, high = intervals.interval(found, intervals.MIN_RECORDINGS_OF_LABELS)
        held += low <= 0 <= high
    assert 0.92 <= held / 400 <= 0.98
