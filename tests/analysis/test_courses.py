"""Courses of single clips in a plane."""

from types import SimpleNamespace

import numpy as np
from numpy.testing import assert_allclose

from embedding_sensitivity.measures.courses import choose_clips, measure


def test_one_clip_of_each_recording_comes_first():
    clips, groups = list("abcdef"), list("uuvvvw")
    assert choose_clips(clips, groups, 3) == ["a", "c", "f"]
    assert choose_clips(clips, groups, 5) == ["a", "c", "f", "b", "d"]
    assert choose_clips(clips, groups, 9) == ["a", "c", "f", "b", "d", "e"]
    assert choose_clips([], []) == []


def test_a_straight_course_is_straight_and_keeps_its_length():
    """Points in a plane of the embedding's space are themselves, turned and moved."""
    data = make_data(straight())
    rows = measure(data)["courses"]
    assert {row["clip"] for row in rows} == set(choose_clips(data.test.clips, data.test.groups))
    assert len(rows) == 6 * (len(data.levels) + 1)
    assert_allclose([row["share"] for row in rows], 1.0)
    for clip in {row["clip"] for row in rows}:
        own = {row["level"]: np.array([row["x"], row["y"]]) for row in rows if row["clip"] == clip}
        steps = [own[level] - own["original"] for level in data.levels]
        # Displacements are level times one vector of length 5.
        assert_allclose([np.linalg.norm(step) for step in steps], [5, 10, 15, 20], rtol=1e-6)
        assert_allclose(steps[-1], 4 * steps[0], rtol=1e-6)


def test_a_label_without_test_clips_has_no_course():
    data = make_data(straight())
    data.test.clips, data.test.groups = [], []
    assert measure(data) == {"courses": []}


def straight():
    """Originals in a plane, and what the levels add to each."""
    rng = np.random.default_rng(0)
    originals = np.zeros((8, 12))
    originals[:, :2] = rng.normal(size=(8, 2))
    step = np.zeros(12)
    step[:2] = 3, 4
    return originals, originals + np.arange(1, 5)[:, None, None] * step


def make_data(points):
    originals, effected = points
    clips = [f"c{n}" for n in range(len(originals))]
    test = SimpleNamespace(clips=clips, groups=clips, originals=originals, effected=effected)
    return SimpleNamespace(test=test, levels=[str(n) for n in range(1, len(effected) + 1)])
