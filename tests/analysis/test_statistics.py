"""What chance gives, and intervals over recordings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_sensitivity.analysis import cca, statistics
from embedding_sensitivity.analysis.correlation import project, squared_spearman


def noise(n_levels, n_clips, dimension, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_levels, n_clips, dimension)).astype(np.float32).astype(float)


def plain_null(effected, random):
    """One least-squares fit for each permutation, as `global_cca` is defined."""
    n_levels, n_clips, dimension = effected.shape
    points = effected.reshape(-1, dimension)
    inverse = np.linalg.pinv(points - points.mean(axis=0), rcond=cca.CUT)
    targets = statistics.permuted_levels(n_levels, n_clips, statistics.N_PERMUTATIONS, random)
    found = []
    for target in targets.reshape(len(targets), -1):
        direction = cca.oriented(inverse @ (target - target.mean()))
        found.append(squared_spearman(project(points, direction), target))
    return np.array(found)


def ill_conditioned():
    effected = noise(5, 12, 20)
    effected[..., -1] = effected[..., 0] + 1e-9 * effected[..., 1]
    return effected


def repeated():
    """Equal points, whose projections tie, and equal columns."""
    effected = noise(6, 8, 14)[:, [0, 1, 2, 2, 3, 3, 3, 4]]
    effected[4] = effected[5]
    effected[..., 3] = effected[..., 7]
    return effected


def constant_dimension():
    effected = noise(5, 10, 12)
    effected[..., 3] = 0.1
    return effected


@pytest.mark.parametrize(
    "effected",
    [noise(6, 20, 30), noise(4, 10, 38), ill_conditioned(), repeated(), constant_dimension()],
    ids=["tall", "nearly saturated", "ill-conditioned", "repeated", "constant dimension"],
)
def test_the_null_is_what_a_fit_for_each_permutation_gives(effected):
    found = statistics.null_r2(effected, statistics.generator("x"))
    expected = plain_null(effected, statistics.generator("x"))
    assert len(found) >= 200
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("dimension", "floor"), [(512, 0.15), (1024, 0.32), (2048, 0.63)])
def test_the_null_of_white_noise_is_the_known_floor(dimension, floor):
    """Spec section 7, at N = 288 clips and P = 12 levels.

    Its numbers are of single draws, which vary by 0.01. The expected squared correlation is
    d / (N P - 1), and that of ranks close to it. R2 of the true levels is no other.
    """
    effected = noise(12, 288, dimension)
    null = statistics.null_r2(effected, statistics.generator("x"))
    assert null.mean() == pytest.approx(floor, abs=0.025)
    assert null.mean() == pytest.approx(dimension / (12 * 288 - 1), abs=0.02)
    assert null.std() < 0.02
    direction, _ = cca.global_cca(effected)
    levels = np.repeat(cca.unit_levels(12), 288)
    r2 = squared_spearman(project(effected, direction).ravel(), levels)
    assert null.min() - 0.01 < r2 < null.max() + 0.01


def test_the_null_of_a_saturated_fit_is_1_by_identity():
    assert (statistics.null_r2(noise(4, 6, 23), statistics.generator("x")) == 1).all()
    assert (statistics.null_r2(noise(4, 6, 22), statistics.generator("x")) < 1).all()


def test_the_null_of_what_moves_nothing_is_undefined():
    effected = np.broadcast_to(noise(1, 1, 5), (4, 6, 5))
    assert np.isnan(statistics.null_r2(effected, statistics.generator("x"))).all()


def test_levels_are_permuted_within_clips():
    levels = statistics.permuted_levels(7, 30, 40, statistics.generator("x"))
    assert levels.shape == (40, 7, 30)
    np.testing.assert_array_equal(
        np.sort(levels, axis=1), np.broadcast_to(cca.unit_levels(7)[:, None], levels.shape)
    )
    assert len(np.unique(levels.transpose(0, 2, 1).reshape(-1, 7), axis=0)) > 1000


def test_the_null_of_given_projections_is_chance():
    """Of Spearman correlations of n points: mean square 1 / (n - 1), within clips a little more."""
    along = np.random.default_rng(0).normal(size=(10, 50)) + np.arange(10)[:, None]
    null = statistics.null_r2_of_projections(along, statistics.generator("x"))
    assert null.mean() == pytest.approx(1 / (10 * 50 - 1), rel=0.3)
    assert np.quantile(null, 0.95) < 0.02 < squared_spearman(along.T, np.arange(10.0)).mean()


def test_random_numbers_depend_on_names_alone():
    first = statistics.generator("cello", "null").random(3)
    statistics.generator("flute", "null").random(100)
    np.testing.assert_array_equal(statistics.generator("cello", "null").random(3), first)
    assert not (statistics.generator("cello", "test").random(3) == first).any()
    assert not (statistics.generator("cellonull").random(3) == first).any()


COUNTS = st.integers(2, 5).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=4 * n, max_size=4 * n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any),
    )
)


@settings(deadline=None)
@given(COUNTS)
def test_a_resample_is_the_clips_repeated(drawn):
    values, counts = drawn
    along = np.array(values, dtype=float).reshape(4, -1)
    repeated = np.repeat(along, counts, axis=1)
    levels = np.repeat(np.arange(4.0), repeated.shape[1])
    expected = squared_spearman(repeated.ravel(), levels)
    found = statistics.resampled_r2(along, np.array([counts, counts]))
    np.testing.assert_allclose(found, [expected] * 2, atol=1e-12)


def test_intervals_over_recordings_cover_where_those_over_clips_do_not():
    """Clips of a recording are nearly the same: 20 of 8 clips tell no more than 20 clips."""
    levels = np.arange(6.0)[:, None]

    def drawn(n_groups, n_each, rng):
        of_groups = levels + rng.normal(size=n_groups) + rng.normal(size=(6, n_groups))
        along = np.repeat(of_groups, n_each, axis=1)
        return along + 0.1 * rng.normal(size=along.shape)

    rng = np.random.default_rng(0)
    population = drawn(20000, 1, rng)
    truth = squared_spearman(population.ravel(), np.repeat(levels[:, 0], population.shape[1]))
    groups = np.repeat(np.arange(20), 8).astype(str)
    clips = np.arange(160).astype(str)
    n_trials, covered = 60, {"groups": 0, "clips": 0}
    for trial in range(n_trials):
        along = drawn(20, 8, rng)
        for by, names in (("groups", groups), ("clips", clips)):
            low, high = statistics.r2_interval(along, names, statistics.generator(str(trial)))
            covered[by] += low <= truth <= high
    assert covered["groups"] >= 0.85 * n_trials  # 95 % in the limit of many recordings
    assert covered["clips"] <= 0.65 * n_trials


def test_one_recording_has_no_interval():
    along = noise(4, 5, 1)[..., 0]
    assert statistics.r2_interval(along, ["a"] * 5, statistics.generator("x")) == (None, None)
    constant = np.zeros((4, 5))
    assert statistics.r2_interval(constant, list("abcde"), statistics.generator("x")) == (
        None,
        None,
    )
