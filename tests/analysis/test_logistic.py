"""The logistic optimum against scikit-learn's solvers and its own optimality condition."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from embedding_sensitivity.analysis.classifiers import logistic
from embedding_sensitivity.analysis.classifiers.classification import PENALTIES
from embedding_sensitivity.files.errors import InputError


def draw(n_samples=30, dimension=60, n_problems=2, seed=0, scale=1.0, mean=0.0):
    rng = np.random.default_rng(seed)
    positive = np.arange(n_samples) < n_samples // 3
    points = rng.normal(size=(n_problems, n_samples, dimension))
    points[:, positive] += 0.5 * rng.normal(size=dimension)
    return scale * points + mean, positive


def grams(points):
    return points @ points.transpose(0, 2, 1)


def fit(gram, positive, penalties, solver="exact"):
    """Duals (B, M, n) of B problems, from their Gram matrices; penalties (M,) or (B, M)."""
    penalties = np.broadcast_to(penalties, (len(gram), np.shape(penalties)[-1]))
    return np.stack(
        [
            logistic.fit(kernel, logistic.root_of(kernel), positive, chosen, solver)
            for kernel, chosen in zip(gram + 1, penalties, strict=True)
        ]
    )


def distance(points, positive, dual, penalty):
    """Distance of one problem's w to the optimum, relative to |w|: the next Newton step's length.

    In the primal, from the samples themselves, so that it shares nothing with the solver.
    """
    signs = np.where(positive, 1.0, -1.0)
    rows = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    weights = dual @ rows
    probability = expit(-signs * (rows @ weights))
    pull = penalty * logistic.balanced_weights(positive) * probability
    gradient = weights - (pull * signs) @ rows
    hessian = np.eye(rows.shape[1]) + (rows.T * (pull * (1 - probability))) @ rows
    return np.linalg.norm(np.linalg.solve(hessian, gradient)) / np.linalg.norm(weights)


def rounding(points, positive, dual, penalty):
    """How far w moves, relative to |w|, where each decision value's terms are rounded once.

    Where the a's of w cancel, as those of few and long samples in few dimensions at the largest C
    do, that is more than 1e-9.
    """
    rows = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    weights = dual @ rows
    moved = np.finfo(float).eps * np.abs(rows @ rows.T) @ np.abs(dual)
    probability = expit(-np.where(positive, 1.0, -1.0) * (rows @ weights))
    slope = penalty * logistic.balanced_weights(positive) * probability * (1 - probability)
    hessian = np.eye(rows.shape[1]) + (rows.T * slope) @ rows
    step = np.linalg.solve(hessian, (rows.T * slope) @ moved)
    return np.linalg.norm(step) / np.linalg.norm(weights)


@pytest.mark.parametrize("dimension", [3, 60])
def test_optimum_is_that_of_a_tight_scikit_learn_fit(dimension):
    points, positive = draw(dimension=dimension)
    duals = fit(grams(points), positive, np.array(PENALTIES))
    rows = np.concatenate([points[0], np.ones((len(positive), 1))], axis=1)
    for index in (0, 4, 8, 11):
        model = LogisticRegression(
            C=PENALTIES[index],
            class_weight="balanced",
            fit_intercept=False,
            solver="newton-cholesky",
            tol=1e-12,
            max_iter=1000,
        ).fit(rows, positive)
        weights = duals[0, index] @ rows
        assert np.linalg.norm(weights - model.coef_[0]) <= 1e-8 * np.linalg.norm(weights)


@settings(max_examples=20, deadline=None)
@example(seed=0, n_samples=14, dimension=1, scale=30.0, mean=0.0)
@given(
    seed=st.integers(0, 2**16),
    n_samples=st.integers(6, 40),
    dimension=st.integers(1, 80),
    scale=st.sampled_from([1e-3, 0.1, 1.0, 30.0]),
    mean=st.sampled_from([0.0, 3.0]),
)
def test_every_penalty_is_solved_to_1e_9(seed, n_samples, dimension, scale, mean):
    points, positive = draw(n_samples, dimension, 3, seed, scale, scale * mean)
    duals = fit(grams(points), positive, np.array(PENALTIES))
    for problem, index in np.ndindex(3, len(PENALTIES)):
        given = points[problem], positive, duals[problem, index], PENALTIES[index]
        assert distance(*given) <= 1e-9 + rounding(*given)


@pytest.mark.parametrize(("scale", "mean"), [(1.0, 0.0), (1.0, -40.0), (0.01, 1.0)])
def test_more_samples_than_dimensions_are_solved_to_1e_9(scale, mean):
    """No classifier separates these, and the a's of w cancel: log-mel statistics are so."""
    points, positive = draw(300, 64, 1, scale=scale, mean=mean)
    duals = fit(grams(points), positive, np.array(PENALTIES))[0]
    for dual, penalty in zip(duals, PENALTIES, strict=True):
        assert distance(points[0], positive, dual, penalty) <= 1e-9


def test_a_problem_does_not_depend_on_its_neighbours_or_on_the_warm_start():
    points, positive = draw(n_problems=5)
    gram = grams(points)
    together = fit(gram, positive, np.array(PENALTIES))
    alone = fit(gram[3:4], positive, np.array(PENALTIES))
    np.testing.assert_allclose(together[3], alone[0], rtol=0, atol=1e-8 * np.abs(alone).max())
    cold = fit(gram, positive, np.array([[c] for c in (1e-6, 1e-2, 1, 10, 1e3)]))
    for problem, index in enumerate((2, 6, 8, 9, 11)):
        expected = together[problem, index]
        np.testing.assert_allclose(
            cold[problem, 0], expected, rtol=0, atol=1e-8 * np.abs(expected).max()
        )


