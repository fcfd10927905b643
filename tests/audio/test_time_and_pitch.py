"""Effects on time and pitch against their closed forms."""

import numpy as np
import pytest

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.files.errors import InputError

SAMPLERATE = 44100
MAX_CENTS = 2
MAX_ONSET_S = 0.1
SEMITONES = (-24, -12, -5, -1, -0.01, 0.01, 1, 7, 12, 24)
SPEEDS = (0.25, 0.5, 0.9, 1.01, 1.3333, 2, 4)


def apply(name, level, audio, samplerate=SAMPLERATE, **options):
    return choose(name, {"effect": name, **options}).build(float(level), samplerate)(audio)


def sine(frequency, seconds=1.5):
    time = np.arange(round(seconds * SAMPLERATE)) / SAMPLERATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[:, None].repeat(2, 1)


def frequency_of(audio):
    """Of the strongest sine in the middle half, by a parabola through three bins."""
    part = audio[len(audio) // 4 : 3 * len(audio) // 4, 0]
    n = 4 * len(part)
    spectrum = np.log(np.abs(np.fft.rfft(part * np.hanning(len(part)), n)) + 1e-12)
    peak = int(spectrum.argmax())
    left, top, right = spectrum[peak - 1 : peak + 2]
    return (peak + (left - right) / (left - 2 * top + right) / 2) * SAMPLERATE / n


def onset_of(audio):
    """The first moment with a tenth of the greatest power, in seconds."""
    power = np.convolve(audio[:, 0] ** 2, np.ones(64) / 64, "valid")
    return np.argmax(power > 0.1 * power.max()) / SAMPLERATE


def stroke(start_s=0.7, seconds=1.5):
    """Noise that dies away, after silence."""
    audio = np.zeros((round(seconds * SAMPLERATE), 2), np.float32)
    frames = round(0.3 * SAMPLERATE)
    decay = np.exp(-np.arange(frames) / SAMPLERATE / 0.05)[:, None]
    noise = np.random.default_rng(0).standard_normal((frames, 2))
    start = round(start_s * SAMPLERATE)
    audio[start : start + frames] = 0.2 * noise * decay
    return audio


def cents(found, expected):
    return 1200 * np.log2(found / expected)


@pytest.mark.parametrize("frequency", [440.0, 997.3])
@pytest.mark.parametrize("semitones", SEMITONES)
def test_pitch_shift_gives_a_sine_its_frequency(semitones, frequency):
    shifted = apply("pitch_shift", semitones, sine(frequency))
    expected = frequency * 2 ** (semitones / 12)
    assert abs(cents(frequency_of(shifted), expected)) <= MAX_CENTS


@pytest.mark.parametrize("formants", [False, True])
@pytest.mark.parametrize("semitones", SEMITONES)
def test_pitch_shift_leaves_an_onset_where_it_was(semitones, formants):
    audio = stroke()
    shifted = apply("pitch_shift", semitones, audio, preserve_formants=formants)
    assert shifted.shape == audio.shape
    assert abs(onset_of(shifted) - onset_of(audio)) <= MAX_ONSET_S


@pytest.mark.parametrize("speed", SPEEDS)
def test_time_stretch_gives_the_duration_and_keeps_the_pitch(speed):
    audio = sine(440.0)
    stretched = apply("time_stretch", speed, audio)
    expected = EFFECTS["time_stretch"].n_frames(speed, len(audio))
    assert len(stretched) == expected == round(len(audio) / speed)
    assert abs(cents(frequency_of(stretched), 440.0)) <= MAX_CENTS


@pytest.mark.parametrize("speed", SPEEDS)
def test_time_stretch_puts_an_onset_where_it_belongs(speed):
    audio = stroke()
    stretched = apply("time_stretch", speed, audio)
    assert abs(onset_of(stretched) - onset_of(audio) / speed) <= MAX_ONSET_S


@pytest.mark.parametrize("frames", [2205, 2206, 4410])
def test_the_shortest_clips_are_stretched_and_shifted(frames):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (frames, 1)).astype(np.float32)
    assert apply("pitch_shift", 3, audio).shape == audio.shape
    for speed in SPEEDS:
        n_frames = EFFECTS["time_stretch"].n_frames(speed, frames)
        assert len(apply("time_stretch", speed, audio)) == n_frames


@pytest.mark.parametrize(("name", "level"), [("pitch_shift", 3), ("time_stretch", 2)])
def test_a_clip_too_short_for_rubber_band_is_refused(name, level):
    with pytest.raises(InputError, match="a clip of 499 samples is too short for Rubber Band"):
        apply(name, level, np.zeros((499, 1), np.float32))


@pytest.mark.parametrize("shift", [-0.5, -0.1, 0.1, 1.2])
def test_time_shift_moves_a_clip_to_the_sample_and_puts_silence_in(shift):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (66150, 2)).astype(np.float32)
    moved, delay = apply("time_shift", shift, audio), round(shift * SAMPLERATE)
    expected = np.zeros_like(audio)
    if delay > 0:
        expected[delay:] = audio[:-delay]
    else:
        expected[:delay] = audio[-delay:]
    np.testing.assert_array_equal(moved, expected)
    wrapped = apply("time_shift", shift, audio, fill="wrap")
    np.testing.assert_array_equal(np.roll(wrapped, -delay, axis=0), audio)


@pytest.mark.parametrize("shift", [1.5, -2.0])
def test_a_shift_that_leaves_nothing_is_refused(shift):
    with pytest.raises(InputError, match=r"leaves nothing of 1.5 s: stay under the shortest"):
        apply("time_shift", shift, sine(440.0))
