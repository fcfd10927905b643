"""Entries of a config's `effects`: what is refused in one line, what a plan makes of one."""

import ast
import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from embedding_sensitivity.commands.config_file import read_config
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError

sys.path.append(str(ROOT / "tools"))
import write_declarations

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
    ("gain", "{after: [{file: /etc/passwd}]}", "/etc/passwd does not end in .py: give a Python"),
    ("gain", "{after: [{file: 3}]}", r"after\.0\.file: is 3, expected a name"),
    ("gain", "{after: [{effect: [gain], gain: 1}]}", r"0\.effect: is \['gain'\], expected a n"),
    ("gain", "{after: [{effect: gain, gain: .nan}]}", r"after\.0\.gain: is nan, expected a number"),
    ("gain", "{after: [{plugin: Gain, vary: gain_db}]}", r"after\.0\.vary: unknown key 'vary': e"),
    ("gain", "{after: [{effect: gain, gain: 1, after: []}]}", r"0\.after: unknown key 'after': e"),
    ("gain", "{levels: [true, 2]}", r"gain\.levels\.0: found True, expected a number"),
    ("gain", "{levels: [1, .nan]}", r"gain\.levels: nan is not finite: give levels as finite numb"),
    ("gain", "{levels: [1, 1.05]}", r"gain\.levels: level 1.05 has more than the 1 decimals"),
    ("gain", "{levels: {geometric: [1, 5, 1000000000]}}", "1000000000 levels, expected at most 1"),
    ("gain", "{levels: {start: 0, stop: 1, step: 1.0e-9}}", "1000000001 levels, expected at most"),
    ("gain", "{levels: {geometric: [1, 5, 2.5]}}", r"geometric\.2: found 2.5, expected a whole n"),
    ("peak_eq", "{levels: [1.0e-300, 1]}", "takes 302 characters, expected at most 12: it is pa"),
    ("peak_eq", "{levels: [0.3333333333333333, 1]}", "takes 18 characters, .*: write fewer digits"),
    ("gain", "{neutral: true}", r"gain\.neutral: found True, expected a number"),
    ("gain", "{neutral: 100}", r"gain\.neutral: gain 100 dB is outside -90 to 60 dB"),
    ("gain", "{neutral: .inf}", r"gain\.neutral: is inf, expected a number"),
    ("gain", "{extra: [2]}", r"gain\.extra: extra level 2.0 is in the grid already: remove it"),
    ("gain", "{keep_audio: [3]}", r"gain\.keep_audio: level 3.0 is not among the effect's levels"),
    ("noise", "{color: blue}", r"noise\.color: is 'blue', expected one of white, pink"),
    ("noise", "{seed: 1.5}", r"noise\.seed: is 1.5, expected a whole number from 0 up"),
    ("noise", "{noises: ''}", r"noise\.noises: is '', expected a file or folder"),
    ("noise", "{noises: /dev/zero}", r"noise\.noises: /dev/zero is a pipe or device: give a file"),
    ("lowpass", "{passband_ripple_db: 20, levels: [1600, 9000]}", "20 dB is outside 0.01 to 10 dB"),
    ("a", "{plugin: Reverb, vary: room_size, freeze_mode: 3}", "freeze mode 3 is outside 0 to 1"),
    ("a", "{plugin: Chorus, vary: mix, neutral: 5}", r"a\.neutral: mix 5 is outside 0 to 1"),
    ("a", "{plugin: Compressor, vary: [ratio]}", r"a\.vary: found \['ratio'\], expected text"),
    ("a", "{effect: ''}", "unknown effect 'a': .*; or say what it is by effect, plugin, file or f"),
    ("../x", "{effect: gain}", r"effects\.\.\./x: expected at most 64 letters, digits"),
    ("mp3", "{levels: [16, 32]}", "16 kbit/s is none of MP3's at 44100 Hz: take some of 32, 40"),
    ("telephone", "{levels: [1, 1.5]}", "level 1.5 has more than the 0 decimals"),
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


SOURCE_OF_GRID = re.compile(r"Grids in use:[^`]*\(\w[^)]*\)|Grid of our\sown")


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effects_page_has_a_grid_with_its_source(name):
    """And the grid is accepted, and long enough for a correlation."""
    text = ast.get_docstring(ast.parse(EFFECTS[name].file.read_text(encoding="utf-8")))
    grid = write_declarations.find_grid(EFFECTS[name])
    assert grid and SOURCE_OF_GRID.search(text[: text.index(grid)])
    settings = settings_of(**{name: {"levels": yaml.safe_load(grid)}})
    assert len(settings.levels(name)) >= 4


