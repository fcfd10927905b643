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
def test_every_model_declares_what_a_plan_needs(name):
    model = models.MODELS[name]
    assert model.name == name and model.file.is_file() and model.version >= 1
    for module in model.computes_with:
        assert (ROOT / "workflow_scripts" / f"{module.replace('.', '/')}.py").is_file()
    for backend in model.choices["backend"]:
        choice = models.choose(name, {"backend": backend})
        assert (ROOT / "envs" / f"{choice.environment}.yaml").is_file()
        assert choice.packages and choice.dimension > 0
    if choice.made_weights:
        assert (ROOT / "envs" / f"{choice.weights_environment}.yaml").is_file()
    else:
        assert choice.weights_environment is None and not model.untrained


def test_defaults_are_filled_in_and_the_identity_leaves_out_how_it_is_computed():
    choice = models.choose("musicnn", {"layer": "penultimate"})
    assert choice.options == {"backend": "numpy", "layer": "penultimate", "batch_size": "auto"}
    assert (choice.view, choice.dimension) == ("penultimate", 200)
    assert models.choose("musicnn-untrained", {"seed": 3, "batch_size": 1}).identity == {
        "model": "musicnn-untrained",
        "backend": "numpy",
        "options": {"layer": "mean_pool", "seed": 3},
    }


def test_a_choice_can_be_made_again_from_its_entry():
    choice = models.choose("musicnn-untrained", {"seed": 3, "batch_size": 1, "backend": "upstream"})
    again = models.choose(choice.name, choice.entry)
    assert again.identity == choice.identity
    assert (again.environment, again.packages) == ("tensorflow", choice.packages)


def test_controls_say_that_they_are():
    assert models.control("clap-untrained") == "untrained"
    assert models.control("logmel") == "handcrafted"
    assert models.title("logmel") == "logmel (control)"
    assert models.control("clap") == "" and models.title("clap") == "clap"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("musicn", {}, "models.musicn: no such model, did you mean musicnn?"),
        ("logmel-untrained", {}, "models.logmel-untrained: logmel has no untrained control"),
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
        models.choose(name, options)
