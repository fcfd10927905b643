"""How many directions an effect has, and the angles between those of labels, in closed form."""

import numpy as np
import pytest

from embedding_sensitivity.analysis import cca, dimensionality, directions
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


def courses(rng, n_groups, n_parts, dimension, course, own=0.0, noise=0.0):
    """Originals (N, d), points (P, N, d) and recordings: x_i^p = x_i + f(p) + g(p) w_i + noise.

    f is `course` (P, d), w_i a direction of length `own` of each recording, g the rank.
    """
    originals = rng.normal(size=(n_groups * n_parts, dimension))
    ways = np.repeat(rng.normal(size=(n_groups, dimension)), n_parts, axis=0)
    ways *= own / np.linalg.norm(ways, axis=1, keepdims=True)
    ranks = np.linspace(-1, 1, len(course))[:, None, None]
    effected = originals + course[:, None] + ranks * ways
    effected = effected + noise * rng.normal(size=effected.shape)
    return originals, effected, [str(clip // n_parts) for clip in range(len(originals))]


def test_shares_are_those_of_a_clip_and_a_level_and_noise():
    rng = np.random.default_rng(0)
    course = rng.normal(size=(6, 50))
    course -= course.mean(axis=0)
    _, effected, groups = courses(rng, 400, 2, 50, course, noise=0.5)
    parts = np.array([6 * 50 * (1 + 0.25 / 6), (course**2).sum(), 5 * 50 * 0.25])
    shares, without, _ = dimensionality.level_shares(effected, groups)
    found = [shares[f"share_{part}"] for part in ("clip", "level", "interaction")]
    np.testing.assert_allclose(found, parts / parts.sum(), atol=0.005)
    assert sum(found) == pytest.approx(1)
    assert shares["equivariance"] == pytest.approx(parts[1] / parts[1:].sum(), abs=0.005)
    assert np.mean(without) == pytest.approx(shares["equivariance"], abs=1e-4)


@pytest.mark.parametrize("n_parts", [1, 2, 4])
def test_recordings_that_go_their_own_way_have_nothing_in_common(n_parts):
    """Also where the clips of a recording respond alike."""
    rng = np.random.default_rng(n_parts)
    found = []
    for _ in range(100):
        _, effected, groups = courses(rng, 12, n_parts, 30, np.zeros((6, 30)), own=3.0)
        found.append(dimensionality.level_shares(effected, groups)[0]["equivariance"])
    assert np.mean(found) == pytest.approx(0, abs=3 * np.std(found) / 10)
    assert np.std(found) < 0.05


def test_one_curve_for_all_clips_is_equivariance_and_predicts_new_ones():
    rng = np.random.default_rng(0)
    course = np.arange(6)[:, None] ** 2 * rng.normal(size=40) + np.sin(np.arange(6))[:, None]
    originals, effected, groups = courses(rng, 12, 2, 40, course)
    assert dimensionality.level_shares(effected, groups)[0]["equivariance"] == pytest.approx(1)
    displacements = effected - originals
    found, without, _ = dimensionality.predicted_share(displacements, course, groups)
    assert found == pytest.approx(1)
    np.testing.assert_allclose(without, 1)
    shares, *_ = dimensionality.level_shares(effected, ["one"] * len(groups))
    assert set(shares.values()) == {None}
    still, *_ = dimensionality.level_shares(np.repeat(originals[None], 4, axis=0), groups)
    assert set(still.values()) == {None}


def test_what_is_predicted_is_the_common_part_of_the_energy():
    rng = np.random.default_rng(0)
    course = np.linspace(1, 2, 5)[:, None] * rng.normal(size=300)
    originals, effected, groups = courses(rng, 300, 1, 300, course, noise=0.6)
    found, *_ = dimensionality.predicted_share(effected - originals, course, groups)
    common = (course**2).sum() / 5 / 300
    assert found == pytest.approx(common / (common + 0.36), abs=0.005)
    # A mean that is of no use misleads: twice as long, it costs as much as it gives.
    found, *_ = dimensionality.predicted_share(effected - originals, -course, groups)
    assert found < 0


def test_the_prediction_without_a_training_recording_is_that_of_the_others():
    rng = np.random.default_rng(0)
    new, training = rng.normal(size=(4, 6, 8)), rng.normal(size=(4, 9, 8))
    groups = np.array(list("aabbbcdde"))
    found = dimensionality.predicted_without(new, training, groups)
    for index, group in enumerate("abcde"):
        expected = training[:, groups != group].mean(axis=1)
        (share, *_) = dimensionality.predicted_share(new, expected, list("uvwxyz"))
        assert found[index] == pytest.approx(share)
    assert np.isnan(dimensionality.predicted_without(new, training, ["a"] * 9)).all()


def test_jackknifed_shares_are_those_without_each_recording():
    rng = np.random.default_rng(0)
    originals, effected, groups = courses(rng, 5, 3, 8, rng.normal(size=(4, 8)), 1.0, 0.3)
    groups = [*groups[:-1], "0"]  # of unequal size
    displacements, expected = effected - originals, rng.normal(size=(4, 8))
    basis = np.linalg.qr(rng.normal(size=(8, 3)))[0].T

    def measured(kept):
        own = [group for group, there in zip(groups, kept, strict=True) if there]
        return (
            dimensionality.level_shares(effected[:, kept], own)[0]["equivariance"],
            dimensionality.predicted_share(displacements[:, kept], expected, own)[0],
            *dimensionality.heldout_energy(basis, displacements[:, kept], own)[0],
        )

    without = (
        dimensionality.level_shares(effected, groups)[1],
        dimensionality.predicted_share(displacements, expected, groups)[1],
        *dimensionality.heldout_energy(basis, displacements, groups)[1].T,
    )
    for index, group in enumerate(sorted(set(groups))):
        kept = np.array([name != group for name in groups])
        np.testing.assert_allclose([each[index] for each in without], measured(kept), rtol=1e-9)


def energies(training, test, groups, dimension):
    found = dimensionality.leading_directions(training.reshape(-1, dimension))
    np.testing.assert_allclose(found @ found.T, np.eye(len(found)), atol=1e-9)
    return dimensionality.heldout_energy(found, test, groups)[0]


@pytest.mark.parametrize("dimension", [40, 400])
def test_a_common_curve_is_held_by_the_directions_of_other_recordings(dimension):
    rng = np.random.default_rng(0)
    ranks = np.arange(1, 7)[:, None]
    course = ranks**2 * rng.normal(size=dimension) + 3 * ranks * rng.normal(size=dimension)
    originals, effected, groups = courses(rng, 24, 1, dimension, course)
    moved = effected - originals
    found = energies(moved[:, :12], moved[:, 12:], groups[12:], dimension)
    assert found[0] > 0.9
    np.testing.assert_allclose(found[1:], 1)


def test_directions_of_their_own_hold_no_more_of_others_than_random_ones():
    rng = np.random.default_rng(0)
    originals, effected, groups = courses(rng, 800, 1, 100, np.zeros((4, 100)), own=2.0)
    moved = effected - originals
    found = energies(moved[:, :400], moved[:, 400:], groups[400:], 100)
    assert len(found) == dimensionality.MAX_DIRECTIONS
    np.testing.assert_allclose(found, np.arange(1, 33) / 100, atol=0.02)


def relative_spectrum(rows):
    return directions.spectrum(directions.singular_values(rows))


def test_one_curved_direction_looks_like_many_until_it_is_fitted_to_its_course():
    """s_2 / s_1 is 0.97 where the rank is fitted, without any noise, and 0.03 where f is."""
    rng = np.random.default_rng(0)
    direction = np.arange(6)[:, None] ** 2 * rng.normal(size=753)
    _, effected, groups = courses(rng, 12, 2, 753, direction / np.linalg.norm(direction))
    effected = effected.astype(np.float32).astype(float)  # whose rounding is all that is fitted
    ranks = relative_spectrum(cca.samplewise_cca(effected)[0])
    course = relative_spectrum(dimensionality.directions_along_course(effected, groups))
    assert ranks[1] > 0.9 and directions.n_directions(ranks, 0.3) == 24
    assert course[1] < 0.1 and directions.n_directions(course, 0.3) == 1
    _, effected, groups = courses(rng, 24, 1, 753, np.zeros((6, 753)), own=1.0, noise=0.001)
    for fitted in (
        cca.samplewise_cca(effected)[0],
        dimensionality.directions_along_course(effected, groups),
    ):
        assert relative_spectrum(fitted)[1] > 0.9
        assert directions.n_directions(relative_spectrum(fitted), 0.3) == 24


def test_without_other_recordings_there_is_no_common_course():
    rng = np.random.default_rng(0)
    _, effected, _ = courses(rng, 5, 1, 8, rng.normal(size=(4, 8)))
    assert not dimensionality.directions_along_course(effected, ["one"] * 5).any()
    still = np.repeat(effected[:1], 4, axis=0)
    assert not dimensionality.directions_along_course(still, list("abcde")).any()


@pytest.mark.parametrize(("n_clips", "dimension"), [(24, 753), (288, 512), (60, 60), (200, 40)])
def test_random_directions_have_the_spectrum_of_marchenko_and_pastur(n_clips, dimension):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, n_clips, dimension))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    drawn = np.mean([relative_spectrum(each) for each in rows], axis=0)
    found = dimensionality.random_spectrum(n_clips, dimension)
    assert found.shape == (min(n_clips, dimension),)
    np.testing.assert_allclose(found, drawn, atol=0.05)
