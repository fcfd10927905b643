"""The sensitivity tables of stores whose answer is known, whatever the order things are kept in."""

import numpy as np
import pytest
from jobs import run_group, tables_in
from scipy.linalg import expm

from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.experiment.tables import read_table

LABELS = ("cello", "flute")
LEVELS = [str(level) for level in range(4, 10)]
N_GROUPS, N_PARTS, N_TEST = 12, 2, 8
DIMENSION = 20
TABLES = (
    "global_r2", "samplewise_r2", "spectra", "dimensionality", "principal_angles", "projections",
    "regularised", "cross_label", "nulls", "r2_means",
)  # fmt: skip


def clip_index():
    """Two parts of each recording; the last recordings of a label are its test clips."""
    clips = []
    for label in LABELS:
        for group in range(N_GROUPS + N_TEST):
            for part in range(N_PARTS):
                clip = f"{label}{group:02d}_{part}"
                split = "train" if group < N_GROUPS else "test"
                clips.append(
                    Clip(clip, "", label, "", f"{label}{group}", split, 3.0, 44100, 1, "", 1,
                         len(clips))
                )  # fmt: skip
    return clips


def translation(originals, rng):
    """Every clip moves the same way, and by the level alone."""
    steps = np.arange(1, len(LEVELS) + 1)[:, None, None]
    return originals + steps * rng.normal(size=originals.shape[1])


def own_ways(originals, rng):
    """Every clip moves its own way."""
    steps = np.arange(1, len(LEVELS) + 1)[:, None, None]
    return originals + steps * rng.normal(size=originals.shape)


def rotations(originals, rng):
    """Every clip turns about axes of its own, further with the level."""
    turned = np.empty((len(LEVELS), *originals.shape))
    for clip, point in enumerate(originals.astype(np.float64)):
        turn = rng.normal(size=(len(point), len(point)))
        turn = (turn - turn.T) / np.sqrt(2 * len(point))
        for level in range(len(LEVELS)):
            turned[level, clip] = expm(0.1 * (level + 1) * turn) @ point
    return turned


def noise(originals, rng):
    return originals + rng.normal(size=(len(LEVELS), *originals.shape))


def run(folder, effect, order=None, labels=None, dimension=DIMENSION, neutral=None, threads=1):
    """Tables of an effect, from stores whose rows are in `order`; as read, and their bytes."""
    folder.mkdir()
    clips = clip_index()
    names = [clip.clip for clip in clips]
    rng = np.random.default_rng(0)
    originals = 0.3 * rng.normal(size=(len(names), dimension)).astype(np.float32)
    effected = effect(originals, rng).astype(np.float32)
    order = np.arange(len(names)) if order is None else order
    kept = [names[index] for index in order]
    attributes = {"model": "m", "backend": "b", "weights_sha256": "", "protocol": {}, "effect": "e"}
    write_store(folder / "e.h5", effected[:, order], kept, LEVELS, attributes)
    write_store(folder / "original.h5", originals[order], kept, None, attributes)
    write_clips(folder / "clips.csv", clips)
    given = {"stores": [folder / "e.h5"], "originals": [folder / "original.h5"]}
    given["clips"] = folder / "clips.csv"
    outputs = {table: folder / f"{table}.csv" for table in TABLES}
    # Others are written too, and no part of what is asked here: distances to labels are in them.
    made = {**tables_in(folder, "sensitivity"), "directions": [folder / "directions.h5"]}
    run_group("sensitivity", given, made, labels, neutral, threads)
    return {table: read_table(path, table) for table, path in outputs.items()}, {
        table: path.read_bytes() for table, path in outputs.items()
    }


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


PERFECT_ORDER = 1 - 1 / len(LEVELS) ** 2


