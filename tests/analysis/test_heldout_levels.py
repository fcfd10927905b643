"""R2 on levels that the direction was not fitted to."""

from itertools import permutations

import numpy as np
import pytest

from embedding_sensitivity.analysis import cca, heldout_levels
from embedding_sensitivity.analysis.correlation import ordered_r2


def noise(n_levels, n_clips, dimension, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_levels, n_clips, dimension)).astype(np.float32).astype(float)


@pytest.mark.parametrize("n_levels", range(4, 36))
def test_folds_hold_out_every_level_once_and_keep_the_mean(n_levels):
    folds = heldout_levels.level_folds(n_levels)
    np.testing.assert_array_equal(np.sum(folds, axis=0), 1)
    assert len(folds) == (2 if n_levels == 4 else 3)
    for held in folds:
        assert cca.unit_levels(n_levels)[~held].mean() == pytest.approx(0.5, abs=1e-15)
        assert (~held).sum() >= 2


def plain_predictions(training, test):
    """pinv, level by level, of points (P, N, d) and (P, n, d)."""
    targets = cca.unit_levels(len(training))
    predicted = np.empty(test.shape[:2])
    for held in heldout_levels.level_folds(len(training)):
        points = training[~held].reshape(-1, training.shape[-1])
        wanted = np.repeat(targets[~held], training.shape[1])
        mean = points.mean(axis=0)
        weights = np.linalg.pinv(points - mean, rcond=cca.CUT) @ (wanted - wanted.mean())
        for level in np.flatnonzero(held):
            predicted[level] = wanted.mean() + (test[level] - mean) @ weights
    return predicted


@pytest.mark.parametrize("dimension", [10, 200])
def test_predictions_are_least_squares_of_the_other_levels(dimension):
    training, test = noise(7, 9, dimension), noise(7, 4, dimension, seed=1)
    course = np.linspace(0, 1, 7)[:, None, None] * noise(1, 1, dimension, seed=2)[0, 0]
    training, test = training + course, test + course
    expected = ordered_r2(
        plain_predictions(training, test).ravel(), np.repeat(cca.unit_levels(7), 4)
    )
    assert heldout_levels.global_r2(training, test) == pytest.approx(expected, abs=1e-12)


def plain_own_predictions(clip):
    """Of a clip's own points (P, d): ridge of each fold, then the curve through the kept levels."""
    targets = cca.unit_levels(len(clip))
    predicted = np.empty(len(clip))
    for held in heldout_levels.level_folds(len(clip)):
        points = clip[~held] - clip[~held].mean(axis=0)
        penalty = heldout_levels.PENALTY * np.linalg.norm(points, 2) ** 2
        squares = points.T @ points + penalty * np.eye(points.shape[1])
        weights = np.linalg.solve(squares, points.T @ (targets[~held] - 0.5))
        kept = sorted(clip[~held] @ weights)
        for level in np.flatnonzero(held):
            place = clip[level] @ weights
            beyond = min(place - kept[0], 0) + max(place - kept[-1], 0)
            curve = np.interp(place, kept, targets[~held]) + targets[1] * np.sign(beyond)
            predicted[level] = curve + beyond / (kept[-1] - kept[0])
    return predicted


@pytest.mark.parametrize("dimension", [3, 10, 200])
def test_a_clips_levels_are_read_off_between_its_other_levels(dimension):
    effected = noise(7, 9, dimension)
    effected += np.linspace(0, 1, 7)[:, None, None] * noise(1, 1, dimension, seed=2)[0, 0]
    effected[3, 4] = effected[2, 4]  # equal points
    found = heldout_levels.predict_levels(effected)
    for clip in range(9):
        np.testing.assert_allclose(found[clip], plain_own_predictions(effected[:, clip]), atol=1e-9)


@pytest.mark.parametrize(("n_levels", "dimension"), [(6, 24), (12, 8), (12, 64), (31, 24)])
@pytest.mark.parametrize("unit", [1e-6, 1, 1e6])
def test_a_curved_response_along_one_line_is_in_order(n_levels, dimension, unit):
    """As gain in dB of a linear model: levels differ by 178. Noise is far below each step."""
    level = np.linspace(0, 1, n_levels)[:, None, None]
    for course in (level**2, 10 ** (2.25 * level), -np.exp(-3 * level)):
        effected = course / np.ptp(course) * noise(1, 1, dimension)[0]
        effected = unit * (effected + 1e-5 * noise(n_levels, 20, dimension, seed=1))
        assert heldout_levels.samplewise_rho(effected).mean() > 0.95


