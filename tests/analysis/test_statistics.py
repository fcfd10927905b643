"""What chance gives."""

import numpy as np
import pytest

from embedding_sensitivity.analysis import cca, ridge, statistics
from embedding_sensitivity.analysis.correlation import project, spearman, squared_spearman


def noise(n_levels, n_clips, dimension, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_levels, n_clips, dimension)).astype(np.float32).astype(float)


def draw_targets(null, n_levels, groups, n_draws, *names):
    recordings, recording_of = np.unique(np.asarray(groups), return_inverse=True)
    orders = statistics.draw_orders(null, n_levels, recordings, n_draws, *names)
    return statistics.targets_of(orders, recording_of)


def plain_null(effected, groups, *names):
    """One least-squares fit for each permutation, as `global_cca` is defined."""
    n_levels, _, dimension = effected.shape
    points = effected.reshape(-1, dimension)
    inverse = np.linalg.pinv(points - points.mean(axis=0), rcond=cca.CUT)
    targets = draw_targets("recording", n_levels, groups, statistics.N_DRAWS_R2, *names)
    found = []
    for target in targets.reshape(len(targets), -1):
        direction = cca.orient(inverse @ target)
        found.append(squared_spearman(project(points, direction), target))
    return np.array(found)


def pairs(n_clips):
    """Recordings of two clips."""
    return [f"r{clip // 2}" for clip in range(n_clips)]


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
    groups = pairs(effected.shape[1])
    found = statistics.null_r2(effected, groups, "x")
    expected = plain_null(effected, groups, "x")
    assert len(found) >= 200
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("dimension", "floor"), [(512, 0.15), (1024, 0.32), (2048, 0.63)])
def test_the_null_of_white_noise_is_the_known_floor(dimension, floor):
    """Spec section 7, at N = 288 clips and P = 12 levels.

    Its numbers are of single draws, which vary by 0.01. The expected squared correlation is
    d / (N P - 1), and that of ranks close to it. R2 of the true levels is no other.
    """
    effected = noise(12, 288, dimension)
    null = statistics.null_r2(effected, range(288))
    assert null.mean() == pytest.approx(floor, abs=0.025)
    assert null.mean() == pytest.approx(dimension / (12 * 288 - 1), abs=0.02)
    assert null.std() < 0.02
    direction, _ = cca.global_cca(effected)
    levels = np.repeat(cca.unit_levels(12), 288)
    r2 = squared_spearman(project(effected, direction).ravel(), levels)
    assert null.min() - 0.01 < r2 < null.max() + 0.01


def test_the_null_of_a_saturated_fit_is_1_by_identity():
    assert (statistics.null_r2(noise(4, 6, 23), pairs(6)) == 1).all()
    assert (statistics.null_r2(noise(4, 6, 22), pairs(6)) < 1).all()


def test_the_null_of_what_moves_nothing_is_undefined():
    effected = np.broadcast_to(noise(1, 1, 5), (4, 6, 5))
    assert np.isnan(statistics.null_r2(effected, pairs(6))).all()


def test_each_null_permutes_what_it_says():
    groups = ["b", "a", "b", "c"]
    levels = cca.unit_levels(5) - 0.5
    for null in statistics.NULLS:
        drawn = draw_targets(null, 5, groups, 400)
        assert drawn.shape == (400, 5, 4)
        np.testing.assert_array_equal(np.sort(drawn, axis=1)[..., 0], [levels] * 400)
        # Clips of a recording alike; the order of clips is without meaning.
        np.testing.assert_array_equal(drawn[..., 0], drawn[..., 2])
        again = draw_targets(null, 5, groups[::-1], 400)
        np.testing.assert_array_equal(again, drawn[..., ::-1])
        alike = (drawn[..., 0] == drawn[..., 1]).all(axis=1)
        n_orders = len(np.unique(drawn[..., 0], axis=0))
        if null == "common":
            assert alike.all() and n_orders > 100
        elif null == "recording":
            assert alike.sum() < 20 and n_orders > 100
        else:
            assert 150 < alike.sum() < 250 and n_orders == 2


