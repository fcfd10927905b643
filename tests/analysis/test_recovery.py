"""What debiasing takes away and regains, against closed forms."""

import matplotlib
import numpy as np
import pytest
from jobs import KINDS as FIGURES
from jobs import run_draw
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.special import ndtr
from test_classification import LABELS, LEVELS, Case
from test_figures import LONG, check_texts, effect_params

from embedding_sensitivity.analysis import directions
from embedding_sensitivity.analysis.cca import LeastSquares, unit_levels
from embedding_sensitivity.analysis.classifiers import maps, recovery
from embedding_sensitivity.analysis.classifiers.classification import roc_auc, train
from embedding_sensitivity.analysis.dimensionality import removed_share
from embedding_sensitivity.analysis.intervals import ClusteredAuc, quantile_t
from embedding_sensitivity.analysis.ridge import Ridge
from embedding_sensitivity.experiment.measures import METHODS, PAPER_METHODS, merge_style
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.recovery import describe_best, describe_gains, plot_recovery
from embedding_sensitivity.figures.style import EffectAxis, rc_of
from support.calibration import fill_tables
from support.worlds import World, simulate

P, N, D = 6, 24, 12
NEUTRAL = np.zeros(P, bool)


def world(seed=0, n_clips=N, dimension=D, noise=0.3, bend=2.0):
    """Originals (N, d), and clips at P levels: one curve for all, and noise."""
    rng = np.random.default_rng(seed)
    originals = rng.normal(size=(n_clips, dimension)) * np.geomspace(3, 0.3, dimension)
    course = np.linspace(0.2, 1, P)[:, None] * np.eye(dimension)[0] * bend
    course = course + np.linspace(0.2, 1, P)[:, None] ** 2 * np.eye(dimension)[1]
    effected = originals + course[:, None] + noise * rng.normal(size=(P, n_clips, dimension))
    return originals, effected


def fit(originals, effected):
    groups = [f"r{clip // 2}" for clip in range(len(originals))]
    reference = directions.reference_variances(originals)
    return directions.fit_label(effected, originals, NEUTRAL, reference, groups)


def map_of(method, originals, effected):
    return maps.fit_map(method, effected, originals, NEUTRAL, fit(originals, effected))


def ols_r2(points):
    """R2 of the least-squares fit of the level's rank to points (P, N, d)."""
    targets = np.repeat(unit_levels(len(points)) - 0.5, points.shape[1])
    fitted = LeastSquares(points.reshape(-1, points.shape[-1])).fitted(targets)
    return 1 - ((targets - fitted) ** 2).sum() / (targets**2).sum()


def test_leace_leaves_no_rank_in_training_clips():
    originals, effected = world()
    assert ols_r2(effected) > 0.05
    for method in ("leace_ols", "leace"):
        found = map_of(method, originals, effected)
        mapped = found.of_levels(effected)
        assert abs(ols_r2(mapped)) < 1e-10
        left = recovery.Refit(effected, 1e-3).residual(found, effected, ["r"] * N)
        assert left == {"residual": 0.0, "residual_low": None, "residual_high": None}


@pytest.mark.parametrize("dimension", [D, 200])
@pytest.mark.parametrize("method", ["none", "lda", "pca_absolute", "samplewise_cca_svd"])
def test_a_direction_is_fitted_anew_as_to_mapped_points(method, dimension):
    originals, effected = world(dimension=dimension)
    found = maps.fit_map(method, effected, originals, NEUTRAL, fit(originals, effected), 5)
    mapped = LeastSquares(found.of_levels(effected).reshape(-1, dimension))
    expected = Ridge(mapped, 1e-2).solve(np.repeat(unit_levels(P) - 0.5, N))
    np.testing.assert_allclose(
        recovery.Refit(effected, 1e-2).direction(found), expected, atol=1e-6 * abs(expected).max()
    )


