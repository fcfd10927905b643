"""The regularised direction, against scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge as ScikitRidge
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from embedding_sensitivity.analysis import ridge
from embedding_sensitivity.analysis.cca import LeastSquares, unit_levels
from embedding_sensitivity.analysis.correlation import project, spearman


def draw(n_levels=6, n_clips=16, dimension=10, noise=0.5, seed=0):
    """x = a_i + y v + e with isotropic e; effected (P, N, d) and v."""
    rng = np.random.default_rng(seed)
    v = rng.normal(size=dimension)
    clips = rng.normal(size=(n_clips, dimension))
    levels = unit_levels(n_levels)[:, None, None]
    return clips + levels * v + noise * rng.normal(size=(n_levels, n_clips, dimension)), v


GROUPS = [f"r{clip // 2}" for clip in range(16)]


@pytest.mark.parametrize("dimension", [1, 10, 94, 95, 300])
def test_the_penalty_and_the_direction_are_scikit_learns(dimension):
    """Both below and above as many dimensions as points, some of them constant or scaled."""
    effected, _ = draw(dimension=dimension)
    effected *= np.geomspace(1e-3, 1, dimension)
    effected[..., dimension // 2 + 1 :: 7] = 0.3
    points, targets = effected.reshape(-1, dimension), np.repeat(unit_levels(6), 16)
    n_varying = (np.ptp(points, axis=0) > 0).sum()
    scale = ((points - points.mean(axis=0)) ** 2).sum() / min(95, n_varying)
    folds = PredefinedSplit(np.tile(ridge.recording_folds(GROUPS), 6))
    search = GridSearchCV(
        ScikitRidge(solver="svd"),
        {"alpha": ridge.PENALTIES * scale},
        scoring="neg_mean_squared_error",
        cv=folds,
    ).fit(points, targets)
    weights, penalty = ridge.fit_ridge(effected, GROUPS)
    assert penalty * scale == pytest.approx(search.best_params_["alpha"])
    expected = search.best_estimator_.coef_
    np.testing.assert_allclose(weights, expected, atol=1e-9 * np.abs(expected).max())


def test_isotropic_noise_gives_the_common_direction():
    """x = a_i + y v + e: w is proportional to v, rho that of two normal variables (closed form)."""
    effected, v = draw(n_clips=1500, dimension=5, seed=1)
    weights, _ = ridge.fit_ridge(effected, [str(clip) for clip in range(1500)])
    assert weights @ v / np.linalg.norm(weights) / np.linalg.norm(v) > 0.999
    fresh, _ = draw(n_clips=3000, dimension=5, seed=2)
    fresh += unit_levels(6)[:, None, None] * (v - draw(n_clips=1, dimension=5, seed=2)[1])
    along = project(fresh, weights)
    found = spearman(along.ravel(), np.repeat(unit_levels(6), 3000))
    # <v, x> / |v| is normal about |v| y with variance 1 + 0.25.
    rng = np.random.default_rng(0)
    levels = np.repeat(unit_levels(6), 20000)
    ideal = np.linalg.norm(v) * levels + np.sqrt(1.25) * rng.normal(size=len(levels))
    assert found == pytest.approx(stats.spearmanr(ideal, levels).statistic, abs=0.02)


def test_a_saturated_fit_still_finds_the_direction():
    """A curved course in few of 753 dimensions: the exact fit weighs what is nearly rounding."""
    rng = np.random.default_rng(0)
    scales = np.r_[np.ones(20), np.full(733, 1e-6)]
    v = np.r_[rng.normal(size=20), np.zeros(733)]

    def clips(n):
        noise = rng.normal(size=(6, n, 753)) + rng.normal(size=(n, 753))
        course = np.array([0, 0.1, 0.2, 2, 2.1, 2.2])[:, None, None] * v
        return (0.1 * noise * scales + course).astype(np.float32)

    training, test = clips(24).astype(float), clips(40).astype(float)
    weights, _ = ridge.fit_ridge(training, [f"{clip // 2}" for clip in range(24)])
    levels = np.repeat(unit_levels(6), 40)
    assert spearman(project(test, weights).ravel(), levels) > 0.95
    exact = LeastSquares(training.reshape(-1, 753)).solve(np.repeat(unit_levels(6), 24))
    assert spearman(project(test, exact).ravel(), levels) < 0.85


def test_folds_keep_recordings_together():
    groups = [f"r{n}" for n in (3, 1, 1, 2, 9, 5, 3, 7, 8, 4)]
    fold = ridge.recording_folds(groups)
    assert fold[0] == fold[6] and fold[1] == fold[2]
    assert sorted(np.bincount(fold[[0, 1, 3, 4, 5, 7, 8, 9]])) == [2, 2, 2, 2]
    order = np.random.default_rng(0).permutation(len(groups))
    np.testing.assert_array_equal(ridge.recording_folds([groups[i] for i in order]), fold[order])
    assert set(ridge.recording_folds(["a", "a", "b"])) == {0, 1}
    assert len(set(ridge.recording_folds(["a"] * 9))) == ridge.N_FOLDS


def test_what_does_not_move_has_no_direction():
    weights, _ = ridge.fit_ridge(np.ones((4, 6, 5)), list("aabbcc"))
    assert not weights.any()
    weights, penalty = ridge.fit_ridge(draw(n_clips=1)[0], ["a"])
    assert weights.any() and penalty == 1
