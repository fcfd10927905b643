"""The registry of models: importable by Snakemake, and strict about names and options."""

import subprocess
import sys
from itertools import product
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
        ("openl3", {"input_repr": "mel64"}, "input_repr: is 'mel64', expected mel128 or mel256 or"),
        ("openl3", {"content_type": "speech"}, "content_type: is 'speech', expected music or env"),
        ("openl3", {"embedding_size": 1024}, "embedding_size: is 1024, expected 512 or 6144"),
        ("openl3", {"embedding_size": "512"}, "embedding_size: is '512', expected 512 or 6144"),
        ("openl3", {"embedding_size": 512.0}, "embedding_size: is 512.0, expected 512 or 6144"),
        ("openl3", {"size": 6144}, "models.openl3.size: no such option"),
        ("openl3-untrained", {"content_type": "env"}, "untrained.content_type: no such option"),
        ("openl3", {"content_type": "env", "weights": 3}, "the path of openl3_audio_mel128_env-v0"),
        ("net", {"model": "opnl3"}, "models.net.model: is 'opnl3', no such model, did you mean op"),
        ("net", {"model": "panns-untrained"}, "for its control write panns here, .* net-untrained"),
        ("net", {"model": 3}, "models.net.model: is 3, no such model: there are aisfx"),
        ("net", {"model": ["panns"]}, r"models.net.model: is \['panns'\], no such model"),
        (
            "net",
            {"model": "openl3", "input_rep": 1},
            "models.net.input_rep: no such option, did yo",
        ),
        ("net", {"model": "panns", "environment": "x.yaml"}, "is only for a model of your own"),
        ("net-untrained", {"model": "logmel"}, "net-untrained: logmel has no untrained control"),
        ("clap", {"model": "panns"}, "models.clap.model: clap is one of the workflow's own models"),
        (
            "openl3-untrained",
            {"model": "openl3"},
            "openl3 is one of the workflow's own models: rem",
        ),
    ],
)
def test_unknown_names_and_values_are_refused(name, options, message):
    with pytest.raises(InputError, match=message) as caught:
        models.choose(name, options)
    assert "\n" not in str(caught.value)


def test_a_network_of_openl3_has_its_own_file_and_dimension():
    """Whether under the model's own name or another."""
    named = set()
    for content, representation, size in product(
        ("music", "env"), ("mel128", "mel256", "linear"), (512, 6144)
    ):
        options = {"content_type": content, "input_repr": representation, "embedding_size": size}
        own = models.choose("openl3", options)
        named.add(own.weights_file)
        assert own.weights_file == f"openl3_audio_{representation}_{content}-v0_4_0.h5"
        assert own.model.files[0].hash_kind == "git_blob" and own.dimension == size
        other = models.choose("net", {"model": "openl3", **options})
        assert other.name == "net" and other.model.files == own.model.files
        assert other.dimension == size and other.identity["options"] == own.identity["options"]
        assert own.is_variant == (options != models.choose("openl3").identity["options"])
    assert len(named) == 6


def test_a_model_under_another_name_can_be_made_again_from_its_entry():
    for name, entry in {
        "net": {"model": "openl3", "embedding_size": 6144},
        "net-untrained": {"model": "openl3", "input_repr": "linear", "seed": 3},
        "layer": {"model": "musicnn", "layer": "penultimate"},
    }.items():
        choice = models.choose(name, entry)
        again = models.choose(name, choice.entry)
        assert again.identity == choice.identity and again.identity["model"] == name
        assert choice.declared_in == choice.entry
    control = models.choose("net-untrained", {"model": "openl3"})
    assert control.control == "untrained" and control.title == "net-untrained (control)"
    assert control.made_weights and control.weights_file is None
    assert models.choose("mean", {"model": "logmel"}).control == "handcrafted"