def published_leace(points, targets):
    """The map of Belrose et al. (2023), theorem 4.2: I - W^+ P W, as matrix, of points (n, d)."""
    centred, targets = points - points.mean(axis=0), targets - targets.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(points))
    whitening = vectors / np.sqrt(values) @ vectors.T
    colouring = vectors * np.sqrt(values) @ vectors.T
    spanned = np.linalg.svd(whitening @ centred.T @ targets, full_matrices=False)[0]
    spanned = spanned[:, : np.linalg.matrix_rank(targets)]
    return np.eye(points.shape[1]) - colouring @ spanned @ spanned.T @ whitening


def test_leace_ols_is_the_published_map():
    originals, effected = world()
    targets = np.repeat(unit_levels(P), N)[:, None]
    matrix = published_leace(effected.reshape(-1, D), targets)
    mean = effected.mean(axis=(0, 1))
    expected = mean + (effected - mean) @ matrix.T
    mapped = map_of("leace_ols", originals, effected).of_levels(effected)
    np.testing.assert_allclose(mapped, expected, atol=1e-9)


def test_leace_of_levels_is_the_published_map_where_nothing_is_penalised():
    originals, effected = world()
    points = np.concatenate([originals[None], effected])
    classes = np.repeat(np.eye(P + 1), N, axis=0)
    centred = points.reshape(-1, D)
    covariances = (classes - classes.mean(axis=0)).T @ centred
    found = maps.leace_levels(points, 1e-13, P)
    rank = np.linalg.matrix_rank(covariances)
    assert len(found.writes) == rank == P
    matrix = published_leace(centred, classes)
    mean = points.mean(axis=(0, 1))
    np.testing.assert_allclose(
        found.of_levels(points), mean + (points - mean) @ matrix.T, atol=1e-6
    )


@pytest.mark.parametrize("dimension", [D, 500])
def test_leace_of_levels_makes_all_means_equal(dimension):
    originals, effected = world(dimension=dimension)
    found = map_of("leace_levels", originals, effected)
    means = found.of_levels(effected).mean(axis=1)
    expected = found.of_originals(originals).mean(axis=0)
    np.testing.assert_allclose(means, np.broadcast_to(expected, means.shape), atol=1e-9)


def test_leace_of_least_squares_is_undefined_where_the_fit_is_saturated():
    assert map_of("leace_ols", *world(dimension=300)) == maps.SATURATED
    assert isinstance(map_of("leace", *world(dimension=300)), maps.Projection)


def test_no_leace_of_a_direction_that_stretches_rounding():
    _, effected = world()
    covariance = maps.leace(effected, np.eye(D)[0], P).writes[0]
    across = np.linalg.svd(covariance[None])[2][-1]
    assert maps.leace(effected, across + 1e-5 * covariance, P) == maps.STRETCHES
    assert isinstance(maps.leace(effected, across + 1e-2 * covariance, P), maps.Projection)


def test_level_means_take_out_what_all_clips_share():
    originals, effected = world(noise=0.0)
    found = map_of("level_means", originals, effected)
    assert len(found.writes) == 2
    np.testing.assert_allclose(
        found.of_levels(effected), np.repeat(found.of_originals(originals)[None], P, 0), atol=1e-9
    )


def test_coral_gives_levels_the_mean_and_covariance_of_originals():
    originals, effected = world(n_clips=400)
    effected = originals.mean(axis=0) + 2.0 * (effected - effected.mean(axis=(0, 1)))
    found = maps.coral(effected, originals)
    mapped = found.of_levels(effected)
    ridge = originals.var(axis=0).mean() * np.eye(D)
    for before, after in zip(effected, mapped, strict=True):
        np.testing.assert_allclose(after.mean(axis=0), originals.mean(axis=0), atol=1e-9)
        # C -> A C A with A = (C0 + a)^1/2 (C + a)^-1/2 takes C + a to C0 + a.
        root = _power(np.cov(originals.T) + ridge, 0.5) @ _power(np.cov(before.T) + ridge, -0.5)
        np.testing.assert_allclose(np.cov(after.T), root @ np.cov(before.T) @ root.T, atol=1e-9)


