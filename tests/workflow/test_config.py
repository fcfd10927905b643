"""The configuration: what is refused, and how it says so."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.experiment.settings import load_settings, schema
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS

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


@pytest.mark.parametrize(
    "name",
    ["config.yaml", *(f"config/{name}.yaml" for name in ("demo", "clean", "effects", "models"))],
)
def test_shipped_configs_are_valid(name):
    config = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    settings = load_settings(config, name)
    assert settings.models and all(settings.levels(effect) for effect in settings.effects)


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md", "docs/own_clips.md"])
def test_the_demos_config_with_a_documents_keys_is_one_of_a_folder(name):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text(encoding="utf-8"))
    settings = load_settings({**demo, **yaml.safe_load(blocks[0])}, name)
    assert settings.data.folder == "/data/my_clips" and settings.labels is None
    recording = re.search(settings.data.group, "violin/rec07_take2.wav")
    assert recording[0] == "violin/rec07"


def test_the_papers_config_has_the_papers_108_levels():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    settings = load_settings(config, "config.yaml")
    counts = {effect: len(settings.levels(effect)) for effect in settings.effects}
    assert counts == {"gain": 31, "lowpass": 31, "reverb": 34, "bitcrush": 12}


def test_the_tour_has_twelve_effects_of_three_labels():
    config = yaml.safe_load((ROOT / "config" / "effects.yaml").read_text(encoding="utf-8"))
    settings = load_settings(config, "config/effects.yaml")
    assert len(settings.effects) == 12 and set(settings.models) == {"musicnn", "logmel"}
    assert len({effect.instance.kind for effect in settings.declared.values()}) == 12
    assert settings.data.source == "demo" and len(settings.labels) == 3
    assert (settings.data.train, settings.data.test) == (12, 6)


def test_clean_differs_from_the_paper_in_protocol_alone():
    paper, clean = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for name in ("config.yaml", "config/clean.yaml")
    )
    # IRMAS's 16-bit clips at 15 bits: without pcm16's rounding, the clips themselves.
    assert clean["effects"]["bitcrush"].pop("neutral") == 15
    differing = {key for key in paper if paper[key] != clean[key]}
    assert differing == {"experiment", "protocol"}


def test_the_tour_of_models_has_all_trained_weights_that_need_no_download():
    config = yaml.safe_load((ROOT / "config/models.yaml").read_text(encoding="utf-8"))
    settings = load_settings(config, "config/models.yaml")
    trained = {name for name, choice in settings.choices.items() if not choice.control}
    inside_packages = {
        name
        for name, model in MODELS.items()
        if not (model.files or model.untrained or model.handcrafted)
    }
    assert trained == inside_packages == {"musicnn", "birdnet", "aisfx"}
    assert not [choice.name for choice in settings.choices.values() if choice.model.published]
    controls = {choice.control for choice in settings.choices.values()}
    assert controls == {"", "handcrafted", "untrained"}


FIVE_LABELS = {
    "source": "demo",
    "labels": ["cello", "flute", "violin", "organ", "piano"],
    "train": 3,
}
# What pydantic would say where the workflow's own words are missing.
JARGON = ("pydantic", "Value error", "instance of", "discriminator", "tag", "Input should be")
REFUSED = [
    ({"labls": ["cello"]}, "labls: unknown key 'labls': did you mean 'labels'"),
    (
        {"labls": ["cello"], "efects": {}, "modls": {}},
        r"labls: unknown key .* 'labels'\? \(unknown beside it: 'efects', 'modls'\)",
    ),
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
    ({"effects__gain__levels": [5]}, "effects.gain: has 1 level, expected at least two"),
    ({"effects__gain__extra": [5]}, "effects.gain.extra: extra level 5.0 is in the grid"),
    ({"effects__gain__levels": [-20, 500]}, "effects.gain: gain 500 dB is outside"),
    ({"effects__reverb__levels": [0.5, 1.5]}, "effects.reverb: room size 1.5 is outside"),
    ({"effects__gain__keep_audio": [3]}, "effects.gain.keep_audio: level 3.0 is not among"),
    ({"labels": ["cello"]}, "labels: .*at least 2"),
    ({"labels": ["cello", "cello"]}, "labels: a label is repeated"),
    ({"labels": ["cello", "flut"]}, "labels: unknown label 'flut': did you mean 'flute'"),
    ({"figures__labels": ["organ"]}, "figures.labels: unknown label 'organ'"),
    ({"data__labels": ["cello", "celo"]}, "data.labels: unknown label 'celo'.*'cello'"),
    ({"data__source": "irms"}, r"data\.source: found 'irms', expected 'demo', 'irmas', 'folder'"),
    ({"data__source": None}, r"data\.source: found None, expected 'demo', 'irmas', 'folder'"),
    ({"data": {"folder": "x"}}, r"data\.source: is missing: set it to irmas, demo or folder"),
    ({"data": None}, r"data: found None, expected source \(irmas, demo or folder\) and that"),
    ({"data": {"source": "folder"}}, r"data\.folder: is missing: add it"),
    ({"data": {"source": "folder", "folder": 3}}, r"data\.folder: found 3, expected text"),
    ({"data__samplerate": 3}, r"data\.samplerate: unknown key 'samplerate': expected one of acc"),
    ({"data__labels": ["cello", "cello", "flute"]}, r"data\.labels: a label is repeated"),
    (
        {"data": {"source": "folder", "folder": "x", "labels": ["oboe", "tuba", "oboe"]}},
        r"data\.labels: a label is repeated",
    ),
    (
        {"data": FIVE_LABELS, "labels": ["cello", "flute"]},
        r"data\.train: label cello: 3 training clips, a classifier among 5 labels needs .* 4",
    ),
    (
        {"data": {**FIVE_LABELS, "labels": ["cello", "flute", "violin", "organ"]}},
        r"data\.train: label cello: 3 training clips, a classifier among 3 labels needs .* 4",
    ),
    *(
        ({"effects__gain__levels": {"start": 1, "stop": 2, "step": 1, key: value}}, message)
        for key, value, message in (
            ("start", float("nan"), r"effects\.gain\.levels: start is NaN: give a finite number"),
            ("stop", float("inf"), r"effects\.gain\.levels: stop is Infinity: give a finite"),
            ("step", float("inf"), r"effects\.gain\.levels: step is Infinity: give a finite"),
            ("step", 0, r"effects\.gain\.levels: step is 0\.0: give the distance"),
            ("stop", "x", r"effects\.gain\.levels\.stop: found 'x', expected a number"),
        )
    ),
    ({"effects__gain__levels": {"start": 1, "stop": 2}}, r"gain\.levels\.step: is missing"),
    (
        {"effects__gain__levels": {"geometric": [1, float("inf"), 3]}},
        r"effects\.gain\.levels: geometric is \[1\.0, inf, 3\], expected .* finite numbers",
    ),
    (
        {"effects__gain__levels": {"geometric": [1600, 5000]}},
        r"levels\.geometric: found \[1600, 5000\], expected \[first, last, number of levels\]",
    ),
    (
        {"effects__gain__levels": {"geometric": [1, 2, 2.5]}},
        r"levels\.geometric\.2: found 2\.5, expected a whole number",
    ),
    (
        {"effects__gain__levels": {"geometrc": [1, 2, 3]}},
        r"levels\.geometrc: unknown key 'geometrc': did you mean 'geometric'",
    ),
    ({"effects__gain__levels": None}, r"gain\.levels: found None, expected \{start, stop, step\}"),
    ({"effects__gain__levels": "a"}, r"gain\.levels: found 'a', expected .* or a list"),
    ({"effects__gain__levels": [1, None]}, r"gain\.levels\.1: found None, expected a number"),
    ({"effects__gain": None}, r"effects\.gain: found None, expected the keys levels, extra"),
    ({"effects": None}, "effects: found None, expected keys with their values"),
    ({"effects": {}}, "effects: found {}, expected at least 1"),
    ({"effects": {3: {"levels": [1, 2]}}}, r"effects\.3: found 3, expected text"),
    ({"models": {"musicnn": [1]}}, r"models\.musicnn: found \[1\], expected keys"),
    ({"labels": "cello"}, "labels: found 'cello', expected a list"),
    ({"labels": [1, 2]}, r"labels\.0: found 1, expected text"),
    ({"protocol": None}, "protocol: found None, expected the keys reverb_state"),
    ({"data__train": "x"}, r"data\.train: found 'x', expected a whole number"),
    ({"data__train": 2.5}, r"data\.train: found 2\.5, expected a whole number"),
    ({"data__train": float("inf")}, r"data\.train: found inf, expected a finite number"),
    ({"data__accompaniment_db": "loud"}, "accompaniment_db: found 'loud', expected a number"),
    ({"data__accompaniment_db": []}, r"accompaniment_db: found \[\], expected a number"),
    ({"levels_per_job": 17}, "levels_per_job: found 17, expected at most 16"),
    ({"levels_per_job": None}, "levels_per_job: found None, expected a whole number"),
    ({"experiment": "a" * 65}, "experiment: .*expected at most 64 characters"),
    ({"experiment": None}, "experiment: found None, expected text"),
    ({"debiasing": {"svd_thresholds": [0.5, 0.3]}}, "debiasing.svd_thresholds.*ascending"),
    ({"debiasing": {"methods": ["cca"]}}, "debiasing.methods: unknown method 'cca'"),
    ({"figures__style": {"auc": {"size": 3}}}, r"figures\.style\.auc\.size: unknown key"),
    ({"figures__style": {"ouc": {}}}, r"figures\.style\.ouc.*'auc'"),
    ({"levels_per_job": 0}, "levels_per_job: found 0, expected at least 1"),
    ({"device": "gpu"}, "device: found 'gpu', expected 'auto', 'cpu' or 'cuda'"),
    ({"mirrors": {"irmas": 3}}, r"mirrors\.irmas: found 3, expected text"),
    (
        {"data": {"source": "irmas", "labels": ["cello", "celo"]}},
        r"data\.labels: unknown label 'celo': did you mean 'cello'",
    ),
    ({"data": {"source": "irmas", "folder": "x"}}, r"data\.folder: unknown key 'folder'"),
    ({"data": {"source": "irmas", "local": ""}}, r"data\.local: found '', expected text"),
    ({"models": {"panns": {"weights": 3}}}, r"panns\.weights: is 3, expected the path of Cnn14"),
    (
        {"models": {"panns-untrained": {"weights": "x"}}},
        r"panns-untrained\.weights: no such option",
    ),
    ({"models": {"clap": {"backend": "numpy"}}}, r"clap\.backend: is 'numpy', expected torch"),
    ({"experiment": "../elsewhere"}, "experiment: found .*expected letters, digits"),
    (
        {"protocol": {"audio": "pcm24"}},
        "protocol.audio: found 'pcm24', expected 'pcm16' or 'float32'",
    ),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_bad_config_is_refused_in_one_line(keys, message):
    with pytest.raises(InputError, match=message) as caught:
        load_settings(changed(**keys), "some.yaml")
    text = str(caught.value)
    assert text.startswith("some.yaml: ") and "\n" not in text
    assert not [word for word in (*JARGON, "schema.json") if word in text]


def test_the_key_that_a_solver_which_fails_advises_is_taken():
    """The advice is tests/analysis/test_logistic.py's."""
    config = changed(debiasing={"classifier": {"solver": "liblinear"}})
    assert load_settings(config, "some.yaml").debiasing.classifier.solver == "liblinear"


