"""The registry of models: importable by Snakemake, and strict about names and options."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedding_sensitivity import models
from embedding_sensitivity.files.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_imports_nothing_but_the_standard_library():
    code = "import sys; sys.path.insert(0, 'workflow_scripts'); import embedding_sensitivity.models"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", models.MODELS)
def test_every_model_has_its_module_environment_and_dimension(name):
    assert (ROOT / "workflow_scripts" / f"{models.module(name)}.py").is_file()
    assert (ROOT / "envs" / f"{models.environment(name, {})}.yaml").is_file()
    assert models.dimension(name, {}) > 0


def test_defaults_are_filled_in_and_the_identity_leaves_out_how_it_is_computed():
    assert models.resolve("musicnn", {"layer": "penultimate"}) == {
        "backend": "numpy",
        "layer": "penultimate",
        "batch_size": "auto",
    }
    assert models.dimension("musicnn", {"layer": "penultimate"}) == 200
    assert models.identity("musicnn-untrained", {"seed": 3, "batch_size": 1}) == {
        "model": "musicnn-untrained",
        "backend": "numpy",
        "options": {"layer": "mean_pool", "seed": 3},
    }


def test_controls_say_that_they_are():
    assert models.control("clap-untrained") == "untrained"
    assert models.control("logmel") == "handcrafted"
    assert models.title("logmel") == "logmel (control)"
    assert models.control("clap") == "" and models.title("clap") == "clap"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("musicn", {}, "models.musicn: no such model, did you mean musicnn?"),
        ("logmel-untrained", {}, "models.logmel-untrained: logmel has no weights"),
        ("musicnn", {"layers": "mean_pool"}, "models.musicnn.layers: no such option, .* layer?"),
        ("musicnn", {"layer": "max_pool"}, "'max_pool', expected mean_pool or penultimate"),
        ("musicnn", {"seed": 1}, "models.musicnn.seed: no such option"),
        ("musicnn-untrained", {"seed": -1}, "a whole number from 0 up"),
        ("musicnn", {"batch_size": True}, "expected auto or a whole number from 1 up"),
        ("musicnn", {"batch_size": 0}, "expected auto or a whole number from 1 up"),
    ],
)
def test_unknown_names_and_values_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        models.resolve(name, options)
