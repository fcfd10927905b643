"""What a projection is: idempotent, symmetric, and cheap."""

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_sensitivity.analysis.directions import project_out, project_out_gram


def basis_of(rng, n_directions, dimension):
    return np.linalg.qr(rng.normal(size=(dimension, n_directions)))[0].T


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), dimension=st.integers(1, 30), share=st.floats(0, 1))
def test_idempotent_symmetric_and_blind_to_its_directions(seed, dimension, share):
    rng = np.random.default_rng(seed)
    basis = basis_of(rng, round(share * dimension), dimension)
    points, others = rng.normal(size=(2, 7, dimension))
    projected = project_out(points, basis)
    np.testing.assert_allclose(project_out(projected, basis), projected, atol=1e-12)
    np.testing.assert_allclose(
        projected @ others.T, points @ project_out(others, basis).T, atol=1e-12
    )
    np.testing.assert_allclose(projected @ basis.T, 0, atol=1e-12)
    np.testing.assert_allclose(
        project_out_gram(points @ points.T, points, basis), projected @ projected.T, atol=1e-11
    )


def test_nothing_to_project_out_changes_nothing():
    points = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_array_equal(project_out(points, np.empty((0, 5))), points)


def test_no_square_matrix_is_formed():
    dimension = 4000
    rng = np.random.default_rng(0)
    points, basis = rng.normal(size=(4, dimension)), basis_of(rng, 2, dimension)
    tracemalloc.start()
    project_out(points, basis)
    project_out_gram(points @ points.T, points, basis)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < dimension**2 * 8 / 50
