"""The maps of LEACE are those of its authors' package, concept-erasure."""

import numpy as np
import pytest
import torch

from embedding_sensitivity.analysis.cca import global_cca, unit_levels
from embedding_sensitivity.analysis.classifiers import maps

P, N, D = 5, 40, 9
LeaceFitter = pytest.importorskip(
    "concept_erasure", reason="concept-erasure is not in .test-tools: make .test-tools/.ready"
).LeaceFitter


def clips_at_levels():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(P, N, D)) @ rng.normal(size=(D, D)) + rng.normal(size=D)
    return points + np.linspace(0, 1, P)[:, None, None] ** 2 * rng.normal(size=D)


def published(points, concept):
    """Points (P, N, d) as the package maps them, of a concept (P N, k)."""
    rows = torch.from_numpy(points.reshape(-1, D))
    fitter = LeaceFitter.fit(
        rows, torch.from_numpy(concept), shrinkage=False, constrain_cov_trace=False, svd_tol=1e-9
    )
    return fitter.eraser(rows).numpy().reshape(points.shape)


def test_leace_with_the_least_squares_direction_is_the_published_map():
    points = clips_at_levels()
    found = maps.leace(points, global_cca(points)[0], P)
    expected = published(points, np.repeat(unit_levels(P), N)[:, None])
    np.testing.assert_allclose(found.of_levels(points), expected, atol=1e-9)
    assert abs(expected - points).max() > 0.1


def test_leace_of_levels_is_the_published_map():
    points = clips_at_levels()
    found = maps.leace_levels(points, 1e-13, P)
    expected = published(points, np.repeat(np.eye(P), N, axis=0))
    np.testing.assert_allclose(found.of_levels(points), expected, atol=1e-6)