def test_a_translation_has_one_direction_that_holds_for_other_clips(tmp_path):
    tables, _ = run(tmp_path / "a", translation)
    rows = tables["global_r2"]
    assert [row["label"] for row in rows] == list(LABELS)
    assert [row["saturated"] for row in rows] == ["0", "0"]
    assert (column(rows, "r2_null_high") < column(rows, "r2")).all()
    # Of what was fitted to the same clips there is no interval.
    assert {row["r2_low"] + row["r2_high"] for row in rows} == {""}
    np.testing.assert_allclose(column(rows, "r2_ceiling"), 1 - (24**2 - 1) / ((24 * 6) ** 2 - 1))
    assert (column(rows, "r2_null_mean") < column(rows, "r2_null_high")).all()
    for name in ("r2_test", "r2_heldout_levels"):
        np.testing.assert_allclose(column(rows, name), PERFECT_ORDER, atol=0.01)
    # No recording departs from the order, but one of others could.
    low = column(rows, "r2_test_low")
    assert (low < PERFECT_ORDER - 0.01).all() and (low > PERFECT_ORDER - 0.03).all()
    assert (column(rows, "r2_test_null_high") < 0.4).all()
    np.testing.assert_array_equal(column(rows, "n_groups"), N_GROUPS)
    np.testing.assert_array_equal(column(rows, "n_groups_test"), N_TEST)
    for name in ("participation_ratio", "n_directions_90"):
        np.testing.assert_allclose(column(tables["dimensionality"], name), 1, atol=1e-3)
    regularised, (means,) = tables["regularised"], tables["r2_means"]
    low = column(regularised, "rho_ridge_low")
    assert (low < PERFECT_ORDER**0.5).all() and (low > PERFECT_ORDER**0.5 - 0.015).all()
    for name in ("rho_ridge", "rho_ridge_high"):
        np.testing.assert_allclose(column(regularised, name), PERFECT_ORDER**0.5, atol=0.005)
        assert (column(regularised, name) <= column(regularised, "rho_ceiling")).all()
    np.testing.assert_allclose(column(regularised, "rho_within"), 1)
    # No test clip departs from 1, but of 8 recordings one could.
    assert (
        (column(regularised, "rho_within_low") > 0.9) & (column(regularised, "rho_within_low") < 1)
    ).all()
    np.testing.assert_allclose(column(tables["cross_label"], "rho"), PERFECT_ORDER**0.5, atol=0.01)
    assert len(tables["cross_label"]) == 4 and float(means["mean_rho_across"]) > 0.97
    found = {(row["label"], row["statistic"], row["null"]): row for row in tables["nulls"]}
    assert len(found) == 2 * 9
    for row in found.values():
        assert float(row["observed"]) > float(row["null_high"]) or row["null"] == "common"
    for null in ("recording", "common", "reversal"):
        assert float(found["cello", "rho_ridge", null]["p"]) < 0.01
        assert float(means[f"p_{null}"]) < 0.01
    steps = np.arange(1, len(LEVELS) + 1)
    np.testing.assert_allclose(
        column(tables["dimensionality"], "mean_displacement_share"),
        steps.mean() ** 2 / (steps**2).mean(),
        atol=1e-3,
    )
    np.testing.assert_allclose(column(tables["samplewise_r2"], "r2_heldout_levels"), 1)
    angles = {(r["method"], r["index"]): float(r["angle_deg"]) for r in tables["principal_angles"]}
    assert len(angles) == 1 + 1 + 5
    assert angles["average_displacement", "0"] < 0.1
    svd = [angles["samplewise_cca_svd", str(index)] for index in range(5)]
    assert svd == sorted(svd) and svd[0] >= 0 and svd[-1] <= 90


def test_the_neutral_level_is_no_displacement(tmp_path):
    """The same step at every level but the neutral one, which is an original again."""

    def switched(originals, rng):
        steps = np.array([0, 1, 1, 1, 1, 1.0])[:, None, None]
        return originals + steps * rng.normal(size=originals.shape[1])

    tables, _ = run(tmp_path / "a", switched, neutral=float(LEVELS[0]))
    shares = column(tables["dimensionality"], "mean_displacement_share")
    np.testing.assert_allclose(shares, 1, atol=1e-6)
    assert {row["n_levels"] for row in tables["global_r2"]} == {str(len(LEVELS))}


def test_clips_that_move_each_their_own_way_need_many_directions(tmp_path):
    tables, _ = run(tmp_path / "a", own_ways)
    rows, sizes = tables["global_r2"], tables["dimensionality"]
    assert (column(rows, "r2_test") < 0.3).all()
    assert (column(sizes, "participation_ratio") > 5).all()
    assert (column(sizes, "n_directions_90") > 5).all()
    assert (column(sizes, "mean_displacement_share") < 0.2).all()
    # Each clip by itself goes straight on.
    np.testing.assert_allclose(column(tables["samplewise_r2"], "r2_heldout_levels"), 1)


def test_clips_that_turn_each_about_its_own_axes_need_many_directions(tmp_path):
    tables, _ = run(tmp_path / "a", rotations)
    rows, sizes = tables["global_r2"], tables["dimensionality"]
    assert (column(rows, "r2_test") < 0.3).all()
    assert (column(sizes, "participation_ratio") > 5).all()
    assert (column(sizes, "n_directions_90") > 5).all()
    assert (column(sizes, "mean_displacement_share") < 0.2).all()


def test_noise_is_no_more_than_its_null(tmp_path):
    tables = run(tmp_path / "a", noise)[0]
    rows = tables["global_r2"]
    r2, mean = column(rows, "r2"), column(rows, "r2_null_mean")
    assert (np.abs(r2 - mean) < 0.1).all()
    assert (column(rows, "r2_test") < 0.1).all()
    assert (column(rows, "r2_test_low") < 0.001).all()
    regularised = tables["regularised"]
    assert (column(regularised, "rho_ridge_low") < 0.05).all()
    assert (column(regularised, "rho_ridge_high") > -0.05).all()
    assert (column(tables["nulls"], "p") > 0.01).all()