@pytest.mark.parametrize("config", [None, [], "text"])
def test_a_file_that_holds_no_keys_is_refused(config):
    with pytest.raises(InputError, match=r"some\.yaml: the file: .*the keys experiment, "):
        load_settings(config, "some.yaml")


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"on_bad_clip": "skip"}, r"data\.on_bad_clip: found 'skip', expected 'fail' or 'drop'"),
        ({"samplerate": 999}, r"data\.samplerate: found 999, expected at least 1000"),
        ({"samplerate": 768001}, r"data\.samplerate: found 768001, expected at most 768000"),
        ({"channels": 33}, r"data\.channels: found 33, expected at most 32"),
    ],
)
def test_what_no_clip_can_be_is_refused(changes, message):
    folder = {"source": "folder", "folder": "x"}
    effects = {"gain": {"levels": [-10, 0]}}
    load_settings(changed(data=folder | {"on_bad_clip": "drop"}, effects=effects), "some.yaml")
    with pytest.raises(InputError, match=message):
        load_settings(changed(data=folder | changes, effects=effects), "some.yaml")


def test_the_demo_has_no_bad_clips():
    data = {"source": "demo", "labels": ["cello", "flute"], "on_bad_clip": "drop"}
    with pytest.raises(InputError, match=r"data\.on_bad_clip: unknown key"):
        load_settings(changed(data=data), "some.yaml")


