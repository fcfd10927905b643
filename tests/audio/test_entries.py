"""What an entry of a config's `effects` makes of an effect, heard."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from embedding_sensitivity.effects import EFFECTS, Effect
from embedding_sensitivity.effects.chain import make_chain, measure_lufs, mix_seeds
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.files.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
SAMPLERATE = 44100


def noise(frames=44100, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return np.asfortranarray(rng.uniform(-0.3, 0.3, (frames, channels)), np.float32)


def rms(audio):
    return np.sqrt(np.mean(np.square(audio, dtype=float)))


def process(name, entry, level, audio, **drawn):
    return choose(name, entry).build(level, SAMPLERATE, **drawn)(audio)


@pytest.mark.parametrize(("name", "level"), [("gain", -6.0), ("lowpass", 2000.0), ("reverb", 0.5)])
def test_another_name_changes_no_sample(name, level):
    audio = noise()
    expected = EFFECTS[name].build(level, SAMPLERATE)(audio)
    np.testing.assert_array_equal(process("mine", {"effect": name}, level, audio), expected)
    np.testing.assert_array_equal(process(name, {}, level, audio), expected)


def test_a_shipped_effect_takes_other_options_and_another_parameter():
    audio = noise()
    damped = EFFECTS["reverb"].make(
        0.5, SAMPLERATE, **{**EFFECTS["reverb"].options, "damping": 0.9}
    )
    expected = damped(audio)
    found = process("hall", {"effect": "reverb", "damping": 0.9}, 0.5, audio)
    np.testing.assert_array_equal(found, expected)
    entry = {"effect": "reverb", "vary": "damping", "room_size": 0.5}
    np.testing.assert_array_equal(process("damped", entry, 0.9, audio), expected)
    effect = choose("damped", entry)
    assert effect.parameter == "damping" and effect.stateful and effect.mild_end == "low"
    assert "damping 1.5 is outside 0 to 1" in effect.find_fault(1.5)


def test_effects_before_and_after_are_applied_in_order():
    audio = noise()
    entry = {
        "before": [{"effect": "gain", "gain": -6}, {"effect": "lowpass", "cutoff_frequency": 2000}],
        "after": [{"plugin": "Invert"}],
    }
    steps = [
        EFFECTS["gain"].build(-6.0, SAMPLERATE),
        EFFECTS["lowpass"].build(2000.0, SAMPLERATE),
        EFFECTS["bitcrush"].build(4.0, SAMPLERATE),
        lambda audio: -audio,
    ]
    expected = audio
    for step in steps:
        expected = step(expected).astype(np.float32)
    np.testing.assert_array_equal(process("bitcrush", entry, 4.0, audio), expected)


def test_a_chain_with_a_state_is_reset_as_a_whole():
    entry = {"after": [{"effect": "reverb", "room_size": 0.9}]}
    effect = choose("gain", entry)
    assert effect.stateful and effect.neutral is None and effect.max_channels == 2
    carried = effect.build(-6.0, SAMPLERATE)
    first = carried(noise())
    assert not np.array_equal(carried(noise()), first)
    carried.reset()
    np.testing.assert_array_equal(carried(noise()), first)


@pytest.mark.parametrize("entry", [
    {"plugin": "Distortion", "vary": "drive_db"},
    {"plugin": "Compressor", "vary": "threshold_db", "ratio": 8},
    {"effect": "reverb", "vary": "wet_level", "room_size": 0.9},
])  # fmt: skip
def test_a_clip_gets_its_rms_or_its_loudness_back(entry):
    audio = noise()
    low, high = choose("x", entry).range
    for level in (0.5 * low + 0.5 * high, 0.4 * low + 0.6 * high):
        loose = process("x", entry, level, audio)
        assert abs(rms(loose) / rms(audio) - 1) > 0.02
        matched = process("x", {**entry, "match": "rms"}, level, audio)
        assert rms(matched) == pytest.approx(rms(audio), rel=1e-6)
        np.testing.assert_allclose(matched, loose * (rms(audio) / rms(loose)), rtol=1e-5, atol=1e-7)
        matched = process("x", {**entry, "match": "lufs"}, level, audio)
        found = measure_lufs(matched, SAMPLERATE), measure_lufs(audio, SAMPLERATE)
        assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_lufs_of_a_sine_is_the_standards():
    """A 997 Hz sine of 0 dBFS in one channel is -3.01 LKFS (ITU-R BS.1770-4, annex 1)."""
    sine = np.sin(2 * np.pi * 997 * np.arange(3 * 48000) / 48000)[:, None]
    assert measure_lufs(sine, 48000) == pytest.approx(-3.01, abs=0.03)


def test_matching_changes_nothing_at_a_neutral_level():
    audio = noise()
    for match in ("rms", "lufs"):
        found = process("gain", {"match": match}, 0.0, audio)
        np.testing.assert_array_equal(found, audio)


@pytest.mark.parametrize(
    ("match", "audio", "words"),
    [
        ("rms", np.zeros((4410, 2), np.float32), "comes back silent"),
        ("lufs", noise(4410), "LUFS is defined from 0.4 s .* match: rms"),
        ("lufs", noise(channels=6), "up to 5 channels"),
        ("lufs", noise() / 1e4, "under -70 LUFS"),
    ],
)
def test_what_has_no_loudness_is_refused(match, audio, words):
    with pytest.raises(InputError, match=words):
        process("gain", {"match": match}, -6.0, audio)


def drawing(level, samplerate, seed, **options):
    return lambda audio: audio + np.random.default_rng(seed).normal(size=audio.shape)


NOISY = Effect("noise", "dB", None, (-10.0, 50.0), drawing, needs_seed=True)


def test_each_drawn_effect_of_a_chain_has_its_own_random_numbers():
    silence = np.zeros((100, 1), np.float32)
    chain = make_chain([(NOISY, 1.0), (NOISY, None), (NOISY, 1.0)], "none", 3.0, 44100, seed=7)
    alone = [drawing(3.0, 44100, seed)(silence) for seed in (mix_seeds(7, 1), 7, mix_seeds(7, 3))]
    assert len({each[0, 0] for each in alone}) == 3
    np.testing.assert_allclose(chain(silence), sum(alone), atol=1e-6)


MIX_LEVEL = "target-to-mixture_ratio"
FILE = """
from embedding_sensitivity.effects import Effect


