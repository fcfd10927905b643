"""Directions against their definitions and scikit-learn's estimators."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from embedding_sensitivity.analysis import directions


def draw(n_levels=5, n_clips=8, dimension=12, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimension, dimension))
    originals = rng.normal(size=(n_clips, dimension)) @ mixing
    shift = np.linspace(0.2, 1, n_levels)[:, None, None] * rng.normal(size=dimension)
    effected = originals + shift + 0.3 * rng.normal(size=(n_levels, n_clips, dimension))
    return effected, originals


GROUPS = list("aabbccdd")


def up_to_sign(found, expected):
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-9)


@pytest.mark.parametrize("dimension", [1, 12, 40, 41, 90])
def test_lda_is_scikit_learns(dimension):
    """Both below and above as many dimensions as points, where Sw is never formed."""
    effected, originals = draw(dimension=dimension)
    points = np.concatenate([originals, effected.reshape(-1, dimension)])
    classes = np.repeat([0, 1], [len(originals), len(points) - len(originals)])
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(points, classes)
    expected = model.coef_[0] / np.linalg.norm(model.coef_[0])
    np.testing.assert_allclose(
        directions.lda(originals, effected.reshape(-1, dimension)), expected, atol=1e-9
    )


@pytest.mark.parametrize("dimension", [12, 90])
@pytest.mark.parametrize(
    ("smallest", "tolerance"), [(1.0, 1e-9), (1e-5, 1e-9), (1e-7, 1e-5), (1e-9, 5e-3)]
)
def test_lda_with_dead_units_and_scales_that_differ(dimension, smallest, tolerance, monkeypatch):
    """Units that never vary, and units that nearly never do: scikit-learn cuts some of them.

    Sw is known to rounding: the smaller its smallest values, the less of the solution is.
    """
    effected, originals = draw(dimension=dimension)
    for points in (effected, originals):
        points[..., 2] = 0.1
        points *= np.random.default_rng(1).permutation(np.geomspace(smallest, 1, dimension))
    effected[..., 5], originals[..., 5] = 0.7, 0.1
    points = np.concatenate([originals, effected.reshape(-1, dimension)])
    classes = np.repeat([0, 1], [len(originals), len(points) - len(originals)])
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(points, classes)
    expected = model.coef_[0] / np.linalg.norm(model.coef_[0])
    found = directions.lda(originals, effected.reshape(-1, dimension))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    if smallest == 1e-9:
        monkeypatch.setattr(directions, "WELL_SCALED", 0.0)
        exact = directions.lda(originals, effected.reshape(-1, dimension))
        assert np.abs(exact - expected).max() > 2 * tolerance


@pytest.mark.parametrize("dimension", [12, 90])
def test_principal_displacements_are_scikit_learns(dimension):
    effected, originals = draw(dimension=dimension)
    reference = directions.reference_variances(np.concatenate([originals, originals[::-1] + 1]))
    displacements = (effected - originals).reshape(-1, dimension)
    model = PCA(svd_solver="full").fit(displacements)
    ratios = model.explained_variance_[: len(reference)] / reference[: len(displacements)]
    absolute, relative = directions.principal_displacements(displacements, reference)
    up_to_sign(absolute, model.components_[0])
    up_to_sign(relative, model.components_[ratios.argmax()])
    assert ratios.argmax() > 0


def test_gram_matrix_and_svd_give_the_same_components(monkeypatch):
    effected, originals = draw(dimension=90)
    displacements = (effected - originals).reshape(-1, 90)
    reference = directions.reference_variances(originals)
    quick = directions.principal_displacements(displacements, reference)
    monkeypatch.setattr(directions, "COMPONENT_ERROR", 0.0)
    for found, expected in zip(
        quick, directions.principal_displacements(displacements, reference), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_components_too_close_to_tell_are_taken_from_an_svd():
    """Two equal variances up to 1e-12: eigenvectors of a Gram matrix would be a mixture."""
    rng = np.random.default_rng(0)
    left = rng.normal(size=(40, 3))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    right = np.linalg.qr(rng.normal(size=(6, 3)))[0]
    displacements = (left * [1.0, 1.0 - 1e-6, 1e-9]) @ right.T
    reference = np.array([1.0, 1.0, 1e-20])
    absolute, relative = directions.principal_displacements(displacements, reference)
    up_to_sign(absolute, right[:, 0])
    np.testing.assert_allclose(np.abs(relative @ right[:, 2]), 1, atol=1e-6)


def test_reference_components_that_are_rounding_are_left_out():
    effected, originals = draw(dimension=30)
    reference = directions.reference_variances(originals)
    assert len(reference) == len(originals) - 1
    np.testing.assert_allclose(reference, PCA().fit(originals).explained_variance_[:-1])
    assert len(directions.reference_variances(np.ones((4, 3)))) == 0
    displacements = (effected - originals).reshape(-1, 30)
    absolute, relative = directions.principal_displacements(displacements, np.empty(0))
    assert absolute.any()
    assert not relative.any()


def test_average_displacement_and_its_shortest():
    shift = np.array([3.0, -4.0])
    np.testing.assert_allclose(
        directions.average_displacement(np.tile(shift, (5, 1))), shift / 5, atol=1e-15
    )
    assert not directions.average_displacement(np.tile(shift / 5 * 0.99e-10, (5, 1))).any()
    assert directions.average_displacement(np.tile(shift / 5 * 1.01e-10, (5, 1))).any()


def test_singular_vectors_and_thresholds():
    rng = np.random.default_rng(0)
    stacked = rng.normal(size=(6, 20))
    values, vectors = directions.singular_subspace(stacked)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(np.linalg.svd(stacked)[1], values, atol=1e-12)
    assert directions.n_directions(np.array([2.0, 1.0, 0.5]), 0.5) == 2
    assert directions.n_directions(np.array([2.0, 1.0, 0.5]), 0.1) == 3
    assert directions.n_directions(np.zeros(3), 0.3) == 0
    np.testing.assert_array_equal(directions.spectrum(np.array([2.0, 1.0])), [1, 0.5])
    assert np.isnan(directions.spectrum(np.zeros(2))).all()


@pytest.mark.parametrize("dimension", [12, 60])
def test_neutral_levels_count_for_the_course_but_not_as_displacements(dimension):
    effected, originals = draw(dimension=dimension)
    reference = directions.reference_variances(originals)
    neutral = np.array([False, False, True, False, False])
    effected[2] = originals
    found = directions.fit_label(effected, originals, neutral, reference, GROUPS)
    applied = directions.fit_label(
        effected[~neutral], originals, np.zeros(4, bool), reference, GROUPS
    ).subspaces
    for method in ("pca_absolute", "pca_relative", "average_displacement", "lda"):
        np.testing.assert_array_equal(found.subspaces[method], applied[method])
    with_it = directions.fit_label(
        effected, originals, np.zeros(5, bool), reference, GROUPS
    ).subspaces
    np.testing.assert_array_equal(found.subspaces["global_cca"], with_it["global_cca"])
    assert (np.abs(found.subspaces["lda"] - with_it["lda"]) > 1e-6).any()
    for basis in found.subspaces.values():
        np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-10)


def test_an_effect_that_does_nothing_leaves_nothing_to_project_out():
    _, originals = draw()
    effected = np.tile(originals[:1], (4, 8, 1))
    found = directions.fit_label(
        effected, effected[0], np.zeros(4, bool), directions.reference_variances(originals), GROUPS
    )
    removed = {name: len(basis) for name, basis in found.subspaces.items()}
    assert removed.pop("samplewise_cca_svd") == 8
    assert directions.n_directions(found.singular_values, 0.3) == 0
    assert set(removed.values()) == {0}


def test_a_translation_is_one_direction_without_variance():
    _, originals = draw(n_clips=30)
    shift = np.arange(12.0)
    effected = np.stack([originals + shift, originals + shift])
    displacements = (effected - originals).reshape(-1, 12)
    absolute, _ = directions.principal_displacements(
        displacements, directions.reference_variances(originals)
    )
    assert not absolute.any()
    up_to_sign(directions.average_displacement(displacements), shift / np.linalg.norm(shift))
