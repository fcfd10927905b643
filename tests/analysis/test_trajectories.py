"""The projections of Fig. 1."""

import sys

import numpy as np
import pytest
from jobs import run_group

from embedding_sensitivity.analysis.trajectories import choose_clips, fit_trajectories
from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.experiment.tables import read_table

CLIPS = [f"clip{n:02d}" for n in range(20)]


def test_chosen_clips_depend_on_ids_seed_and_label_alone():
    chosen = choose_clips(CLIPS, 10, 7, "cello")
    assert len(set(chosen)) == 10
    assert set(chosen) < set(CLIPS)
    assert choose_clips(CLIPS[::-1], 10, 7, "cello") == chosen
    assert choose_clips(CLIPS, 10, 8, "cello") != chosen
    assert choose_clips(CLIPS, 10, 7, "flute") != chosen


def test_all_clips_are_taken_where_there_are_too_few():
    assert choose_clips(CLIPS[:4], 10, 7, "cello") == CLIPS[:4]


def trajectories(n_levels=8, n_clips=5, d=40):
    """Clips far from each other, each moved along a curve; originals at its start."""
    rng = np.random.default_rng(0)
    originals = rng.normal(0, 50, (n_clips, d))
    step = np.linspace(0.1, 1, n_levels)[:, None, None]
    along, across = rng.normal(0, 1, (2, n_clips, d))
    return originals + step * along + step**2 * across, originals


def test_a_clips_points_stay_together_and_by_its_original():
    effected, originals = trajectories()
    points, starts = fit_trajectories(effected, originals, 3, 0)
    assert points.shape == (8, 5, 2)
    assert starts.shape == (5, 2)
    for n in range(5):
        own = np.abs(points[:, n] - starts[n]).max()
        others = np.delete(points, n, axis=1)
        assert own < np.linalg.norm(others - starts[n], axis=-1).min()


def test_the_same_seed_gives_the_same_projection():
    effected, originals = trajectories()
    one = fit_trajectories(effected, originals, 3, 5)
    two = fit_trajectories(effected, originals, 3, 5)
    other = fit_trajectories(effected, originals, 3, 6)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize(("n_levels", "n_clips"), [(2, 2), (3, 2), (6, 2), (6, 10)])
def test_few_points_or_equal_ones_are_projected_too(n_levels, n_clips):
    rng = np.random.default_rng(1)
    originals = rng.normal(size=(n_clips, 30))
    for effected in (
        rng.normal(size=(n_levels, n_clips, 30)),
        np.repeat(originals[None], n_levels, axis=0),
    ):
        points, starts = fit_trajectories(effected, originals, 3, 0)
        assert np.isfinite(points).all()
        assert np.isfinite(starts).all()
    # Those of the last: an original lies where its equals lie.
    np.testing.assert_array_equal(points, np.broadcast_to(starts, points.shape))


def test_an_original_lies_where_its_equal_point_lies_and_other_points_dont():
    """As the originals do among a grid's levels that has the neutral one."""
    effected, originals = trajectories()
    effected[3] = originals
    points, starts = fit_trajectories(effected, originals, 3, 0)
    np.testing.assert_array_equal(points[3], starts)
    assert not (points[[2, 4]] == starts).all(axis=-1).any()


@pytest.mark.parametrize("n_levels", [8, 31])
def test_an_original_lies_where_the_point_lies_that_it_equals_but_for_rounding(n_levels):
    """An effect at its neutral level passes through 16 bits, and embeddings differ by 3e-5."""
    effected, originals = trajectories(n_levels, n_clips=10)
    neutral = n_levels // 2
    rounding = np.random.default_rng(3).normal(0, 3e-5, originals.shape)
    effected = effected - effected[neutral] + originals
    effected[neutral] = originals * (1 + rounding)
    points, starts = fit_trajectories(effected, originals, 3, 0)
    np.testing.assert_array_equal(points[neutral], starts)


def test_an_original_off_every_level_keeps_a_place_of_its_own():
    effected, originals = trajectories(n_clips=10)
    step = np.linalg.norm(effected[1] - effected[0], axis=1, keepdims=True)
    direction = np.random.default_rng(3).normal(size=originals.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points, starts = fit_trajectories(effected, effected[0] + 0.2 * step * direction, 3, 0)
    assert not (points == starts).all(axis=-1).any()


def test_the_script_projects_training_clips_of_every_model(tmp_path):
    levels, labels = ["-40.0", "-20.0", "5.0"], ["cello", "flute"]
    clips = [
        Clip(f"{label}{n:02d}", "", label, "", "", split, 3.0, 44100, 2, "", 132300, n)
        for label in labels
        for n, split in enumerate(["train"] * 4 + ["test"] * 2)
    ]
    write_clips(tmp_path / "clips.csv", clips)
    names = sorted(clip.clip for clip in clips)
    rng = np.random.default_rng(0)
    stores, originals = [], []
    for model in ("logmel", "musicnn"):
        stores.append(tmp_path / f"{model}.h5")
        originals.append(tmp_path / f"{model}_original.h5")
        own = {"model": model}
        store = rng.normal(size=(3, 12, 20))
        write_store(stores[-1], store, names, levels, {**own, "effect": "gain"})
        write_store(originals[-1], rng.normal(size=(12, 20)), names, None, own)
    outputs = [tmp_path / model / "trajectories.csv" for model in ("logmel", "musicnn")]
    given = {"stores": stores, "originals": originals, "clips": tmp_path / "clips.csv"}
    chosen = {"models": ["logmel", "musicnn"], "effect": "gain"}
    options = {"n_clips": 3, "n_neighbors": 3, "seed": 1}
    run_group("trajectories", given, {"trajectories": outputs}, labels, **chosen, **options)
    tables = [read_table(path, "trajectories") for path in outputs]
    train = {clip.clip for clip in clips if clip.split == "train"}
    for model, rows in zip(("logmel", "musicnn"), tables, strict=True):
        assert len(rows) == 2 * 3 * 4
        assert {(row["model"], row["effect"]) for row in rows} == {(model, "gain")}
        assert {row["level"] for row in rows} == {*levels, "original"}
        assert {row["clip"] for row in rows} <= train
        assert all(row["clip"].startswith(row["label"]) for row in rows)
    chosen = [{row["clip"] for row in rows} for rows in tables]
    assert chosen[0] == chosen[1]


def test_drawing_needs_no_umap():
    """Importing UMAP takes seconds: only the rule that fits may pay for it."""
    import subprocess

    modules = "draw, embedding_sensitivity.figures.trajectories, sys"
    code = f"import {modules}; sys.exit('umap' in sys.modules)"
    path = next(path for path in sys.path if path.endswith("workflow_scripts"))
    assert subprocess.run([sys.executable, "-c", code], cwd=path).returncode == 0