def test_schema_is_what_the_model_generates():
    written = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    assert written == schema(), "run `make schema`"


IMPORTED = {
    "experiment": "x",
    "embeddings": {"directory": "e", "split": "s.csv"},
    "models": ["m"],
}
IMPORT_REFUSED = [
    ({"data": {"source": "demo"}}, "data: is only for runs from audio, but embeddings are"),
    ({"protocol": {}}, "protocol: is only for runs from audio"),
    ({"device": "cpu"}, "device: is only for runs from audio"),
    ({"lables": []}, "lables: unknown key 'lables': did you mean 'labels'"),
    ({"embeddings": None}, "embeddings: found None, expected the keys directory, file,"),
    ({"embeddings": {"directory": "e"}}, r"embeddings\.split: is missing.*config/embeddings\.yaml"),
    (
        {"embeddings": {"directory": "", "split": "s"}},
        r"embeddings\.directory: found '', exp.* text",
    ),
    ({"embeddings": {"folder": "e"}}, r"embeddings\.folder: unknown key 'folder'"),
    ({"models": {"openl3": {}}}, r"models: found {'openl3': {}}, expected a list"),
    ({"models": ["../x"]}, r"models\.0: found '\.\./x', expected letters, digits"),
    ({"models": None}, r"models: found None, expected a list"),
    ({"models": []}, r"models: found \[\], expected at least 1"),
    ({"models": ["clap", "clap"]}, "models: a model is repeated"),
    ({"labels": ["cello"]}, r"labels: .*at least 2"),
    ({"labels": ["cello", "cello"]}, "labels: a label is repeated"),
    ({"labels": ["a", "b"], "figures": {"labels": ["c"]}}, r"figures\.labels: unknown label 'c'"),
    ({"effects": {"lowpas": {}}}, "effects: unknown effect 'lowpas': did you mean 'lowpass'"),
    ({"effects": {"gain": {"levels": [1]}}}, r"effects\.gain: has 1 level, expected at least two"),
    ({"effects": {"gain": {"levels": [1, 500]}}}, r"effects\.gain: gain 500 dB is outside"),
    ({"effects": {"gain": {"extra": [1]}}}, r"effects\.gain\.extra: unknown key 'extra'"),
    ({"effects": {"gain": {"levels": "a"}}}, r"gain\.levels: found 'a', expected .* or a list"),
    ({"figures": {"style": {"auc": {"size": 3}}}}, r"figures\.style\.auc\.size: unknown key"),
]


@pytest.mark.parametrize(("keys", "message"), IMPORT_REFUSED)
def test_a_bad_config_of_embeddings_is_refused_in_one_line(keys, message):
    with pytest.raises(InputError, match=message) as caught:
        load_settings({**IMPORTED, **keys}, "some.yaml")
    text = str(caught.value)
    assert text.startswith("some.yaml: ")
    assert not [word for word in (*JARGON, "schema.json") if word in text]


def test_a_run_on_embeddings_needs_their_place_the_split_and_the_models_alone():
    settings = load_settings(IMPORTED, "some.yaml")
    assert settings.data is None and settings.debiasing == load_settings(TINY, "t").debiasing
