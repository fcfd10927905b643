"""Displacement measures against closed forms: translations, scalings, rotations, Gaussians."""

import numpy as np
import pytest
from scipy import linalg, stats
from scipy.stats import ortho_group

from embedding_sensitivity.analysis import displacement
from embedding_sensitivity.embeddings.effect_data import centroid_variance, label_distance

SHAPES = [(40, 6), (12, 30)]


def draw(n_clips=40, dimension=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_clips, dimension)) @ rng.normal(size=(dimension, dimension)) + 2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_translation(shape):
    points = draw(*shape)
    shift = np.zeros(shape[1])
    shift[:2] = 3, 4
    row = displacement.describe_level(points, points + shift, distance=10.0)
    for name, value in (("euclidean", 5), ("relative", 0.5)):
        for suffix in ("", "_q05", "_q50", "_q95"):
            assert row[name + suffix] == pytest.approx(value, abs=1e-12)
    assert row["frechet"] == pytest.approx(25, abs=1e-9)
    assert row["cka"] == pytest.approx(1, abs=1e-12)
    assert row["n_clips"] == shape[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scaling(shape):
    points = draw(*shape)
    row = displacement.describe_level(points, 0.25 * points, distance=np.nan)
    lengths = 0.75 * np.linalg.norm(points, axis=1)
    assert row["cosine"] == pytest.approx(0, abs=1e-12)
    assert row["euclidean"] == pytest.approx(lengths.mean(), abs=1e-12)
    assert row["euclidean_q95"] == pytest.approx(np.quantile(lengths, 0.95), abs=1e-12)
    squared = (points.mean(axis=0) ** 2).sum() + points.var(axis=0, ddof=1).sum()
    assert row["frechet"] == pytest.approx(0.75**2 * squared, rel=1e-9)
    assert row["cka"] == pytest.approx(1, abs=1e-12)
    assert "relative" not in row


@pytest.mark.parametrize("degrees", [10, 60, 180])
def test_a_rotation_by_one_angle_in_every_plane(degrees):
    points, angle = draw(), np.deg2rad(degrees)
    plane = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    row = displacement.describe_level(points, points @ np.kron(np.eye(3), plane), 1.0)
    lengths = np.linalg.norm(points, axis=1)
    assert row["cosine"] == pytest.approx(1 - np.cos(angle), abs=1e-12)
    assert row["euclidean"] == pytest.approx(2 * np.sin(angle / 2) * lengths.mean(), rel=1e-12)
    assert row["cka"] == pytest.approx(1, abs=1e-12)


def test_nothing_moves():
    points = draw(20, 30).astype(np.float32).astype(float)
    row = displacement.describe_level(points, points.copy(), 1.0)
    assert row["cosine"] == row["euclidean"] == row["relative"] == 0
    assert row["frechet"] == pytest.approx(0, abs=1e-9 * (points**2).sum())
    assert row["frechet"] >= 0


@pytest.mark.parametrize("shape", SHAPES)
def test_frechet_distance_is_that_of_covariances(shape):
    first, second = draw(*shape), draw(*shape, seed=1)[:-2]
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = linalg.sqrtm(one)
    shared = linalg.sqrtm(root @ other @ root).real
    expected = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    expected += np.trace(one + other - 2 * shared)
    found = displacement.frechet_distance(first, second)
    assert found == pytest.approx(expected, rel=1e-6)
    assert displacement.frechet_distance(second, first) == pytest.approx(found, rel=1e-10)


def test_frechet_distance_of_two_gaussians_of_one_dimension():
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(50, 1)) * scale + mean for scale, mean in ((2, 1), (5, -3)))
    expected = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert displacement.frechet_distance(first, second) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_cka_is_the_alignment_of_centred_gram_matrices(shape):
    first, second = draw(*shape), draw(*shape, seed=1)
    centring = np.eye(shape[0]) - 1 / shape[0]
    one, other = (centring @ points @ points.T @ centring for points in (first, second))
    expected = np.trace(one @ other) / np.sqrt(np.trace(one @ one) * np.trace(other @ other))
    assert displacement.linear_cka(first, second) == pytest.approx(expected, rel=1e-10)
    turned = second @ ortho_group.rvs(shape[1], random_state=0) * 3 - 1
    assert displacement.linear_cka(first, turned) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(displacement.linear_cka(first, np.ones(shape)))


def test_cka_of_noise_is_small_only_with_more_clips_than_dimensions():
    rng = np.random.default_rng(0)
    many = displacement.linear_cka(rng.normal(size=(4000, 8)), rng.normal(size=(4000, 8)))
    few = displacement.linear_cka(rng.normal(size=(50, 800)), rng.normal(size=(50, 800)))
    assert many < 0.01
    assert few > 0.9


def test_zero_embeddings_have_no_cosine():
    points = draw(10, 4)
    silent = points.copy()
    silent[3] = 0
    row = displacement.describe_level(points, silent, 1.0)
    assert row["cosine"] == pytest.approx(0, abs=1e-12)
    assert "cosine" not in displacement.describe_level(points, 0 * points, 1.0)


