"""A whole run on embeddings of simulated worlds: its verdicts on the paper's claims are known."""

import csv
import subprocess

import pytest

from support.project import ROOT

LEVELS = [4, 5, 6, 7, 8, 9]
# Two models that see the same clips: one moves them all one way, one turns each in its own plane.
WRITE = """
import csv, sys
import h5py, numpy as np
sys.path[:0] = ["workflow_scripts", "tests/support"]
from support.worlds import World, simulate
folder, *levels = sys.argv[1:]
names = ["embeddings", *(f"embeddings_bitcrush_{level}" for level in levels)]
for model in ("straight", "rotation"):
    rng = np.random.default_rng(0)
    worlds = {
        label: World(model, strength=3.0, dimension=24, seed=int(rng.integers(2**32)))
        for label in ("oboe", "tuba", "harp")
    }
    data = simulate(worlds, (12, 2), (12, 2), rng)
    clips = list(data.rows)
    points = [data.originals(clips), *data.effected(clips)]
    for name, features in zip(names, points, strict=True):
        with h5py.File(f"{folder}/{name}.h5", "a") as file:
            file[f"irmas/{model}/features"] = features
            file[f"irmas/{model}/keys"] = clips
with open(f"{folder}/split.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(("instrument", "genre", "file_name", "split", "group"))
    for split, labels in (("train", data.training), ("test", data.test)):
        for label, clips in labels.items():
            rows.writerows((label, "", clip, split, data.group_of[clip]) for clip in clips)
"""
ONE_WAY = {
    "direction_correlates": "supported",
    "samplewise_correlates": "supported",
    "trajectory_ordered": "supported",
    "dimension_high": "not supported",
    "no_common_shift": "not supported",
    "projection_does_not_help": "not supported",
}
OWN_WAYS = {
    "direction_correlates": "not supported",
    "samplewise_correlates": "not supported",
    "trajectory_ordered": "supported",
    "dimension_high": "supported",
    "no_common_shift": "supported",
    "projection_does_not_help": "supported",
}


@pytest.mark.more
def test_verdicts_on_embeddings_made_elsewhere_are_those_of_their_world(project, pythons):
    folder = project.path("given")
    folder.mkdir()
    command = [pythons["analysis"], "-c", WRITE, folder, *map(str, LEVELS)]
    subprocess.run(command, cwd=ROOT, check=True)
    project.write_config(
        {
            "experiment": "worlds",
            "embeddings": {"directory": "given", "split": "given/split.csv"},
            "models": ["straight", "rotation"],
            "effects": {"bitcrush": {"levels": LEVELS}},
        }
    )
    done = project.run(
        *("results/worlds/tables/claims.csv", "results/worlds/figures/claims.png"),
        "results/worlds/tables/dimensionality_mean.csv",
    )
    with open(project.path("results/worlds/tables/claims.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {
        model: {row["claim"]: row["verdict"] for row in rows if row["model"] == model}
        for model in ("straight", "rotation")
    }
    assert found == {"straight": ONE_WAY, "rotation": OWN_WAYS}
    # The lines at the end count them.
    assert (
        "of 2 models and effects: dimension_high 1/1/0, direction_correlates 1/1/0" in done.output
    )
