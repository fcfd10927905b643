"""What changes the eight digits of a model's embeddings, and what doesn't."""

import copy
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.experiment import identity
from embedding_sensitivity.experiment.settings import load_settings

TINY = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))


def settings_of(**sections):
    return load_settings({**copy.deepcopy(TINY), **sections}, "tiny.yaml")


def digits(files=(), model="musicnn-untrained", effect="gain", weights=None, **sections) -> str:
    return identity.identity_of(settings_of(**sections), model, effect, files, weights)


@pytest.mark.parametrize(
    "sections",
    [
        {"models": {"musicnn-untrained": {"layer": "penultimate"}}},
        {"models": {"musicnn-untrained": {"seed": 1}}},
        {"models": {"musicnn-untrained": {"backend": "upstream"}}},
        {"protocol": {"audio": "float32"}},
    ],
)
def test_what_embeddings_depend_on_changes_them(sections):
    assert digits(**sections) != digits()


@pytest.mark.parametrize(
    "sections",
    [
        {"device": "cpu"},
        {"models": {"musicnn-untrained": {"batch_size": 3}}},
        {"models": {"logmel": {}, "musicnn-untrained": {}}},
        {"labels": ["flute", "cello"]},
        {"levels_per_job": 1},
        {"experiment": "other"},
        # Of another effect, and of a model that no switch of this kind is for.
        {"protocol": {"reverb_state": "reset"}},
        {"protocol": {"clap_input": "mono"}},
    ],
)
def test_what_they_do_not_depend_on_changes_nothing(sections):
    assert digits(**sections) == digits()


def test_model_effect_and_weights_are_part_of_them():
    found = {
        digits(),
        digits(model="logmel"),
        digits(effect=None),
        digits(weights="a"),
        digits(weights="b"),
        digits(effect="reverb", protocol={"reverb_state": "reset"}),
        digits(effect="reverb"),
    }
    assert len(found) == 7
    assert all(len(each) == 8 and set(each) <= set("0123456789abcdef") for each in found)


def test_an_effects_switch_counts_where_the_effect_has_it():
    settings = settings_of(protocol={"audio": "float32", "reverb_state": "reset"})
    assert identity.audio_protocol(settings, "gain") == {"audio": "float32"}
    reverb = {"audio": "float32", "reverb_state": "reset"}
    assert identity.audio_protocol(settings, "reverb") == reverb
    settings = settings_of(protocol={"clap_input": "mono"}, models={"clap": {}, "logmel": {}})
    assert identity.model_protocol(settings, "logmel", None) == {}
    assert identity.model_protocol(settings, "clap", None) == {"clap_input": "mono"}


def test_files_count_by_name_order_and_bytes_and_not_by_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).write_text("x")
    both = identity.fingerprint([1], ["a", "b"])
    assert both != identity.fingerprint([1], ["a"])
    assert both != identity.fingerprint([2], ["a", "b"])
    Path("a").touch()
    assert both == identity.fingerprint([1], ["a", "b"])
    Path("a").write_text("y")
    assert both != identity.fingerprint([1], ["a", "b"])
    assert digits(files=["a"]) != digits(files=["a", "b"]) != digits()


def test_untrained_weights_are_named_by_seed_and_by_what_makes_them(tmp_path):
    code = tmp_path / "code.py"
    code.write_text("x")
    file = identity.initial_weights(settings_of(), "musicnn-untrained", [str(code)])
    assert file.startswith("resources/weights/musicnn-untrained_seed20220419.")
    assert file.endswith(".npz")
    code.write_text("y")
    assert identity.initial_weights(settings_of(), "musicnn-untrained", [str(code)]) != file
