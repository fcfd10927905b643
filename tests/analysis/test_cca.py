"""Canonical correlation with the level is least squares, in every shape and rank."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_sensitivity.analysis import cca


def draw(n_levels, n_clips, dimension, seed=0):
    """Embeddings as they come: float32 values, a course along the levels, noise per clip."""
    rng = np.random.default_rng(seed)
    course = np.linspace(0, 1, n_levels)[:, None, None] * rng.normal(size=dimension)
    noise = rng.normal(size=(n_levels, n_clips, dimension))
    return (course + noise + rng.normal(size=(n_clips, dimension))).astype(np.float32).astype(float)


def least_squares(points, targets):
    """The definition: pinv with scikit-learn's cut, unit length, largest entry positive."""
    centred = points - points.mean(axis=0)
    solution = np.linalg.pinv(centred, rcond=cca.CUT) @ (targets - targets.mean())
    solution /= np.linalg.norm(solution)
    return solution * np.sign(solution[np.abs(solution).argmax()])


def expected_global(effected):
    n_levels, n_clips, dimension = effected.shape
    targets = np.repeat(cca.unit_levels(n_levels), n_clips)
    return least_squares(effected.reshape(-1, dimension), targets)


@pytest.mark.parametrize(
    ("n_levels", "n_clips", "dimension", "rank"),
    [(6, 12, 20, 20), (4, 5, 40, 19), (4, 5, 19, 19), (4, 5, 20, 19), (4, 5, 18, 18)],
)
def test_global_direction_is_least_squares(n_levels, n_clips, dimension, rank):
    effected = draw(n_levels, n_clips, dimension)
    direction, found = cca.global_cca(effected)
    np.testing.assert_allclose(direction, expected_global(effected), atol=1e-10)
    assert found == rank
    assert cca.is_saturated(found, n_levels * n_clips) == (dimension >= n_levels * n_clips - 1)


@pytest.mark.parametrize("dimension", [10, 60])
def test_dimensions_without_variance_get_no_weight(dimension):
    effected = draw(5, 8, dimension)
    effected[:, :, 3] = 0.1
    effected[:, :, 7] = 0.0
    direction, rank = cca.global_cca(effected)
    assert direction[3] == direction[7] == 0
    assert rank == min(dimension - 2, 39)
    np.testing.assert_allclose(direction, expected_global(effected), atol=1e-10)


def test_repeated_clips_are_not_saturated():
    effected = draw(4, 3, 50)[:, [0, 1, 2, 2]]
    direction, rank = cca.global_cca(effected)
    assert rank == 11
    assert not cca.is_saturated(rank, 16)
    np.testing.assert_allclose(direction, expected_global(effected), atol=1e-10)


@pytest.mark.parametrize("spread", [1e-4, 1e-7, 1e-12])
def test_ill_conditioned_points_get_what_an_svd_gives(spread):
    """Normal equations alone would be wrong here, and the last case is cut to rank d - 1."""
    effected = draw(6, 12, 10)
    effected[..., 1] = effected[..., 0] + spread * draw(6, 12, 1, seed=1)[..., 0]
    direction, rank = cca.global_cca(effected)
    assert rank == (9 if spread == 1e-12 else 10)
    np.testing.assert_allclose(direction, expected_global(effected), atol=1e-8)


@pytest.mark.parametrize(("n_levels", "dimension"), [(6, 30), (6, 6), (6, 5), (6, 3), (31, 40)])
def test_samplewise_directions_are_least_squares(n_levels, dimension):
    effected = draw(n_levels, 4, dimension)
    directions, ranks = cca.samplewise_cca(effected)
    for clip in range(4):
        expected = least_squares(effected[:, clip], cca.unit_levels(n_levels))
        np.testing.assert_allclose(directions[clip], expected, atol=1e-10)
    assert (ranks == min(n_levels - 1, dimension)).all()


def test_samplewise_directions_of_smooth_courses():
    """Points on a smooth curve are nearly dependent: the batched solve must refine or step back."""
    levels = np.linspace(0, 1, 12)
    basis = np.random.default_rng(3).normal(size=(6, 4, 64))
    course = sum(levels[:, None, None] ** power * basis[power] for power in range(6))
    effected = course + 1e-5 * draw(12, 4, 64)
    directions, _ = cca.samplewise_cca(effected)
    for clip in range(4):
        expected = least_squares(effected[:, clip], cca.unit_levels(12))
        np.testing.assert_allclose(directions[clip], expected, atol=1e-9)


def test_samplewise_clip_that_never_moves_has_no_direction():
    effected = draw(7, 3, 9) / 3
    effected[:, 1] = effected[0, 1]
    directions, ranks = cca.samplewise_cca(effected)
    assert not directions[1].any()
    assert ranks[1] == 0
    assert np.linalg.norm(directions[[0, 2]], axis=1) == pytest.approx(1, abs=1e-12)


def test_an_effect_that_does_nothing_has_no_direction():
    direction, rank = cca.global_cca(np.full((4, 3, 6), 1 / 3))
    assert not direction.any()
    assert rank == 0


def test_one_level_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        cca.global_cca(draw(1, 3, 5))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    n_levels=st.integers(2, 8),
    n_clips=st.integers(1, 6),
    dimension=st.integers(1, 20),
)
def test_clips_order_and_a_common_shift_change_nothing(seed, n_levels, n_clips, dimension):
    effected = draw(n_levels, n_clips, dimension, seed)
    direction, rank = cca.global_cca(effected)
    order = np.random.default_rng(seed).permutation(n_clips)
    moved, moved_rank = cca.global_cca(effected[:, order] + 8.0)
    assert rank == moved_rank
    np.testing.assert_allclose(np.abs(direction @ moved), 1, atol=1e-6)