PAPERS_GRIDS = {"gain": 31, "lowpass": 31, "reverb": 34, "bitcrush": 12}


@pytest.mark.parametrize("name", PAPERS_GRIDS)
def test_the_papers_grids_are_those_of_config_yaml(name):
    paper = load_settings(read_config(str(ROOT / "config.yaml")), "config.yaml")
    grid = yaml.safe_load(write_declarations.find_grid(EFFECTS[name]))
    found = settings_of(**{name: {"levels": grid}}).levels(name)
    assert found == paper.grid(name) and len(found) == PAPERS_GRIDS[name]


# The neutral level of the effects that do more on either side of it.
TWO_SIDED = {
    "high_shelf": 0, "low_shelf": 0, "peak_eq": 0, "pitch_shift": 0, "stereo_width": 1,
    "time_shift": 0, "time_stretch": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_SIDED)
def test_a_grid_of_two_sides_has_the_neutral_level_between_others(name):
    grid = yaml.safe_load(write_declarations.find_grid(EFFECTS[name]))
    settings = settings_of(**{name: {"levels": grid}})
    levels = [float(level) for level in settings.levels(name)]
    assert settings.declared[name].neutral == TWO_SIDED[name]
    assert TWO_SIDED[name] in levels[1:-1]


def test_effects_whose_range_passes_their_neutral_level_have_two_sides():
    found = {
        name
        for name, effect in EFFECTS.items()
        if effect.neutral is not None and effect.neutral not in effect.range
    }
    assert found == {*TWO_SIDED, "gain"}  # the paper's grid of which has no neutral level


def two_levels_of(name: str) -> list[str]:
    """Of the grid of an effect's page, two inside that aren't neutral."""
    grid = yaml.safe_load(write_declarations.find_grid(EFFECTS[name]))
    settings = settings_of(**{name: {"levels": grid}})
    levels = [each for each in settings.levels(name) if float(each) != EFFECTS[name].neutral]
    return [levels[len(levels) // 3], levels[2 * len(levels) // 3]]


MOVED = """
import sys
import numpy as np
from embedding_sensitivity.embeddings.store import read_store

original, *stores = (read_store(path) for path in sys.argv[1:])
for store in stores:
    moved = np.linalg.norm(store.embeddings - original.embeddings, axis=-1).max(axis=1)
    size = np.linalg.norm(original.embeddings, axis=-1).max()
    assert store.clips == original.clips and np.isfinite(store.embeddings).all()
    print(store.attributes["effect"], *store.levels, (moved > 1e-4 * size).all())
"""


@pytest.mark.more
def test_every_effect_runs_and_one_more_embeds_nothing_of_the_others(project, pythons):
    """From the config to embeddings that have moved at both levels."""
    config = project.read_config() | {"models": {"logmel": {}}, "figures": {"labels": []}}
    config["effects"] = {name: {"levels": two_levels_of(name)} for name in EFFECTS}
    project.write_config(config)
    folder, store = "results/tiny/embeddings/logmel", "results/tiny/embeddings/logmel.h5"
    project.seconds = 1800  # for 29 effects on a busy machine
    project.run(store)
    original = project.find(f"{folder}/original/*.h5")
    stores = [f"{folder}/{name}.h5" for name in EFFECTS]
    found = subprocess.check_output(
        [pythons["audio"], "-c", MOVED, original, *stores],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": "workflow_scripts"},
        text=True,
    )
    # Width too: it keeps the channels' mean, but their samples are rounded to 16 bits.
    expected = [f"{name} {' '.join(two_levels_of(name))} True" for name in EFFECTS]
    assert found.splitlines() == expected

    config["effects"]["far"] = {"effect": "gain", "levels": [-30, -9]}
    project.write_config(config)
    jobs = project.planned(store)
    assert set(jobs) == {"render_effect", "embed_clips", "assemble_effect", "assemble_model"}
    for rule in set(jobs) - {"assemble_model"}:
        assert {job["effect"] for job in jobs[rule]} == {"far"}


def test_a_folder_of_ones_own_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"noise\.noises: nowhere does not exist: give a file or"):
        settings_of(noise={"levels": [0, 10], "noises": "nowhere"})
