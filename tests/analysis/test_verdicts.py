"""Gains, their bootstrap over recordings, the correction, and what the verdict counts."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from embedding_sensitivity.analysis.classifiers import verdicts
from embedding_sensitivity.analysis.intervals import resampled_groups
from embedding_sensitivity.analysis.statistics import benjamini_hochberg


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16), st.integers(4, 40), st.integers(1, 12), st.sampled_from([2, 5, 999]))
def test_a_resamples_area_is_that_of_its_clips_repeated(seed, n_clips, n_groups, n_values):
    rng = np.random.default_rng(seed)
    positive = np.arange(n_clips) < 1 + n_clips // 3
    groups = [f"g{number}" for number in rng.integers(n_groups, size=n_clips)]
    counts = resampled_groups(groups, 6, rng)
    scores = rng.integers(n_values, size=(2, n_clips)) / 7
    bootstrap = verdicts.PairedBootstrap(positive, groups, counts)
    areas = bootstrap.areas(scores)
    sides = [{g for g, own in zip(groups, positive, strict=True) if own == side} for side in (0, 1)]
    assert bootstrap.n_groups == min(map(len, sides))
    for resample, count in enumerate(counts):
        drawn = np.repeat(np.arange(n_clips), count)
        if len(set(positive[drawn])) < 2:
            assert np.isnan(areas[:, resample]).all()
            continue
        for row, found in zip(scores, areas[:, resample], strict=True):
            expected = roc_auc_score(positive[drawn], row[drawn])
            assert found == pytest.approx(expected, abs=1e-12)


def test_interval_and_p_value_of_known_resamples():
    resampled = np.stack([np.linspace(-0.1, 0.3, 401), np.zeros(401)])
    found = verdicts.gain_statistics(np.array([0.1, 0.0]), resampled, 4)
    np.testing.assert_allclose(found["low"], [-0.09, 0], atol=1e-12)
    np.testing.assert_allclose(found["high"], [0.29, 0], atol=1e-12)
    spread = resampled[0].std(ddof=1)
    np.testing.assert_allclose(found["p"], [2 * stats.t.sf(0.1 / spread, 3), 1.0])
    lacking = np.concatenate([resampled, np.full((2, 50), np.nan)], axis=1)
    again = verdicts.gain_statistics(np.array([0.1, 0.0]), lacking, 4)
    for name, values in found.items():
        np.testing.assert_array_equal(values, again[name])
    for undefined, n_groups in ((np.full((2, 9), np.nan), 4), (resampled, 1)):
        nothing = verdicts.gain_statistics(np.array([0.1, 0.0]), undefined, n_groups)
        assert all(np.isnan(values).all() for values in nothing.values())


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
            "gain": gain, "p": value,
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
    text = [{**row, "p_adjusted": row.get("p_adjusted", "")} for row in rows]
    forwards, backwards = verdicts.verdict_rows(text)
    assert (forwards["train"], forwards["test"]) == ("original", "effected")
    counted = ("helps", "harms", "neither", "untested")
    assert [forwards[name] for name in counted] == [2, 1, 0, 1]
    assert forwards["mean_gain"] == pytest.approx(0.135)
    assert (forwards["lowest_gain"], forwards["highest_gain"]) == (-0.01, 0.5)
    assert (backwards["train"], backwards["test"]) == ("effected", "original")
    assert [backwards[name] for name in counted] == [0, 1, 0, 0]


def test_noise_is_found_to_do_neither_and_a_better_classifier_to_help():
    """1000 cells of equally good classifiers: hardly any is called better by chance."""
    rng = np.random.default_rng(0)
    positive = np.arange(300) < 60
    groups = [f"{label}{clip // 2}" for clip, label in enumerate(np.where(positive, "a", "b"))]
    bootstrap_of = partial(verdicts.PairedBootstrap, positive, groups)
    bootstrap = bootstrap_of(resampled_groups(groups, 1000, rng))
    signal = 1.5 * positive + rng.normal(size=(1, 300))
    noise = np.repeat(rng.normal(size=(101, 150)), 2, axis=1)
    scores = signal + 0.7 * noise
    scores[100] = signal[0] + 0.5 * positive
    areas = np.array([roc_auc_score(positive, row) for row in scores])
    gain = areas[1:] - areas[0]
    resampled = bootstrap.areas(scores)
    found = verdicts.gain_statistics(gain, resampled[1:] - resampled[0], bootstrap.n_groups)
    rows = rows_of(gain, found["p"])
    verdicts.adjust(rows)
    assert sum(row["p_adjusted"] <= 0.05 for row in rows[:-1]) <= 5
    assert rows[-1]["p_adjusted"] <= 0.05
    # The interval is that of the paired gain: narrower than of areas of separate resamples.
    width = found["high"] - found["low"]
    again = bootstrap_of(resampled_groups(groups, 1000, rng)).areas(scores)
    unpaired = np.quantile(resampled[1:] - again[0], [0.025, 0.975], axis=1)
    assert np.median(width / (unpaired[1] - unpaired[0])) < 0.9


def test_no_gain_is_no_finding_however_small_the_spread():
    found = verdicts.gain_statistics(np.zeros(1), np.zeros((1, 9)), 4)
    assert found["p"] == 1