def _power(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**power @ vectors.T


@pytest.mark.parametrize("method", ["lda", "leace", "leace_levels", "level_means", "coral"])
def test_a_classifier_of_mapped_points_is_one_of_points(method):
    originals, effected = world()
    found = map_of(method, originals, effected)
    weights = np.random.default_rng(1).normal(size=D)
    pulled, intercepts = found.pull_back(weights, 0.7)
    expected = [found.of_originals(originals) @ weights, *(found.of_levels(effected) @ weights)]
    points = [originals, *effected]
    for row, (values, at_level) in enumerate(zip(expected, points, strict=True)):
        np.testing.assert_allclose(
            at_level @ pulled[row] + intercepts[row], values + 0.7, atol=1e-9
        )


def test_energy_removed_is_1_of_all_and_negative_of_a_map_that_adds():
    displacements = np.random.default_rng(0).normal(size=(P, N, D))
    groups = [f"r{clip // 2}" for clip in range(N)]
    assert removed_share(displacements, 0 * displacements, groups)[0] == 1
    assert removed_share(displacements, 2 * displacements, groups)[0] == pytest.approx(-3)


def shifted(n_clips=4000, distance=1.5):
    """Scores N(0, 1), and N(distance, 1) of the label, shifted alike by c_p at each level."""
    rng = np.random.default_rng(0)
    shifts = np.array([0.0, 0.5, 1.5, 3.0])
    is_label = np.arange(n_clips) % 2 == 0
    scores = rng.normal(size=n_clips) + distance * is_label
    points = np.stack([scores, rng.normal(size=n_clips)], axis=1)
    points = points + shifts[:, None, None] * np.eye(2)[0]
    return points, shifts, is_label, [f"r{clip}" for clip in range(n_clips)]


def scored(points, is_label, groups):
    """No debiasing, and scores from which each level's shift is subtracted."""
    count = len(points)
    weights = np.repeat(np.eye(2)[:1], count, axis=0)
    shifts = points[:, 0, 0] - points[0, 0, 0]
    both = [recovery.Lines(weights, np.zeros(count)), recovery.Lines(weights, -shifts)]
    return recovery.Scored(both, points, is_label, groups)


def test_a_common_shift_moves_the_pooled_auc_and_none_within_a_level():
    points, shifts, is_label, groups = shifted()
    found = scored(points, is_label, groups)
    mean = ndtr((1.5 + shifts[:, None] - shifts) / np.sqrt(2)).mean()
    assert found.pooled[0] == pytest.approx(mean, abs=0.012)
    assert found.pooled[1] == pytest.approx(ndtr(1.5 / np.sqrt(2)), abs=0.012)
    rows = found.level_rows(2, ["original", "1", "2", "3"])[1]
    assert [row["gain"] for row in rows] == [0.0] * 4
    assert all(row["headroom"] == pytest.approx(0, abs=1e-9) for row in rows)
    row = recovery.describe_recovery([found.contrasts(1)], 6)
    assert row["recovered"] == pytest.approx(1)
    assert row["headroom_low"] < row["headroom"] < row["headroom_high"]
    assert row["recovered_low"] == pytest.approx(1) == row["recovered_high"]
    assert row["p"] < 1e-9


def test_pooled_aucs_are_scikit_learns_and_their_spread_is_that_of_recordings():
    points, _, is_label, groups = shifted(n_clips=60)
    groups = [f"r{clip // 4}" for clip in range(60)]
    found = scored(points, is_label, groups)
    scores = points[..., 0].ravel()
    assert found.pooled[0] == pytest.approx(float(roc_auc(np.tile(is_label, 4), scores)))
    # Of one level the pooled components are those of the level.
    clustered = ClusteredAuc(is_label, groups)
    one, parts = clustered.components(points[:1, :, 0])
    pooled, pooled_parts = clustered.components(np.repeat(points[:1, :, 0], 3, 0)[None])
    assert pooled[0] == pytest.approx(one[0])
    np.testing.assert_allclose(pooled_parts, parts, atol=1e-12)


def test_the_balanced_accuracy_is_that_of_the_answers():
    points, _, is_label, groups = shifted(n_clips=60)
    row = scored(points, is_label, groups).pooled_columns()[0]
    answers = points[..., 0] > 0
    expected = (answers[:, is_label].mean() + (~answers[:, ~is_label]).mean()) / 2
    assert row["balanced_accuracy"] == pytest.approx(expected)
    assert row["balanced_accuracy_low"] < expected < row["balanced_accuracy_high"]


def test_the_mean_over_labels_of_one_label_is_that_label():
    points, _, is_label, groups = shifted(n_clips=60)
    contrasts = scored(points, is_label, groups).contrasts(1)
    once = recovery.describe_recovery([contrasts], 6)
    twice = recovery.describe_recovery([contrasts] * 2, 6)
    # The same recordings tell nothing new, though the degrees of freedom add.
    for name in ("gain", "headroom", "recovered", "spread"):
        assert twice[name] == pytest.approx(once[name])


def training_set(n_clips=30, n_levels=4, dimension=8):
    rng = np.random.default_rng(0)
    positive = np.arange(n_clips) < n_clips // 2
    originals = rng.normal(size=(n_clips, dimension)) + positive[:, None]
    effected = originals + rng.normal(size=(n_levels, n_clips, dimension))
    return originals, effected, positive


@pytest.mark.parametrize("method", ["leace", "coral"])
def test_a_classifier_of_mapped_originals_is_trained_on_them(method):
    originals, effected = world()
    positive = np.arange(N) < N // 2
    none = train(originals[None], positive, [np.empty((0, D))])
    found = map_of(method, originals, effected)
    lines = recovery.train_mapped(originals, positive, found, none, "exact")
    given = found.of_originals(originals)
    expected = train(given[None], positive, [np.empty((0, D))])
    scores = originals @ lines.weights[0] + lines.intercepts[0]
    wanted = given @ expected.weights[0, 0] + expected.intercepts[0, 0]
    np.testing.assert_allclose(scores, wanted, atol=1e-7)


def test_classifiers_of_random_subspaces_see_nothing_of_them():
    originals, _, positive = training_set()
    bases = recovery.draw_bases(2, 8, "cello")
    lines = recovery.train_without(originals, positive, bases, 4, "exact")
    expected = train(originals[None], positive, bases)
    for index, (line, basis) in enumerate(zip(lines, bases, strict=True)):
        assert line.weights.shape == (5, 8)
        np.testing.assert_allclose(line.weights @ basis.T, 0, atol=1e-12)
        np.testing.assert_allclose(line.weights[3], expected.weights[0, index], atol=1e-12)


def test_augmentation_tests_no_level_that_it_trained_on():
    originals, effected, positive = training_set()
    found = recovery.train_augmented(originals, effected, positive, "exact")
    # The classifier that levels 0 and 2 are tested with was trained on level 1, the other was not.
    moved = effected.copy()
    moved[1] += np.random.default_rng(2).normal(size=moved[1].shape)
    other = recovery.train_augmented(originals, moved, positive, "exact")
    same = [np.array_equal(one, two) for one, two in zip(found.weights, other.weights, strict=True)]
    assert same == [False, False, True, False, True]
    assert recovery.train_augmented(originals, effected[:1], positive, "exact") is None


def test_random_subspaces_have_as_many_directions_and_depend_on_the_label_alone():
    one, two = (recovery.draw_bases(3, 20, label) for label in ("cello", "flute"))
    again = recovery.draw_bases(3, 20, "cello")
    assert len(one) == recovery.N_RANDOM and not recovery.draw_bases(0, 20, "cello")
    np.testing.assert_array_equal(one[0], again[0])
    assert abs(one[0] - two[0]).max() > 0.01
    np.testing.assert_allclose(one[0] @ one[0].T, np.eye(3), atol=1e-12)


def test_the_interval_of_the_recovered_share_holds_the_ratios_that_the_gain_allows():
    points, shifts, is_label, groups = shifted(n_clips=80)
    # Half of each shift is taken away.
    weights = np.repeat(np.eye(2)[:1], len(points), axis=0)
    lines = [recovery.Lines(weights, np.zeros(4)), recovery.Lines(weights, -shifts / 2)]
    found = recovery.Scored(lines, points, is_label, groups)
    gain, headroom, rest = found.contrasts(1)
    assert rest.value == pytest.approx(gain.value - headroom.value)
    row = recovery.describe_recovery([(gain, headroom, rest)], 6)
    assert 0 < row["recovered_low"] < row["recovered"] < row["recovered_high"] < 1
    t = quantile_t(min(gain.freedom, headroom.freedom))
    covariance = (gain.variance + headroom.variance - rest.variance) / 2
    for ratio in (row["recovered_low"], row["recovered_high"]):
        variance = gain.variance - 2 * ratio * covariance + ratio**2 * headroom.variance
        assert abs(gain.value - ratio * headroom.value) == pytest.approx(t * np.sqrt(variance))


def test_no_interval_of_a_share_of_headroom_that_is_not_clear():
    points, _, is_label, groups = shifted(n_clips=24)
    points[1:] = points[0] + 0.5 * np.random.default_rng(3).normal(size=points[1:].shape)
    found = scored(points, is_label, groups)
    row = recovery.describe_recovery([found.contrasts(1)], 6)
    assert row["headroom"] > recovery.MIN_HEADROOM and row["headroom_low"] < 0
    assert row["recovered"] is not None and row["recovered_low"] is None


def test_clips_of_a_recording_are_in_one_fold_and_the_labels_are_shared_out():
    groups = [f"r{clip // 2}" for clip in range(40)]
    positive = np.arange(40) < 8  # four recordings
    fold = recovery.assign_folds(groups, positive, "cello")
    assert all(len(set(fold[clip : clip + 2])) == 1 for clip in range(0, 40, 2))
    assert sorted(np.bincount(fold[positive])) == [2, 2, 4]
    assert np.bincount(fold).tolist() == [14, 14, 12]


def recordings_moved(alike):
    """Training clips of two labels, moved along one direction or each recording along its own."""
    rng = np.random.default_rng(4)
    n_clips, dimension = 120, 40
    positive = np.arange(n_clips) < 60
    groups = [f"r{clip // 2}" for clip in range(n_clips)]
    places = np.outer(positive, [1.2, 2.0] + [0.0] * (dimension - 2))
    originals = rng.normal(size=(n_clips, dimension)) + places
    own = rng.normal(size=(n_clips // 2, dimension)).repeat(2, axis=0)
    shift = np.tile(3 * np.eye(dimension)[0], (n_clips, 1)) if alike else own
    effected = originals + np.linspace(0.5, 4, P)[:, None, None] * shift
    effected += 0.1 * rng.normal(size=effected.shape)
    return originals, effected.astype("f4"), positive, groups


def cross_validated(originals, effected, positive, groups):
    fold = recovery.assign_folds(groups, positive, "cello")
    methods = ["none", "samplewise_cca_svd", "average_displacement"]
    given = originals, effected, NEUTRAL, positive, fold
    return recovery.cross_validate(*given, methods, [0.3], "exact")


def test_cross_validation_finds_the_method_that_takes_out_what_recordings_share():
    found = cross_validated(*recordings_moved(alike=True))
    assert found["average_displacement", None] > found["none", None] + 0.03


def test_cross_validation_is_not_taken_in_by_directions_of_recordings_it_was_fitted_to():
    originals, effected, positive, groups = recordings_moved(alike=False)
    found = cross_validated(originals, effected, positive, groups)
    # Fitted to all clips the directions take out what these clips do, of which new ones do nothing.
    fitted = fit(originals[positive], effected[:, positive])
    basis = fitted.subspaces["samplewise_cca_svd"]
    moved = (effected - originals)[:, positive]
    left = maps.project(basis, P).of_displacements(moved, originals[positive])
    assert removed_share(moved, left, groups[:60])[0] > 0.9
    assert found["samplewise_cca_svd", 0.3] < found["none", None] + 0.03


def test_no_cross_validation_of_clips_of_one_recording():
    originals, effected, positive, groups = recordings_moved(alike=True)
    groups = ["one" if own else group for own, group in zip(positive, groups, strict=True)]
    assert cross_validated(originals, effected, positive, groups) == {}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The tables of a run of the jobs on three labels."""
    made = Case(tmp_path_factory.mktemp("recovery") / "experiment")
    made.measure()
    made.classify(methods=list(METHODS), thresholds=[0.3, 0.5])
    return made


def rows_of(case, table):
    return read_table(case.folder / f"{table}.csv", table)


def test_every_method_has_a_row_and_each_level_an_auc(case):
    rows = rows_of(case, "recovery")
    assert len(rows) == len(LABELS) * (len(METHODS) + 1)
    for row in rows:
        # Of this world, whose clips move on lines, the least-squares direction is one of rounding.
        undefined = ["leace_ols"]
        assert (row["pooled_auc"] == "") == (row["method"] in undefined)
        assert (row["energy_removed"] == "") == (
            row["method"] in ("augmentation", "own_level", *undefined)
        )
        assert (row["gain"] == "") == (row["method"] in ("none", "leace_ols"))
    levels = rows_of(case, "recovery_levels")
    defined = [row for row in rows if row["pooled_auc"]]
    assert len(levels) == len(defined) * len(LEVELS)  # originals, and levels but the neutral one
    assert len(rows_of(case, "recovery_mean")) == len(METHODS) + 1


def test_aucs_within_levels_are_those_of_table_auc(case):
    expected = {
        (row["label"], row["method"], row["test"]): float(row["roc_auc"])
        for row in rows_of(case, "auc")
        if row["train"] == "original"
    }
    found = {
        (row["label"], row["method"], row["level"]): float(row["level_auc"])
        for row in rows_of(case, "recovery_levels")
    }
    assert expected
    for cell, area in expected.items():
        assert found[cell] == pytest.approx(area, abs=1e-12)


def test_own_level_is_the_classifier_of_each_level(case):
    expected = {
        (row["label"], row["test"]): float(row["roc_auc"])
        for row in rows_of(case, "auc")
        if row["method"] == "none" and row["train"] == row["test"]
    }
    for row in rows_of(case, "recovery_levels"):
        if row["method"] == "own_level":
            assert float(row["level_auc"]) == expected[row["label"], row["level"]]


def test_the_best_of_the_papers_methods_is_chosen_by_its_gain_on_training_recordings(case):
    means = [row for row in rows_of(case, "recovery_mean") if row["cv_auc"]]
    assert {row["method"] for row in means} == set(PAPER_METHODS)
    none = next(row for row in means if row["method"] == "none")
    best = max((row for row in means if row is not none), key=lambda row: float(row["cv_auc"]))
    (found,) = rows_of(case, "recovery_best")
    gain = float(best["cv_auc"]) - float(none["cv_auc"])
    assert float(found.pop("cv_gain")) == pytest.approx(gain, abs=1e-12)
    assert found == {name: best[name] for name in found}


def test_a_row_that_is_empty_says_why(case):
    for table in ("recovery", "recovery_mean"):
        for row in rows_of(case, table):
            assert bool(row["undefined"]) == (row["pooled_auc"] == "")
            assert row["undefined"] in ("", maps.SATURATED, maps.STRETCHES)


def test_where_nothing_is_clear_the_figure_says_so_with_the_smallest_gain(case):
    rows = rows_of(case, "recovery_mean")
    tested = [row for row in rows if row["p_adjusted"]]
    assert tested
    for row in tested:
        row["p_adjusted"] = "0.4"
    seen = [float(row["detectable_gain"]) for row in tested if float(row["detectable_gain"])]
    assert describe_gains(rows) == (
        f"None of {len(tested)} gains and losses is clear. The smallest that could have been seen: "
        f"{min(seen):.3f}; in half of the cells {np.median(seen):.3f} or less."
    )
    for p in ("0.01", "0.0"):
        tested[0] |= {"p_adjusted": p, "gain": "0.1"}
        assert describe_gains(rows) == f"1 of {len(tested)} gains and losses are clear."


def test_a_label_that_does_not_respond_is_in_no_mean():
    """The third label's clips stay where they are; the means are those of the two others."""
    options = {"methods": ["average_displacement", "lda"], "thresholds": [], "solver": "exact"}
    worlds = {label: World("straight", dimension=12, strength=2.0) for label in ("a", "b", "still")}
    data = simulate(worlds, (6, 2), (6, 2), np.random.default_rng(0))
    originals, effected = data.points
    still = [data.rows[clip] for side in (data.training, data.test) for clip in side["still"]]
    effected[:, still] = originals[still]
    given = {"recovery": options, "debiasing": options}
    tables, _ = fill_tables(data, ("recovery", "debiasing"), **given)
    of_label = {label: [r for r in tables["recovery"] if r["label"] == label] for label in worlds}
    assert {row["undefined"] for row in of_label["still"]} == {"does not respond"}
    assert "still" not in {row["label"] for row in tables["recovery_levels"]}
    for index, mean in enumerate(tables["recovery_mean"]):
        values = [of_label[label][index]["pooled_auc"] for label in ("a", "b")]
        assert mean["pooled_auc"] == pytest.approx(np.mean(values))
        assert (mean["n_labels"], mean["n_groups"]) == (2, 12) and "undefined" not in mean
    counted = [row for row in tables["auc_gain"] if "p_adjusted" in row]
    assert {row["label"] for row in counted} == {"a", "b"}
    assert {row["gain"] for row in tables["auc_gain"] if row["label"] == "still"} == {0.0}


def test_a_method_that_changes_nothing_has_no_interval_of_what_it_recovers():
    """Of one that does it is Fieller's."""
    rng = np.random.default_rng(0)
    groups = [f"{clip // 2}" for clip in range(80)]
    is_label = np.arange(80) < 40
    points = rng.normal(size=(80, 3)) + 2 * is_label[:, None]
    shifted = points + np.array([0.0, 3.0, 0.0])
    weights = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    lines = [recovery.Lines(np.stack([each] * 2), np.zeros(2)) for each in weights]
    scored = recovery.Scored(lines, [points, shifted], is_label, groups)
    for index, changes in ((1, False), (2, False), (3, True)):
        found = recovery.describe_recovery([scored.contrasts(index)], 6)
        assert found["headroom_low"] > 0 and (found["recovered_low"] is not None) == changes
        if not changes:
            assert found["recovered"] == 0
            # Other scores, which order these clips alike, may order others otherwise.
            assert (found["gain_low"] < 0 < found["gain_high"]) == (index == 2)


def test_the_figure_says_what_the_papers_best_method_recovers():
    row = {"method": "pca_absolute", "threshold": "", "recovered": "0.25"}
    start = "Of the paper's methods PCA, absolute was chosen on training recordings"
    ends = {"recovered_low": "0.1", "recovered_high": "0.44"}
    assert describe_best(row | ends) == f"{start}: it recovers 25 % of the headroom [10, 44]."
    unclear = dict.fromkeys(ends, "")
    said = f"{start}: it recovers 25 % of the headroom, which is not clear itself."
    assert describe_best(row | unclear) == said
    said = f"{start}; there is no headroom to recover."
    assert describe_best(row | unclear | {"recovered": ""}) == said
    said = f"{start}: it orders all test clips as before."
    assert describe_best(row | unclear | {"recovered": "0.0"}) == said


def test_no_text_of_the_figure_is_clipped_or_lies_on_a_text(case):
    style = merge_style(FIGURES["recovery"], {})
    axis = EffectAxis.of(effect_params("gain", 4))
    for labels in (LABELS, [LONG[0]]):
        rows = rows_of(case, "recovery_mean")
        best = rows_of(case, "recovery_best") if len(labels) > 1 else ()
        with matplotlib.rc_context(rc_of(style)):
            figure = plot_recovery("a-model-with-a-long-name", labels, axis, style, rows, best)
            FigureCanvasAgg(figure).draw()
        said = check_texts(figure)
        assert {maps.SATURATED, maps.STRETCHES} & {text for text, _ in said}


def test_the_figure_is_drawn_of_all_labels_and_of_one(case, tmp_path):
    effects = [effect_params("gain", 4)]
    names = ("recovery", "recovery_mean", "recovery_best")
    given = {name: [case.folder / f"{name}.csv"] for name in names}
    stems = ["recovery_m_gain", "recovery_m_gain_cello"]
    outputs = [str(tmp_path / f"{stem}.{kind}") for stem in stems for kind in ("pdf", "png")]
    run_draw("recovery", given, outputs, ["m"], LABELS, ["cello"], effects)
    assert all((tmp_path / f"{stem}.png").stat().st_size > 10_000 for stem in stems)