def test_every_statistic_is_that_of_a_new_fit():
    """Training and test clips permuted alike, the regularised direction with its penalty."""
    effected = noise(6, 20, 30) + np.arange(6)[:, None, None] / 4
    training, test = effected[:, :12], effected[:, 12:]
    groups = pairs(20)
    found = statistics.null_statistics(training, test, groups[:12], groups[12:], 0.1)
    assert len(found) == 9
    levels = np.broadcast_to(cca.unit_levels(6)[:, None], (6, 20))
    for null in statistics.NULLS:
        drawn = draw_targets(null, 6, groups, 200)
        centre = null == "reversal"
        points = [each - each.mean(axis=0) if centre else each for each in (training, test)]
        flat, flat_test = (each.reshape(-1, 30) for each in points)
        penalty = 0.1
        if centre:
            _, penalty = ridge.fit_ridge(points[0], groups[:12])
        fit = cca.LeastSquares(flat)
        for index, targets in [(-1, levels - 0.5), *enumerate(drawn[:5])]:
            own, others = targets[:, :12].ravel(), targets[:, 12:].ravel()
            exact = fit.solve(own)
            expected = {
                "r2": squared_spearman(project(flat, exact), own),
                "r2_test": squared_spearman(project(flat_test, exact), others),
                "rho_ridge": spearman(
                    project(flat_test, ridge.Ridge(fit, penalty).solve(own)), others
                ),
            }
            for name, value in expected.items():
                observed, draws = found[name, null]
                assert len(draws) == (999 if name == "rho_ridge" else 200)
                assert (observed if index < 0 else draws[index]) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("shared", [True, False])
def test_what_labels_share_is_permuted_alike_in_all_of_them(shared):
    """Places of levels, and recordings: then the mean varies as one label does."""
    effected = noise(6, 12, 12)
    found = []
    for label in range(8):
        points = effected + 0.01 * noise(6, 12, 12, seed=label)
        names = [f"{group}{'' if shared else label}" for group in pairs(12)]
        parts = points[:, :6], points[:, 6:], names[:6], names[6:]
        found.append(statistics.null_statistics(*parts, 0.1))
    means = statistics.mean_over_labels(found)
    for null in statistics.NULLS:
        key = "rho_ridge", null
        ratio = means[key][1].std() / found[0][key][1].std()
        if shared or null == "common":
            assert ratio == pytest.approx(1, rel=0.05)
        else:
            assert ratio < 0.6


def test_a_saturated_fit_and_a_label_without_test_clips_lack_what_is_undefined():
    effected = noise(4, 9, 40)
    found = statistics.null_statistics(effected[:, :6], effected[:, 6:], pairs(6), "abc", 1)
    assert {name for name, _ in found} == {"r2_test", "rho_ridge"}
    found = statistics.null_statistics(noise(4, 30, 5), noise(4, 0, 5), pairs(30), [], 1)
    assert {name for name, _ in found} == {"r2"}
    row = statistics.null_row("common", 4, *found["r2", "common"])
    assert "p" not in row and row["n_draws"] == 200
    assert statistics.null_row("common", 5, *found["r2", "common"])["p"] > 0


def test_p_values_count_the_observed_value_and_ties():
    draws = np.array([0.1, 0.2, 0.3, 0.3])
    assert statistics.p_value(0.3, draws) == 3 / 5
    assert statistics.p_value(0.4, draws) == 1 / 5
    assert np.isnan(statistics.p_value(np.nan, draws))
    rows = [{"p": "0.01", "k": 1}, {"p": 0.02, "k": 1}, {"p": 0.5, "k": 2}, {"p": "", "k": 1}, {}]
    statistics.adjust_p_values(rows[:4], "p", "q", ["k"])
    assert [row.get("q") for row in rows] == [0.02, 0.02, 0.5, None, None]


def test_the_mean_over_labels_is_drawn_with_the_labels():
    labels = [{("rho_ridge", "common"): (value, np.full(3, value))} for value in (0.2, 0.6)]
    ((key, (observed, draws)),) = statistics.mean_over_labels(labels).items()
    assert key == ("rho_ridge", "common") and observed == 0.4
    np.testing.assert_allclose(draws, 0.4)
    assert statistics.mean_over_labels([*labels, {}]) == {}


def test_random_numbers_depend_on_names_alone():
    first = statistics.generator("cello", "null").random(3)
    statistics.generator("flute", "null").random(100)
    np.testing.assert_array_equal(statistics.generator("cello", "null").random(3), first)
    assert not (statistics.generator("cello", "test").random(3) == first).any()
    assert not (statistics.generator("cellonull").random(3) == first).any()
