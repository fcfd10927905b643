"""Squared Spearman correlation, ties kept."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from embedding_sensitivity.analysis import correlation

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=30)


@settings(deadline=None)
@given(PAIRS)
def test_squared_spearman_is_scipys(pairs):
    first, second = np.array(pairs, dtype=float).T
    found = correlation.squared_spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found)
    else:
        np.testing.assert_allclose(found, stats.spearmanr(first, second)[0] ** 2, atol=1e-12)


def test_equal_points_get_equal_projections_wherever_they_stand():
    rng = np.random.default_rng(0)
    point, direction = rng.normal(size=(2, 753))
    for count in (3, 17, 64):
        points = rng.normal(size=(count, 753))
        points[[0, count // 2, count - 1]] = point
        found = correlation.project(points, direction)
        assert found[0] == found[count // 2] == found[count - 1]
        np.testing.assert_allclose(found, points @ direction, atol=1e-10)
        stacked = correlation.project(np.stack([points, points[::-1]]), direction)
        np.testing.assert_array_equal(stacked, [found, found[::-1]])


def test_points_are_distinct_by_value():
    points = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0000001]])
    assert correlation.n_distinct_points(points) == 2
    np.testing.assert_array_equal(correlation.first_equal_rows(points), [0, 0, 2])
