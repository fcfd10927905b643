"""Layers of one model: embedded in one pass, each a model of its own after it."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from embedding_sensitivity.commands.plan import estimate
from embedding_sensitivity.experiment.plan import Plan

# A HuBERT of two blocks, for the untrained control that the run makes itself.
CONFIG = {
    "model_type": "hubert",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
FRONT_END = {"sampling_rate": 16000, "do_normalize": True}


@pytest.fixture
def layered(project):
    """A project with a small untrained HuBERT, one effect, and a function that sets layers."""
    folder = project.path("my/hubert")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(FRONT_END), encoding="utf-8")
    shared = {"effects": {"gain": {"levels": [-20, 0, 5]}}, "figures": {"labels": []}}

    def choose(layers, **more):
        entry = {"transformers": "my/hubert", "normalise": False, "layers": layers, **more}
        models = {"logmel": {}, "hubert-untrained": entry}
        debiasing = {"methods": ["none", "global_cca"]}
        more = {"models": models, "debiasing": debiasing}
        project.write_config(project.read_config() | shared | more)

    project.choose = choose
    return project


def models_in(path) -> set[str]:
    with open(path, encoding="utf-8") as file:
        return {row["model"] for row in csv.DictReader(file)}


# Run in the environment of the analysis: this one has no NumPy.
CHECK_STORES = """
import glob, sys
import numpy as np
from embedding_sensitivity.embeddings.store import read_store
names = sys.argv[1:]
(whole,) = map(read_store, glob.glob("hubert-untrained/original/*.h5"))
assert whole.attributes["model"] == "hubert-untrained" and whole.embeddings.shape[1] == 64
for place, name in enumerate(names):
    columns = slice(32 * place, 32 * (place + 1))
    (cut,) = map(read_store, glob.glob(f"{name}/original/*.h5"))
    np.testing.assert_array_equal(cut.embeddings, whole.embeddings[:, columns])
    effect = read_store(f"{name}/gain.h5")
    parts = [read_store(path) for path in glob.glob("hubert-untrained/gain/*.h5")]
    level = {l: part.embeddings[i] for part in parts for i, l in enumerate(part.levels)}
    for index, name_of_level in enumerate(effect.levels):
        np.testing.assert_array_equal(effect.embeddings[index], level[name_of_level][:, columns])
    assert cut.attributes["model"] == effect.attributes["model"] == name
"""


@pytest.mark.more
def test_one_pass_gives_all_layers_and_each_is_a_model(layered, pythons):
    layered.choose([0, 2])
    figure = "results/tiny/figures/depth_gain.png"
    layered.run("tables", figure)
    results = layered.path("results/tiny")
    names = {"hubert-untrained.00", "hubert-untrained.02"}
    for table in ("global_r2", "displacement", "retrieval"):
        assert models_in(results / f"tables/{table}.csv") == {"logmel", *names}
    assert models_in(results / "tables/depth.csv") == names
    assert layered.path(figure).stat().st_size > 10_000
    command = [pythons["analysis"], "-c", CHECK_STORES, *sorted(names)]
    environment = {"PYTHONPATH": str(layered.path("workflow_scripts"))}
    subprocess.run(command, cwd=results / "embeddings", env=environment, check=True)
    assert layered.planned("tables", figure) == {}

    # A layer that the pass didn't keep is embedded with the others again; one less is not.
    layered.choose([0, 1, 2])
    jobs = layered.planned("tables")
    assert {job["model"] for job in jobs["embed_clips"]} == {"hubert-untrained"}


@pytest.mark.more
def test_of_a_pass_that_keeps_all_layers_another_one_embeds_nothing(layered):
    layered.choose([0, 2], keep="all")
    originals = [
        "results/tiny/embeddings/hubert-untrained.00.h5",
        "results/tiny/embeddings/hubert-untrained.02.h5",
    ]
    layered.run(*originals)
    layered.choose([0, 1, 2], keep="all")
    jobs = layered.planned("results/tiny/embeddings/hubert-untrained.01.h5")
    assert set(jobs) == {"take_layer", "assemble_effect", "assemble_model"}
    # To embed all is the same pass.
    layered.choose("all")
    jobs = layered.planned("results/tiny/embeddings/hubert-untrained.01.h5")
    assert set(jobs) == {"take_layer", "assemble_effect", "assemble_model"}


def test_a_layer_has_no_figures_of_its_own_by_default(layered, monkeypatch):
    layered.choose([0, 2])
    monkeypatch.chdir(layered.folder)
    plan = Plan(layered.read_config(), "tiny.yaml")
    stems = {Path(path).stem for path in plan.figures()}
    assert "auc_logmel_gain" in stems and "samplewise_gain" in stems
    assert not [stem for stem in stems if "hubert" in stem]
    config = layered.read_config()
    config["figures"]["layers"] = True
    stems = {Path(path).stem for path in Plan(config, "tiny.yaml").figures()}
    assert {"auc_hubert-untrained.00_gain", "auc_hubert-untrained.02_gain"} <= stems


def test_the_plan_says_what_another_layer_would_cost(layered, monkeypatch):
    monkeypatch.chdir(layered.folder)
    layered.choose([0, 2])
    (line,) = [line for line in estimate("tiny.yaml") if line.startswith("layers")]
    assert "hubert-untrained: 2 analysed; its pass keeps these alone" in line
    assert line.endswith("another one embeds all clips again (keep: all keeps every layer)")
    layered.choose([0, 2], keep="all")
    (line,) = [line for line in estimate("tiny.yaml") if line.startswith("layers")]
    assert "2 analysed; its pass keeps all 3" in line
    assert line.endswith("another one embeds nothing again")
