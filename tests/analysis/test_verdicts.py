"""Gains, their spread over recordings, the correction, and what the verdict counts."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from embedding_sensitivity.analysis.classifiers import verdicts
from embedding_sensitivity.analysis.intervals import ClusteredAuc
from embedding_sensitivity.analysis.statistics import benjamini_hochberg


def of_recordings(n_ups, n_downs, n_clips):
    """Which clips are the label's, and the recordings of each."""
    groups = np.repeat(np.arange(n_ups + n_downs), n_clips)
    return groups < n_ups, groups.astype(str)


def statistics_of(scores, positive, groups):
    """Gains of scores over the first ones, and what is said of them."""
    clustered = ClusteredAuc(positive, groups)
    areas, parts = clustered.components(scores)
    gain = areas[1:] - areas[0]
    differ = verdicts.differ_from_first(scores)[1:]
    return gain, verdicts.gain_statistics(gain, parts[:, 1:] - parts[:, :1], clustered, differ)


def test_the_interval_and_the_p_value_agree():
    """Both of Student's t and the variance of the difference: p is .05 where the interval ends."""
    rng = np.random.default_rng(0)
    positive, groups = of_recordings(9, 30, 3)
    gain, found = statistics_of(rng.normal(size=(40, 117)) + positive, positive, groups)
    reach = stats.t.ppf(0.975, found["freedom"]) * found["spread"]
    np.testing.assert_allclose([found["low"], found["high"]], [gain - reach, gain + reach])
    inside = (found["low"] < 0) & (found["high"] > 0)
    np.testing.assert_array_equal(inside, found["p"] > 0.05)
    assert inside.any() and not inside.all()


def test_the_spread_of_a_gain_is_that_of_a_bootstrap():
    rng = np.random.default_rng(0)
    positive, groups = of_recordings(30, 60, 2)
    common = np.repeat(rng.normal(size=90), 2)
    scores = common + 0.7 * rng.normal(size=(2, 180)) + positive
    _, found = statistics_of(scores, positive, groups)
    gains = []
    names, group_of = np.unique(groups, return_inverse=True)
    for counts in rng.multinomial(len(names), np.full(len(names), 1 / len(names)), 200):
        drawn = np.repeat(np.arange(180), counts[group_of])
        areas = [roc_auc_score(positive[drawn], row[drawn]) for row in scores]
        gains.append(areas[1] - areas[0])
    assert found["spread"][0] == pytest.approx(np.std(gains), rel=0.2)


def test_few_recordings_have_no_interval_and_one_no_p_value():
    rng = np.random.default_rng(0)
    positive, groups = of_recordings(4, 20, 2)
    _, found = statistics_of(rng.normal(size=(3, 48)), positive, groups)
    assert np.isnan(found["low"]).all() and (found["p"] > 0).all()
    positive, groups = of_recordings(1, 20, 2)
    _, found = statistics_of(rng.normal(size=(3, 42)), positive, groups)
    assert all(np.isnan(values).all() for values in found.values())


def test_a_gain_without_spread_is_not_tested():
    """Scores that are all equal against a perfect order: nothing says how much it would vary."""
    positive, groups = of_recordings(8, 8, 2)
    gain, found = statistics_of(np.stack([np.zeros(32), positive]), positive, groups)
    assert gain == 0.5 and np.isnan(found["p"])
    gain, found = statistics_of(np.zeros((2, 32)), positive, groups)
    assert gain == 0 and found["p"] == 1


def test_other_scores_that_order_all_clips_alike_have_the_width_of_a_pair():
    """So may they order other clips otherwise; the same scores can't."""
    positive, groups = of_recordings(8, 8, 2)
    scores = np.random.default_rng(0).normal(size=32) + positive
    gain, found = statistics_of(np.stack([scores, scores, np.exp(scores)]), positive, groups)
    assert (gain == 0).all() and (found["p"] == 1).all()
    reach = stats.t.ppf(0.975, 7) * np.sqrt(2) / 16**2
    np.testing.assert_allclose(found["high"], [0, reach])
    np.testing.assert_allclose(found["low"], [0, -reach])


def test_correction_is_scipys():
    p = np.random.default_rng(0).uniform(size=50) ** 3
    p[[3, 20]] = p[7]
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12)