def test_a_saturated_fit_says_1_of_itself_and_leaves_the_rest_to_the_test(tmp_path):
    n_points = N_GROUPS * N_PARTS * len(LEVELS)
    tables = run(tmp_path / "a", noise, dimension=n_points - 1)[0]
    for row in tables["global_r2"]:
        assert row["saturated"] == "1"
        of_the_fit = ("r2", "r2_null_mean", "r2_null_high", "r2_ceiling")
        assert [row[name] for name in of_the_fit] == ["1.0"] * 4
        assert row["r2_low"] + row["r2_high"] == ""
        assert 0 <= float(row["r2_test_low"]) < float(row["r2_test_high"]) < 0.3
        assert float(row["r2_heldout_levels"]) < 0.1
    assert {row["statistic"] for row in tables["nulls"]} == {"r2_test", "rho_ridge"}


def test_the_number_of_processes_changes_no_byte(tmp_path):
    _, expected = run(tmp_path / "a", noise)
    _, found = run(tmp_path / "b", noise, threads=2)
    assert found == expected
    directions = [(tmp_path / name / "directions.h5").read_bytes() for name in "ab"]
    assert directions[0] == directions[1]


@pytest.mark.parametrize("effect", [translation, noise])
def test_the_order_of_rows_and_labels_changes_no_byte(tmp_path, effect):
    _, expected = run(tmp_path / "a", effect, labels=list(LABELS))
    n_clips = len(clip_index())
    order = np.random.default_rng(1).permutation(n_clips)
    _, found = run(tmp_path / "b", effect, order, list(LABELS[::-1]))
    assert found == expected


def test_a_label_has_the_same_numbers_without_the_others(tmp_path):
    both, _ = run(tmp_path / "a", noise)
    one, _ = run(tmp_path / "b", noise, labels=["flute"])
    for table in TABLES:
        if table == "principal_angles":
            assert one[table] == []
        elif table == "r2_means":
            assert one[table][0]["mean_rho_across"] == ""
        elif table == "cross_label":
            labels = ("label_a", "label_b")
            assert one[table] == [r for r in both[table] if {r[k] for k in labels} == {"flute"}]
        else:
            rows = [row for row in both[table] if row["label"] == "flute"]
            if table == "nulls":  # adjusted for one label instead of two
                for row in (*rows, *one[table]):
                    row.pop("p_adjusted")
            assert one[table] == rows


def test_what_moves_by_rounding_alone_is_no_response_and_is_not_ranked(tmp_path):
    """Steps that ascend as clearly as any, but are a millionth of the distance between labels."""

    def barely(originals, rng):
        originals += np.repeat([[0.0], [5.0]], len(originals) // 2, axis=0)
        steps = np.arange(1, len(LEVELS) + 1)[:, None, None]
        return originals + (5e-7 * steps * np.eye(DIMENSION)[0]).astype(np.float32)

    tables, _ = run(tmp_path / "a", barely)
    order = read_table(tmp_path / "a" / "displacement_order.csv", "displacement_order")
    assert [row["responds"] for row in order] == ["0", "0"]
    assert (column(order, "response") < 1e-5).all()
    assert {row["spearman_euclidean"] for row in order} == {""}
    for name in ("r2", "r2_test"):
        assert {row[name] for row in tables["global_r2"]} == {""}
    assert {row["r2"] for row in tables["samplewise_r2"]} == {""}
    assert {row["directions"] for row in tables["spectra"]} == {""}
    assert {row["participation_ratio"] for row in tables["dimensionality"]} == {""}
    assert {row["energy_3"] for row in tables["dimensionality"]} == {""}
    for name in ("equivariance", "predicted"):
        rows = read_table(tmp_path / "a" / "equivariance.csv", "equivariance")
        assert {row[name] for row in rows} == {""}
    (row,) = read_table(tmp_path / "a" / "threshold_90.csv", "threshold_90")
    assert (row["responds"], row["bound"]) == ("0", ">")
    moved = read_table(tmp_path / "a" / "displacement.csv", "displacement")
    assert (column(moved, "euclidean") > 0).any()


def test_means_over_labels_are_of_those_that_respond(tmp_path):
    """The flute is moved by rounding alone: the cello's values are the means."""

    def one_label(originals, rng):
        moved = translation(originals, rng)
        half = len(originals) // 2
        moved[:, half:] = originals[half:]
        return moved

    tables, _ = run(tmp_path / "a", one_label)
    (cello,) = tables["regularised"]
    (means,) = tables["r2_means"]
    assert means["mean_rho_ridge"] == cello["rho_ridge"]
    assert means["p_recording"] and means["mean_rho_across"] == ""
    for name in ("equivariance_mean", "dimensionality_mean", "samplewise_mean"):
        (row,) = read_table(tmp_path / "a" / f"{name}.csv", name)
        assert row["n_labels"] == "1"
        groups = row.get("n_groups_test") or row["n_groups"]
        assert groups == str(N_GROUPS if name == "samplewise_mean" else N_TEST)
