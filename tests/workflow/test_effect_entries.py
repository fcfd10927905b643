"""Entries of a config's `effects`: what is refused in one line, what a plan makes of one."""

import ast
import copy
import re
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError

TINY = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
SQUASH = {"plugin": "Compressor", "vary": "ratio", "threshold_db": -30}


def settings_of(**effects):
    return load_settings({**copy.deepcopy(TINY), "effects": effects}, "my.yaml")


def text_of(entry: str) -> dict:
    return {"levels": [1, 2], **yaml.safe_load(entry)}


REFUSED = [
    ("q", "{}", "effects: unknown effect 'q': expected one of .*; or say what it is by effect, pl"),
    ("a", "{effect: gan}", r"a\.effect: unknown effect 'gan': did you mean 'gain'"),
    ("gain", "{effect: reverb}", "gain is one of the workflow's own effects: give that of effect"),
    ("gain", "{plugin: Gain}", "gain is one of the workflow's own effects: give that of plugin"),
    ("a", "{plugin: Gain, effect: gain}", "a: has effect and plugin: name the effect by one"),
    ("a", "{plugin: 3}", r"a\.plugin: found 3, expected text"),
    ("a", "{pluginn: Gain}", r"a\.pluginn: unknown key 'pluginn': did you mean 'plugin'"),
    ("a", "{plugin: Compresor}", r"a\.plugin: unknown plugin 'Compresor': did you mean"),
    ("a", "{plugin: VST3Plugin}", r"a\.plugin: VST3Plugin is a binary of this machine"),
    ("a", "{plugin: Chain}", "Chain holds other plugins: give them in `before` and `after`"),
    ("a", "{plugin: Invert}", "Invert has no parameter that is a number"),
    ("a", "{plugin: Compressor}", r"a\.vary: is missing: .* of threshold_db, ratio, attack_ms"),
    ("a", "{plugin: Compressor, vary: rato}", r"a\.vary: unknown parameter 'rato': did you mean"),
    ("a", "{plugin: Compressor, vary: ratio, ratio: 2}", r"a\.ratio: is what varies: remove it"),
    ("a", "{plugin: Compressor, vary: ratio, treshold_db: 1}", "did you mean 'threshold_db'"),
    ("a", "{plugin: Compressor, vary: ratio, threshold_db: 3}", "threshold 3 dB is outside -80 to"),
    ("a", "{plugin: Compressor, vary: ratio, threshold_db: x}", "is 'x', expected a number"),
    ("a", "{plugin: Compressor, vary: ratio, threshold_db: .nan}", "expected a number"),
    ("a", "{plugin: Compressor, vary: ratio, levels: [.5, 2]}", "a: ratio 0.5 is outside 1 to 100"),
    ("a", "{plugin: Compressor, vary: ratio, levels: [4, 2]}", "level 2 follows 4: levels ascend"),
    ("a", "{plugin: Compressor, vary: ratio, levels: [2, 2]}", "level 2 follows 2: levels ascend"),
    ("a", "{plugin: LadderFilter, vary: drive, mode: LP}", "'LP', expected one of LPF12, HPF12"),
    ("a", "{plugin: BrickwallLimiter, vary: release_ms, true_peak: 1}", "is 1, expected true or f"),
    ("a", "{plugin: HighpassFilter, vary: cutoff_frequency_hz, levels: [99, 22050]}",
     "cutoff frequency 22050 Hz is not below half the sample rate, 22050 Hz: lower it"),
    ("a", "{plugin: PeakFilter, vary: gain_db, cutoff_frequency_hz: 30000}", "30000 Hz is not bel"),
    ("reverb", "{dampng: 1}", r"reverb\.dampng: unknown key 'dampng': did you mean 'damping'"),
    ("reverb", "{vary: room_sze}", r"reverb\.vary: unknown parameter 'room_sze': did you mean"),
    ("reverb", "{vary: damping, levels: [0, 1]}", r"reverb\.room_size: is missing: damping varies"),
    ("gain", "{gain: 3}", r"gain\.gain: is what varies: remove it"),
    ("gain", "{seed: 3}", r"gain\.seed: unknown key 'seed'"),
    ("gain", "{match: rsm}", r"gain\.match: found 'rsm', expected 'none', 'rms' or 'lufs'"),
    ("gain", "{unit: 3}", r"gain\.unit: found 3, expected text"),
    ("gain", "{unit: '<b>'}", r"gain\.unit: is '<b>', expected at most 16 printable"),
    ("gain", "{scale: log}", r"gain\.scale: is log, but levels from -90 to 60 aren't all positive"),
    ("gain", "{scale: cubic}", r"gain\.scale: found 'cubic', expected 'linear' or 'log'"),
    ("gain", "{neutral: x}", r"gain\.neutral: found 'x', expected a number"),
    ("a", "{plugin: Chorus, vary: mix, scale: log, levels: [.1, 1]}", "scale: the neutral level 0"),
    ("gain", "{before: {effect: lowpass}}", r"gain\.before: found .*, expected a list"),
    ("gain", "{before: [lowpass]}", r"gain\.before\.0: found 'lowpass', expected keys"),
    ("gain", "{before: [{}]}", r"gain\.before\.0: names no effect: give it as effect, plugin or"),
    ("gain", "{before: [{effect: lowpass}]}", r"before\.0\.cutoff_frequency: is missing: give"),
    ("gain", "{after: [{plugin: Invert}, {effect: lowpas}]}", r"after\.1\.effect: unknown effect"),
    ("gain", "{after: [{effect: lowpass, cutoff: 3}]}", "did you mean 'cutoff_frequency'"),
    ("gain", "{after: [{effect: lowpass, cutoff_frequency: 3}]}", "3 Hz is outside 20 to 96000"),
    ("gain", "{after: [{effect: lowpass, cutoff_frequency: 21000}]}", "has its stop edge at 23100"),
    ("gain", "{after: [{file: my/no.py}]}", r"after\.0\.file: my/no.py does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "entry", "words"), REFUSED, ids=[each[2][:40] for each in REFUSED]
)
def test_what_an_entry_cannot_mean_is_refused_in_one_line(name, entry, words):
    with pytest.raises(InputError, match=words) as error:
        settings_of(**{name: text_of(entry)})
    assert str(error.value).startswith("my.yaml: effects") and "\n" not in str(error.value)


def test_one_line_is_all_that_a_plugin_takes():
    settings = settings_of(squash={**SQUASH, "levels": [1, 2, 4, 8, 16], "extra": [2.5]})
    assert settings.levels("squash") == ["1", "2", "2.5", "4", "8", "16"]
    effect = settings.declared["squash"]
    assert (effect.parameter, effect.unit, effect.scale, effect.neutral) == ("ratio", "", "log", 1)
    assert effect.options["threshold_db"] == -30 and effect.options["release_ms"] == 100


def test_an_entry_says_more_of_its_levels():
    entry = {"plugin": "Chorus", "vary": "depth", "levels": [0.1, 1]}
    more = {"unit": "of 1", "scale": "log", "neutral": 0.05}
    effect = settings_of(a={**entry, **more}).declared["a"]
    assert (effect.unit, effect.scale, effect.neutral) == ("of 1", "log", 0.05)
    assert settings_of(gain={"levels": [1, 2], "neutral": None}).declared["gain"].neutral is None
    chained = settings_of(gain={"levels": [1, 2], "after": [{"plugin": "Invert"}]})
    assert chained.declared["gain"].neutral is None


def test_a_plan_renders_each_entry_by_itself(project):
    config = project.read_config()
    after = [{"effect": "reverb", "room_size": 0.8}]
    config["effects"] = {
        "squash": {**SQUASH, "levels": [1, 4, 16], "match": "lufs"},
        "far": {"effect": "gain", "levels": [-20, 0], "after": after},
    }
    project.write_config(config | {"figures": {"labels": []}})
    jobs = project.planned()
    assert {job["effect"] for job in jobs["render_effect"]} == {"squash", "far"}
    models = {job["model"] for job in jobs["embed_clips"]}
    assert {(job["model"], job["effect"]) for job in jobs["embed_clips"]} == {
        (model, effect) for model in models for effect in ("squash", "far")
    }


def test_the_report_says_what_an_entry_is():
    low = {"effect": "lowpass", "cutoff_frequency": 3000}
    settings = settings_of(
        gain={"levels": [1, 2]},
        loud={"effect": "gain", "levels": [1, 2], "before": [low], "match": "rms"},
        squash={**SQUASH, "levels": [1, 2], "after": [{"plugin": "Invert"}]},
        damped={"effect": "reverb", "vary": "damping", "room_size": 0.5, "levels": [0, 1]},
    )
    assert {name: effect.instance.text for name, effect in settings.declared.items()} == {
        "gain": "gain",
        "loud": "gain, after lowpass, RMS kept",
        "squash": "pedalboard.Compressor, ratio varies, threshold_db -30, attack_ms 1, "
        "release_ms 100, before pedalboard.Invert",
        "damped": "reverb, damping varies, room_size 0.5",
    }


def grid_of(effect) -> dict | list | None:
    """The levels that the text of an effect's file gives, between backticks."""
    text = ast.get_docstring(ast.parse(effect.file.read_text(encoding="utf-8")))
    found = re.search(r"`([\[{].*?[\]}])`", text, re.DOTALL)
    return found and yaml.safe_load(found[1])


@pytest.mark.parametrize("name", [name for name in EFFECTS if grid_of(EFFECTS[name])])
def test_the_levels_that_an_effects_page_gives_are_accepted(name):
    settings = settings_of(**{name: {"levels": grid_of(EFFECTS[name])}})
    assert len(settings.levels(name)) >= 4


def test_a_folder_of_ones_own_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"noise\.noises: nowhere does not exist: give a file or"):
        settings_of(noise={"levels": [0, 10], "noises": "nowhere"})
