"""How many directions an effect has, and the angles between those of labels, in closed form."""

import numpy as np
import pytest

from embedding_sensitivity.analysis import dimensionality
from embedding_sensitivity.analysis.dimensionality import describe_displacements, principal_angles


def described(displacements):
    found = describe_displacements(np.asarray(displacements, dtype=float))
    return tuple(found.values())


@pytest.mark.parametrize("dimension", [3, 40])
def test_a_translation_has_one_direction(dimension):
    vector = np.random.default_rng(0).normal(size=dimension)
    assert described(np.tile(vector, (20, 1))) == pytest.approx((1, 1, 1))
    steps = np.arange(1, 6.0)
    share = steps.mean() ** 2 / (steps**2).mean()
    assert described(steps[:, None] * vector) == pytest.approx((1, 1, share))
    assert described([vector, -vector]) == pytest.approx((1, 1, 0))


@pytest.mark.parametrize(("n_clips", "dimension"), [(10, 10), (20, 50), (7, 7)])
def test_clips_that_move_each_their_own_way_have_as_many(n_clips, dimension):
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, dimension)))
    steps = np.arange(1, 4.0)[:, None, None]
    found = described((steps * rotation[:n_clips]).reshape(-1, dimension))
    share = steps.mean() ** 2 / (steps**2).mean() / n_clips
    assert found == pytest.approx((n_clips, int(np.ceil(0.9 * n_clips)), share))


def test_unequal_directions_count_by_their_share():
    # Mean squares 8, 1, 1 of 10 along three axes: two directions hold 90 %.
    found = described(np.diag(np.sqrt([8.0, 1.0, 1.0])))
    assert found[:2] == pytest.approx((100 / 66, 2))


def test_no_displacement_has_no_direction():
    assert described(np.zeros((5, 3))) == (None, 0, None)


def test_angles_are_those_of_rotated_planes():
    turn = np.radians([20.0, 65.0])
    first = np.eye(5)[:2]
    second = np.zeros((2, 5))
    second[[0, 1], [0, 1]] = np.cos(turn)
    second[[0, 1], [2, 3]] = np.sin(turn)
    np.testing.assert_allclose(principal_angles(first, second), [20, 65])
    np.testing.assert_allclose(principal_angles(first, -second[::-1]), [20, 65])
    np.testing.assert_allclose(principal_angles(first[:1], second), [20])
    tiny = np.array([[np.cos(1e-9), np.sin(1e-9), 0, 0, 0]])
    np.testing.assert_allclose(principal_angles(first[:1], tiny), [np.degrees(1e-9)])


def test_rows_are_of_every_pair_of_labels_once():
    axes = np.eye(12)
    of_labels = {
        label: dimensionality.compared_subspaces(
            {
                "global_cca": axes[:1],
                "average_displacement": mean,
                "samplewise_cca_svd": axes[first : first + 7],
                "lda": axes[:1],
            }
        )
        for label, mean, first in (
            ("b", axes[1:2], 0),
            ("a", axes[2:3], 2),
            ("c", np.empty((0, 12)), 7),
        )
    }
    rows = dimensionality.angle_rows(of_labels)
    found = {}
    for row in rows:
        key = row["label_a"], row["label_b"], row["method"]
        assert row["index"] == len(found.setdefault(key, []))
        found[key].append(row["angle_deg"])
    assert {key[:2] for key in found} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert found["a", "b", "global_cca"] == [0]
    assert found["a", "b", "average_displacement"] == pytest.approx([90])
    # The first five of seven: 2 to 6 and 0 to 4 share three axes.
    assert found["a", "b", "samplewise_cca_svd"] == pytest.approx([0, 0, 0, 90, 90])
    assert found["a", "c", "average_displacement"] == [None]
    assert dimensionality.angle_rows({**of_labels, "d": of_labels["a"]})[:7] == rows[:7]