def make(level, samplerate, seed, colour):
    return lambda audio: audio + seed


EFFECT = Effect("SNR", "dB", None, (-10.0, 50.0), make, needs_seed=True,
                options={"colour": "white"}, choices={"colour": ("white", "pink")})
"""


def test_another_seed_of_the_config_is_another_realisation(tmp_path):
    file = tmp_path / "noisy.py"
    file.write_text(FILE, encoding="utf-8")
    silence = np.zeros((10, 1), np.float64)

    def drawn(of_clip, **entry):
        return process("n", {"file": str(file), **entry}, 3.0, silence, seed=of_clip)[0, 0]

    assert drawn(5) == 5 == drawn(5, seed=0)
    assert drawn(5, seed=1) not in (drawn(5), drawn(6, seed=1), drawn(5, seed=2))
    assert dataclasses.asdict(choose("n", {"file": str(file), "seed": 1}).instance)["changed"] == {
        "seed": 1
    }


@pytest.mark.parametrize("entry", [{}, {"match": "rms"}, {"after": [{"plugin": "Invert"}]}])
def test_another_seed_picks_another_clip_to_mix_in(entry):
    assert choose("mix", entry).other_seed == 0
    assert choose("mix", {"seed": 3, **entry}).other_seed == 3
    chained = {"effect": "gain", "before": [{"effect": "mix", "seed": 3, MIX_LEVEL: 10}]}
    assert choose("mine", chained).other_seed == 3


def test_the_noise_of_the_documents_has_its_ratio_and_one_realisation_a_clip(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    file = tmp_path / "hiss.py"
    file.write_text(
        re.search(r"`hiss.py`:\n\n```python\n(.*?)```", text, re.S)[1], encoding="utf-8"
    )
    audio = noise()
    added = {
        level: process("hiss", {"file": str(file)}, level, audio, seed=1) - audio
        for level in (-6.0, 20.0)
    }
    for level, hiss in added.items():
        assert 20 * np.log10(rms(audio) / rms(hiss)) == pytest.approx(level, abs=1e-6)
    np.testing.assert_allclose(added[-6.0] / added[20.0], 10 ** (26 / 20), rtol=1e-6)
    other = process("hiss", {"file": str(file)}, 20.0, audio, seed=2) - audio
    assert abs(np.corrcoef(other.ravel(), added[20.0].ravel())[0, 1]) < 0.02
