"""Retrieval against enumeration, and thresholds of courses that are known."""

import itertools

import numpy as np
import pytest

from embedding_sensitivity.analysis import retrieval
from embedding_sensitivity.analysis.intervals import (
    MIN_RECORDINGS_OF_LABELS,
    estimate_mean,
    interval_of_share,
)


@pytest.mark.parametrize(("rivals", "nearer"), [(7, 0), (7, 1), (7, 3), (7, 7), (2, 1), (1, 1)])
def test_it_is_the_mean_over_all_galleries(monkeypatch, rivals, nearer):
    monkeypatch.setattr(retrieval, "GALLERY", 4)
    is_nearer = np.arange(rivals) < nearer
    drawn = itertools.combinations(range(rivals), min(3, rivals))
    ranks = np.array([1 + is_nearer[list(others)].sum() for others in drawn])
    recall, mrr = retrieval.recall_and_mrr(np.array([nearer]), np.array([rivals]))
    assert recall[0] == pytest.approx((ranks == 1).mean(), abs=1e-12)
    assert mrr[0] == pytest.approx((1 / ranks).mean(), abs=1e-12)


def test_without_rivals_there_is_nothing_to_find():
    assert np.isnan(retrieval.recall_and_mrr(np.array([0]), np.array([0]))).all()


def test_recall_does_not_depend_on_how_many_clips_there_are():
    """Noise alone: the same in galleries of 32 out of 40 and of 700; in all of them it is not."""
    rng = np.random.default_rng(0)
    found = []
    for n_clips in (40, 700):
        originals = rng.normal(size=(n_clips, 16))
        queries = originals + 0.8 * rng.normal(size=(8, n_clips, 16))
        groups = [str(clip) for clip in range(n_clips)]
        nearer, rivals = retrieval.retrieve(queries, originals, groups, originals, groups)
        recall, _ = retrieval.recall_and_mrr(nearer, rivals)
        found.append((recall.mean(), (nearer == 0).mean()))
    (few, few_full), (many, many_full) = found
    assert few == pytest.approx(many, abs=0.03)
    assert few_full > many_full + 0.1


def test_ties_count_against_and_a_recording_s_other_clips_not_at_all():
    originals = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    queries = np.stack([originals, 3 * originals, 0 * originals, -originals])
    groups = ["a", "b", "c", "d"]
    nearer, rivals = retrieval.retrieve(queries, originals, groups, originals, groups)
    assert rivals.tolist() == [3, 3, 3, 3]
    # The first two are equal; a silent query ties with all; an opposite one loses to all.
    assert nearer.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [3, 3, 3, 3], [3, 3, 3, 3]]
    nearer, rivals = retrieval.retrieve(
        queries, originals, ["a", "a", "c", "d"], originals, ["a", "a", "c", "d"]
    )
    assert rivals.tolist() == [2, 2, 3, 3]
    assert nearer[0].tolist() == [0, 0, 0, 0]
    row = retrieval.describe_retrieval(nearer[0], rivals)
    assert row == pytest.approx({
        "recall_1": 1, "mrr": 1, "recall_1_full": 1, "mrr_full": 1,
        "gallery": 3, "n_gallery": 3, "n_clips": 4,
    })  # fmt: skip


def thresholds(levels, recall, neutral=None, mild_end="low", log_scale=False, n_groups=20):
    """Rows of recordings that all have the same `recall`, at each level and of originals."""
    sides = retrieval.sides_of(levels, neutral, mild_end)
    everyone = np.tile(recall, (n_groups, 1))
    groups = [str(group) for group in range(n_groups)]
    rivals = np.full(n_groups, 31)
    return retrieval.threshold_rows(everyone, groups, rivals, sides, log_scale)


def described(rows):
    return [(row["side"], row["bound"], pytest.approx(row["threshold_90"])) for row in rows]


def test_a_threshold_lies_between_levels_on_the_effects_scale():
    assert thresholds([1, 2, 3], [1, 0.95, 0.7, 1])[0]["threshold_90"] == pytest.approx(2.2)
    (row,) = thresholds([100, 1000, 10000], [0.2, 0.8, 1, 1], None, "high", log_scale=True)
    assert row["side"] == "down"
    assert row["threshold_90"] == pytest.approx(10**3.5)
    # The first crossing counts, from the mild end.
    assert thresholds([1, 2, 3, 4], [1, 0.8, 1, 0.5, 1])[0]["threshold_90"] == pytest.approx(1.5)


