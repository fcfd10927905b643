"""The configuration: what is refused, and how it says so."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from sensitivity.config import Settings, load_settings
from sensitivity.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
TINY = yaml.safe_load((ROOT / "tests" / "workflow" / "tiny.yaml").read_text(encoding="utf-8"))


def changed(**keys) -> dict:
    """The tiny config with some keys replaced, nested ones as ``effects__gain__levels``."""
    config = copy.deepcopy(TINY)
    for key, value in keys.items():
        *parents, last = key.split("__")
        section = config
        for parent in parents:
            section = section[parent]
        section[last] = value
    return config


@pytest.mark.parametrize("name", ["config.yaml", "config/demo.yaml", "config/clean.yaml"])
def test_shipped_configs_are_valid(name):
    config = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    settings = load_settings(config, name)
    assert settings.models and all(settings.levels(effect) for effect in settings.effects)


def test_the_papers_config_has_the_papers_108_levels():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    settings = load_settings(config, "config.yaml")
    counts = {effect: len(settings.levels(effect)) for effect in settings.effects}
    assert counts == {"gain": 31, "lowpass": 31, "reverb": 34, "bitcrush": 12}


def test_clean_differs_from_the_paper_in_protocol_alone():
    paper, clean = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for name in ("config.yaml", "config/clean.yaml")
    )
    differing = {key for key in paper if paper[key] != clean[key]}
    assert differing == {"experiment", "protocol"}


REFUSED = [
    ({"labls": ["cello"]}, "labls: unknown key 'labls': did you mean 'labels'"),
    ({"data__trian": 3}, "data.trian: unknown key 'trian': did you mean 'train'"),
    ({"effects__gain__extr": [1]}, "effects.gain.extr: unknown key 'extr': did you mean 'extra'"),
    (
        {"effects__gain__levels": {"start": 1, "stop": 2, "stpe": 1}},
        "effects.gain.levels.stpe: unknown key 'stpe': did you mean 'step'",
    ),
    ({"figures__umap__clip": 3}, "figures.umap.clip: unknown key 'clip': did you mean 'clips'"),
    ({"effects__gian": {"levels": [1, 2]}}, "unknown effect 'gian': did you mean 'gain'"),
    ({"models": {"musicn": {}}}, "musicn.*musicnn"),
    ({"models": {"musicnn": {"layr": "penultimate"}}}, "models.musicnn.*layr.*layer"),
    ({"effects__gain__levels": []}, "effects.gain.levels.*no levels"),
    ({"effects__gain__levels": [5, -20]}, "effects.gain.levels: level -20.0 follows 5.0"),
    ({"effects__gain__levels": [5, 5]}, "effects.gain.levels: level 5.0 follows 5.0"),
    ({"effects__gain__levels": [5]}, "effects.gain: 1 level, at least two"),
    ({"effects__gain__extra": [5]}, "effects.gain.extra: extra level 5.0 is in the grid"),
    ({"effects__gain__levels": [-20, 500]}, "effects.gain: gain 500 dB is outside"),
    ({"effects__reverb__levels": [0.5, 1.5]}, "effects.reverb: room size 1.5 is outside"),
    ({"effects__gain__keep_audio": [3]}, "effects.gain.keep_audio: level 3.0 is not among"),
    ({"labels": ["cello"]}, "labels: .*at least 2"),
    ({"labels": ["cello", "cello"]}, "labels: a label is repeated"),
    ({"labels": ["cello", "flut"]}, "labels: unknown label 'flut': did you mean 'flute'"),
    ({"figures__labels": ["organ"]}, "figures.labels: unknown label 'organ'"),
    ({"data__labels": ["cello", "celo"]}, "data.labels: unknown label 'celo'.*'cello'"),
    ({"data__source": "irms"}, "data.*irms.*demo"),
    ({"debiasing": {"svd_thresholds": [0.5, 0.3]}}, "debiasing.svd_thresholds.*ascending"),
    ({"debiasing": {"methods": ["cca"]}}, "debiasing.methods: unknown method 'cca'"),
    ({"figures__style": {"auc": {"size": 3}}}, r"figures\.style\.auc\.size: unknown key"),
    ({"figures__style": {"ouc": {}}}, r"figures\.style\.ouc.*'auc'"),
    ({"levels_per_job": 0}, "levels_per_job"),
    ({"experiment": "../elsewhere"}, "experiment"),
    ({"protocol": {"audio": "pcm24"}}, "protocol.audio.*pcm16.*pcm24"),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_bad_config_is_refused_in_one_line(keys, message):
    with pytest.raises(InputError, match=message) as caught:
        load_settings(changed(**keys), "some.yaml")
    text = str(caught.value)
    assert text.startswith("some.yaml: ") and "\n" not in text
    assert "pydantic" not in text and "Value error" not in text


def test_a_missing_key_is_named():
    config = copy.deepcopy(TINY)
    del config["effects"]
    with pytest.raises(InputError, match="effects: is missing"):
        load_settings(config, "some.yaml")


def test_lowpass_above_nyquist_is_refused_with_the_config():
    folder = {"source": "folder", "folder": "x", "samplerate": 16000}
    effects = {"lowpass": {"levels": [1000, 8000]}}
    with pytest.raises(InputError, match=r"effects\.lowpass: .*8000 Hz.*8800 Hz"):
        load_settings(changed(data=folder, effects=effects), "some.yaml")


def test_schema_is_what_the_model_generates():
    written = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    assert written == Settings.model_json_schema(), "run `make schema`"