def test_guesses_and_the_root_change_no_optimum():
    points, positive = draw(n_samples=60, dimension=30, n_problems=2)
    kernels = grams(points) + 1
    plain = fit(kernels - 1, positive, np.array(PENALTIES))
    rows = np.concatenate([points[1], np.ones((60, 1))], axis=1)
    junk = np.random.default_rng(1).normal(size=plain[0].shape)
    for guesses in ([plain[0]], [junk, plain[1], plain[1]], [np.zeros_like(junk)]):
        found = logistic.fit(kernels[1], rows, positive, PENALTIES, guesses=guesses)
        for dual, expected, penalty in zip(found, plain[1], PENALTIES, strict=True):
            assert distance(points[1], positive, dual, penalty) <= 1e-9
            apart = np.linalg.norm((dual - expected) @ rows)
            assert apart <= 1e-9 * np.linalg.norm(expected @ rows)


@pytest.mark.parametrize("scale", [0.01, 1, 30])
def test_a_caller_is_told_a_true_bound_and_can_settle_for_less(scale):
    points, positive = draw(n_samples=60, dimension=30, n_problems=1, scale=scale)
    kernel = grams(points)[0] + 1
    rows = np.concatenate([points[0], np.ones((60, 1))], axis=1)
    told = []

    def settled(dual, error):
        told.append((dual.copy(), error))
        return False

    for penalty in PENALTIES:
        expected = logistic.fit(kernel, rows, positive, [penalty])
        told.clear()
        found = logistic.fit(kernel, rows, positive, [penalty], settled=settled)
        np.testing.assert_array_equal(found, expected)
        assert told
        for dual, error in told:
            apart = np.linalg.norm((dual - expected[0]) @ rows)
            assert apart <= error + 1e-9 * np.linalg.norm(expected[0] @ rows)
    first = []
    found = logistic.fit(
        kernel, rows, positive, PENALTIES, settled=lambda dual, error: not first.append(dual)
    )
    np.testing.assert_array_equal(found, np.array(first))


def test_root_of_dependent_samples_has_their_rank():
    points, _ = draw(n_samples=30, dimension=60, n_problems=1)
    points[0, [7, 19]] = points[0, 3]
    for rows, rank in ((points[0, :, :10], 10), (points[0], 28)):
        kernel = rows @ rows.T
        root = logistic.root_of(kernel)
        assert (np.linalg.norm(root, axis=0) > 0).sum() == rank
        np.testing.assert_allclose(root @ root.T, kernel, atol=1e-12 * kernel.max())


def test_samples_that_are_all_the_same_give_a_flat_classifier():
    positive = np.arange(12) < 6
    for value in (0.0, 1 / 3):
        points = np.full((1, 12, 50), value)
        duals = fit(grams(points), positive, np.array(PENALTIES))
        assert np.isfinite(duals).all()
        np.testing.assert_allclose((grams(points) + 1) @ duals[0].T, 0, atol=1e-6)


def test_what_is_not_the_optimum_is_not_returned(monkeypatch):
    monkeypatch.setattr(logistic, "MAX_ITERATIONS", 2)
    points, positive = draw()
    with pytest.raises(InputError, match="not at its optimum after 2 steps") as caught:
        fit(grams(points), positive, np.array(PENALTIES))
    # A key that the config has (tests/workflow/test_config.py).
    assert "set debiasing.classifier.solver: liblinear" in str(caught.value)


@pytest.mark.parametrize("scale", [1e-4, 1e4, 1e7])
def test_any_scale_reaches_its_optimum(scale):
    points, positive = draw(scale=scale)
    for dual, penalty in zip(fit(grams(points), positive, PENALTIES)[0], PENALTIES, strict=True):
        assert distance(points[0], positive, dual, penalty) <= 1e-9


def test_class_weights_are_scikit_learns():
    positive = np.array([True, False, False, False])
    np.testing.assert_allclose(logistic.balanced_weights(positive), [2, 2 / 3, 2 / 3, 2 / 3])
    with pytest.raises(ValueError, match="both classes"):
        logistic.balanced_weights(np.ones(3, bool))


def test_liblinear_is_scikit_learns_with_its_penalised_intercept():
    points, positive = draw(n_samples=30, dimension=8, n_problems=1)
    duals = fit(grams(points), positive, np.array([0.01, 1.0]), "liblinear")
    for index, penalty in enumerate((0.01, 1.0)):
        model = LogisticRegression(C=penalty, solver="liblinear", class_weight="balanced")
        model.fit(points[0], positive)
        found = (points[0] @ points[0].T + 1) @ duals[0, index]
        np.testing.assert_allclose(found, model.decision_function(points[0]), atol=1e-6)
        exact = fit(grams(points), positive, np.array([penalty]))
        assert np.abs(duals[0, index] - exact[0, 0]).max() > 1e-9


def test_an_unknown_solver_is_refused():
    points, positive = draw()
    with pytest.raises(ValueError, match="saga"):
        fit(grams(points), positive, np.array([1.0]), "saga")