def rows_of(gains, p, train="original"):
    """Rows of table auc_gain as they are before the correction, a level each."""
    return [
        {
            "model": "m", "effect": "gain", "label": "cello", "method": "lda", "threshold": "",
            "train": train, "test": str(level) if train == "original" else "original",
            "gain": gain, "p": value, "spread": 0.01, "freedom": 11.0, "responds": True,
        }
        for level, (gain, value) in enumerate(zip(gains, p, strict=True))
    ]  # fmt: skip


def test_verdict_counts_the_cells_between_which_the_effect_comes():
    rows = rows_of([0.02, -0.01, 0.03, 0.5], [1e-4, 1e-5, 0.04, np.nan])
    rows += rows_of([-0.1], [1e-9], train="8")
    rows += [
        {**rows[0], "train": "original", "test": "original", "gain": -0.3, "p": 1e-12},
        {**rows[0], "train": "4", "test": "4", "gain": -0.3, "p": 1e-12},
    ]
    verdicts.adjust(rows)
    assert [row for row in rows if "p_adjusted" in row] == rows[:3] + rows[4:5]
    expected = stats.false_discovery_control([1e-4, 1e-5, 0.04, 1e-9])
    np.testing.assert_allclose([row["p_adjusted"] for row in rows[:3] + rows[4:5]], expected)
    # Of four cells, with 11 degrees of freedom.
    assert rows[0]["detectable_gain"] == pytest.approx(0.01 * stats.t.isf(0.05 / 8, 11))
    assert "detectable_gain" not in rows[3] and "spread" not in rows[3]
    text = [{"p_adjusted": "", "detectable_gain": ""} | row for row in rows]
    forwards, backwards = verdicts.verdict_rows(text)
    assert (forwards["train"], forwards["test"]) == ("original", "effected")
    counted = ("helps", "harms", "neither", "untested")
    assert [forwards[name] for name in counted] == [2, 1, 0, 1]
    assert forwards["mean_gain"] == pytest.approx(0.135)
    assert (forwards["lowest_gain"], forwards["highest_gain"]) == (-0.01, 0.5)
    assert forwards["detectable_gain"] == rows[0]["detectable_gain"]
    # Of a label that doesn't respond: its gain of 0 is in no mean, and its p in no family.
    still = {"label": "flute", "responds": False, "gain": 0.0, "p": 1.0}
    rows = [*rows_of([0.02, -0.01], [1e-4, 0.04]), rows_of([0.0], [1.0])[0] | still]
    verdicts.adjust(rows)
    np.testing.assert_allclose([row["p_adjusted"] for row in rows[:2]], [2e-4, 0.04])
    assert "p_adjusted" not in rows[2]
    text = [{"p_adjusted": "", "detectable_gain": ""} | row for row in rows]
    (found,) = verdicts.verdict_rows(text)
    assert (found["mean_gain"], found["untested"]) == (pytest.approx(0.005), 1)
    (found,) = verdicts.verdict_rows(text[2:])
    assert [found[name] for name in counted] == [0, 0, 0, 1]
    assert (backwards["train"], backwards["test"]) == ("effected", "original")
    assert [backwards[name] for name in counted] == [0, 1, 0, 0]


def test_noise_is_found_to_do_neither_and_a_better_classifier_to_help():
    """1000 cells of equally good classifiers: hardly any is called better by chance."""
    rng = np.random.default_rng(0)
    positive = np.arange(300) < 60
    groups = [f"{label}{clip // 2}" for clip, label in enumerate(np.where(positive, "a", "b"))]
    signal = 1.5 * positive + rng.normal(size=(1, 300))
    noise = np.repeat(rng.normal(size=(101, 150)), 2, axis=1)
    scores = signal + 0.7 * noise
    scores[100] = signal[0] + 0.5 * positive
    gain, found = statistics_of(scores, positive, groups)
    rows = [
        {**row, "spread": spread, "freedom": freedom}
        for row, spread, freedom in zip(
            rows_of(gain, found["p"]), found["spread"], found["freedom"], strict=True
        )
    ]
    verdicts.adjust(rows)
    assert sum(row["p_adjusted"] <= 0.05 for row in rows[:-1]) <= 5
    assert rows[-1]["p_adjusted"] <= 0.05 and gain[-1] > rows[-1]["detectable_gain"]
    # The variance is that of the paired gain: less than of two areas.
    clustered = ClusteredAuc(positive, groups)
    variances, _ = clustered.variance(clustered.components(scores)[1])
    assert np.median(found["spread"] / np.sqrt(variances[1:] + variances[0])) < 0.9