def test_both_sides_of_a_neutral_level_have_one():
    levels = [-20, -10, 5, 10]
    assert described(thresholds(levels, [0.5, 0.8, 0.95, 0.85, 1], neutral=0.0)) == [
        ("down", "=", -5), ("up", "=", 7.5),
    ]  # fmt: skip
    levels = [-20, -10, 0, 10]
    assert described(thresholds(levels, [0.5, 1, 1, 1, 1], neutral=0.0)) == [
        ("down", "=", -12), ("up", ">", 10),
    ]  # fmt: skip
    # Outside the levels it is at the nearer end of them.
    assert described(thresholds([-20, -10], [0.5, 1, 1], neutral=0.0)) == [("down", "=", -12)]
    assert described(thresholds([10, 20], [1, 0.5, 1], neutral=0.0)) == [("up", "=", 12)]


def test_what_does_not_cross_is_beyond_an_end():
    assert described(thresholds([1, 2], [1, 1, 1])) == [("up", ">", 2)]
    assert described(thresholds([1, 2], [0.8, 0.5, 1])) == [("up", "<", 1)]
    assert described(thresholds([1, 2], [1, 1, 1], mild_end="high")) == [("down", "<", 1)]
    assert described(thresholds([1, 2], [1, 0.5, 1], mild_end="high")) == [("down", ">", 2)]
    # Not even originals are found: clips that are equal.
    rows = thresholds([-1, 1], [0.5, 0.5, 0.5], neutral=0.0)
    assert described(rows) == [("down", ">", 0), ("up", "<", 0)]


def test_an_interval_needs_twelve_recordings_and_may_reach_beyond():
    few = thresholds([1, 2, 3], [1, 0.95, 0.7, 1], n_groups=MIN_RECORDINGS_OF_LABELS - 1)
    assert "threshold_90_low" not in few[0]
    # It is where the ends of the recalls' own intervals fall under 0.9, those between levels too.
    rng = np.random.default_rng(0)
    recall = (rng.random((60, 1)) > [0.0, 0.05, 0.2, 0.0]).astype(float)
    groups = np.repeat(np.arange(30), 2).astype(str)
    sides, rivals = retrieval.sides_of([1, 2, 3], None, "low"), np.full(60, 59)
    (row,) = retrieval.threshold_rows(recall, groups, rivals, sides, False)
    low = row["threshold_90_low"]
    share = low - int(low)
    between = (1 - share) * recall[:, int(low) - 1] + share * recall[:, int(low)]
    ends = interval_of_share(estimate_mean(between, groups), 1 / 60)
    assert ends[0] == pytest.approx(0.9, abs=1e-3)
    assert row["n_groups"] == 30
    assert row["threshold_90_low"] < row["threshold_90"] < row["threshold_90_high"] == 3
    assert (row["bound_low"], row["bound_high"]) == ("=", ">")
    down = retrieval.threshold_rows(
        recall, groups, rivals, retrieval.sides_of([1, 2, 3], None, "high"), False
    )
    assert down[0]["threshold_90_low"] <= down[0]["threshold_90"] <= down[0]["threshold_90_high"]


def test_clips_lost_at_either_of_two_levels_make_a_narrower_interval_between_them():
    """Than the ends of both levels' intervals do, joined by a line."""
    rng = np.random.default_rng(0)
    recall = (rng.random((1000, 3)) > [0.06, 0.14, 0.0]).astype(float)
    groups = np.repeat(np.arange(500), 2).astype(str)
    sides, rivals = retrieval.sides_of([1, 2], None, "low"), np.full(1000, 999)
    (row,) = retrieval.threshold_rows(recall, groups, rivals, sides, False)
    ends = retrieval.recall_bands(recall[:, :2], groups, np.full(2, 0.01))
    low, high = (thresholds([1, 2], [*end, 1])[0]["threshold_90"] for end in ends)
    assert 1 < low < row["threshold_90_low"] < row["threshold_90_high"] < high < 2
    assert row["threshold_90_high"] - row["threshold_90_low"] < 0.8 * (high - low)


def test_recalls_of_one_have_a_width_but_for_the_originals():
    groups = np.repeat(np.arange(12), 2).astype(str)
    least = retrieval.smallest_fall(groups, np.full(24, 100)) / 2
    assert least == 31 / 100 / 2 / 2
    low, high = retrieval.recall_bands(np.ones((24, 3)), groups, np.array([least, least, 0]))
    assert (high == 1).all() and low[-1] == 1
    assert low[:2] == pytest.approx(0.98, abs=0.01)