def test_distance_between_labels():
    centroids = {"a": np.array([0.0, 0.0]), "b": np.array([3.0, 4.0]), "c": np.array([0.0, 1.0])}
    assert label_distance(centroids, "a") == pytest.approx(3)
    assert np.isnan(label_distance({"a": np.ones(2)}, "a"))
    assert np.isnan(label_distance({"a": np.ones(2), "b": np.ones(2)}, "a"))


def test_the_distance_between_labels_owes_nothing_to_the_number_of_recordings():
    """Two labels 4 apart, 12 recordings of 2 clips, whose recordings vary more than that."""
    rng = np.random.default_rng(0)
    groups = np.repeat([f"r{n}" for n in range(12)], 2)
    plain, corrected = [], []
    for _ in range(200):
        points = {
            label: rng.normal(size=(12, 50))[np.repeat(np.arange(12), 2)]
            + 0.3 * rng.normal(size=(24, 50)) + shift
            for label, shift in (("a", 0.0), ("b", 4 / 50**0.5))
        }  # fmt: skip
        centroids = {label: own.mean(axis=0) for label, own in points.items()}
        variances = {label: centroid_variance(own, groups) for label, own in points.items()}
        plain.append(label_distance(centroids, "a"))
        corrected.append(label_distance(centroids, "a", variances))
    assert np.mean(np.square(plain)) > 1.4 * 16
    assert np.mean(np.square(corrected)) == pytest.approx(16, rel=0.06)
    assert centroid_variance(points["a"], ["r"] * 24) == 0


def test_order_with_level():
    points, shift = draw(), np.ones(6)
    rows = [
        displacement.describe_level(points, points + scale * shift, 1.0) for scale in (3, 2, 1, 0.5)
    ]
    found = displacement.order_with_level(rows)
    assert found["spearman_euclidean"] == found["spearman_frechet"] == -1
    assert found["n_levels"] == 4
    # A translation leaves CKA at 1, but for rounding that has no order to report.
    assert np.isnan(found["spearman_cka"])
    swapped = displacement.order_with_level([rows[0], rows[2], rows[1], rows[3]])
    assert swapped["spearman_euclidean"] == pytest.approx(-0.8)
    still = displacement.order_with_level([rows[0]] * 3)
    assert np.isnan(still["spearman_euclidean"])


def test_debiased_cka_of_unrelated_points_is_nothing_however_few():
    rng = np.random.default_rng(0)
    found = [displacement.debiased_cka(*rng.normal(size=(2, 24, 753))) for _ in range(100)]
    # Plain CKA of the same points is 0.97.
    assert np.mean(found) == pytest.approx(0, abs=0.01)
    points = draw(24, 30)
    turned = 3 * points @ ortho_group.rvs(30, random_state=0) + 5
    assert displacement.debiased_cka(points, turned) == pytest.approx(1, abs=1e-12)
    assert np.isnan(displacement.debiased_cka(points[:3], points[:3]))
    assert np.isnan(displacement.debiased_cka(points, 0 * points + 0.1))


def test_debiased_cka_is_the_unbiased_hsic_of_song():
    first, second = draw(12, 6), draw(12, 9, seed=1)

    def hsic(one, other):
        n = len(one)
        a, b = (points @ points.T * (1 - np.eye(n)) for points in (one, other))
        sums = np.trace(a @ b), a.sum() * b.sum() / (n - 1) / (n - 2), (a @ b).sum()
        return (sums[0] + sums[1] - 2 / (n - 2) * sums[2]) / n / (n - 3)

    expected = hsic(first, second) / np.sqrt(hsic(first, first) * hsic(second, second))
    assert displacement.debiased_cka(first, second) == pytest.approx(expected, rel=1e-9)


def test_kad_of_two_gaussians_is_that_of_their_kernel():
    """With a bandwidth b of the kernel, 2 (b^2 / (b^2 + 2))^(d/2) (1 - exp(-t^2 / 2 (b^2 + 2)))."""
    rng = np.random.default_rng(0)
    dimension, step = 10, 3.0
    found = []
    for _ in range(200):
        first, second = rng.normal(size=(2, 24, dimension))
        second[:, 0] += step
        found.append(displacement.kernel_distance(first, second))
    # The median distance of two points: the square is twice a chi-squared variable.
    squared = 2 * stats.chi2.median(dimension)
    expected = 2 * (squared / (squared + 2)) ** (dimension / 2)
    expected *= 1 - np.exp(-(step**2) / 2 / (squared + 2))
    assert np.mean(found) == pytest.approx(expected, rel=0.02)


def test_kad_where_nothing_moves_is_nothing():
    points = draw(24, 100)
    assert displacement.kernel_distance(points, points.copy()) == pytest.approx(0, abs=1e-12)
    assert displacement.kernel_distance(points, points + 1e-9) == pytest.approx(0, abs=1e-9)
    assert np.isnan(displacement.kernel_distance(0 * points, points))
    assert np.isnan(displacement.kernel_distance(points[:1], points[:1]))
    noise = np.random.default_rng(1)
    nothing = [displacement.kernel_distance(*noise.normal(size=(2, 24, 753))) for _ in range(100)]
    assert np.mean(nothing) == pytest.approx(0, abs=2 * np.std(nothing) / 10 + 1e-4)