def test_a_straight_course_is_read_off_at_levels_never_seen():
    course = np.arange(12.0)[:, None, None] * noise(1, 1, 30)[0, 0]
    training, test = (course + noise(1, 8, 30, seed) for seed in (1, 2))
    perfect_order = 1 - 1 / 12**2
    assert heldout_levels.global_r2(training, test) == pytest.approx(perfect_order, abs=1e-3)
    np.testing.assert_allclose(heldout_levels.samplewise_r2(training), 1)


@pytest.mark.parametrize("n_levels", [6, 12, 31])
def test_noise_is_not_read_off(n_levels):
    """In neither order: leaving levels out one by one would give correlations of -1."""
    effected = noise(n_levels, 500, 300)
    assert heldout_levels.samplewise_r2(effected).mean() < 1 / (n_levels - 1)
    training, test = noise(n_levels, 20, 50), noise(n_levels, 20, 50, seed=1)
    assert heldout_levels.global_r2(training, test) < 0.05
    assert abs(heldout_levels.samplewise_rho(effected).mean()) < 0.06


def test_levels_in_the_wrong_order_are_not_explained():
    """Training clips go one way, test clips the other."""
    course = np.arange(6.0)[:, None, None] * noise(1, 1, 30)[0, 0]
    training, test = course + noise(1, 8, 30, 1), noise(1, 8, 30, 2) - course
    assert heldout_levels.global_r2(training, test) == 0


def test_what_cannot_be_said_is_not_said():
    assert heldout_levels.global_r2(noise(3, 5, 9), noise(3, 5, 9)) is None
    assert heldout_levels.samplewise_r2(noise(3, 5, 9)) is None
    assert heldout_levels.global_r2(noise(6, 5, 9), noise(6, 0, 9)) is None
    still = noise(6, 4, 9)
    still[:, 2] = still[0, 2]
    np.testing.assert_array_equal(
        np.isnan(heldout_levels.samplewise_r2(still)), [False, False, True, False]
    )
    still[:] = still[0, 0]
    assert np.isnan(heldout_levels.global_r2(still, still))


@pytest.mark.parametrize("n_levels", [4, 5, 6])
def test_levels_that_do_nothing_are_in_no_order_on_average(n_levels):
    """Over all orders of a clip's points the mean is exactly 0; rho's is not."""
    points = noise(n_levels, 1, 30)[:, 0]
    orders = np.array(list(permutations(range(n_levels))))
    predicted = heldout_levels.predict_levels(points[orders].transpose(1, 0, 2))
    order = heldout_levels.compare_mirrored_levels(predicted)
    assert order.mean() == pytest.approx(0, abs=1e-12) and order.std() > 0.5
    assert abs(heldout_levels.correlate_predictions(predicted).mean()) > 1e-4


def test_mirrored_levels_count_by_their_distance():
    predicted = np.array([[0, 1, 2, 3, 4, 5], [5, 1, 2, 3, 4, 0], [0, 1, 3, 2, 4, 5], [7] * 6])
    found = heldout_levels.compare_mirrored_levels(predicted)
    np.testing.assert_allclose(found, [1, (-5 + 3 + 1) / 9, (5 + 3 - 1) / 9, np.nan])


def test_distance_grows_with_the_level_in_whatever_direction():
    level, random = np.arange(7.0)[:, None, None], noise(7, 5, 400)
    start = noise(1, 5, 400, seed=1)
    growth = heldout_levels.distance_growth
    np.testing.assert_allclose(growth(start + level * random), 1)  # scattered
    np.testing.assert_allclose(growth(start - level * random[:1]), 1)  # along a line
    np.testing.assert_allclose(growth(start + (6 - level) * random), -1)  # less with the level
    orders = noise(4, 1, 9)[np.array(list(permutations(range(4))))][:, :, 0]
    assert growth(orders.transpose(1, 0, 2)).mean() == pytest.approx(0, abs=1e-12)
    assert np.isnan(growth(np.repeat(start, 4, axis=0))).all() and growth(random[:2]) is None
