"""Effects on amplitudes against their closed forms: clipping, drive, dynamics, loudness, width."""

import numpy as np
import pytest

from embedding_sensitivity.effects.chain import measure_lufs
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.files.errors import InputError

SAMPLERATE = 44100


def apply(name, level, audio, **options):
    return choose(name, {"effect": name, **options}).build(level, SAMPLERATE)(audio)


def sine(peak, frequency=49.0, seconds=1.0):
    time = np.arange(round(seconds * SAMPLERATE)) / SAMPLERATE
    return (peak * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[:, None]


def harmonics(audio, frequency=49, number=7):
    """Amplitudes of a sine's multiples, of whole periods."""
    spectrum = np.abs(np.fft.rfft(audio[:SAMPLERATE, 0])) * 2 / SAMPLERATE
    return spectrum[frequency * np.arange(1, number + 1)]


def harmonics_of(curve, peak, number=7):
    """The same from the Fourier series of ``curve(peak sin t)``."""
    t = np.arange(4096) * 2 * np.pi / 4096
    return np.abs(np.fft.rfft(curve(peak * np.sin(t))))[1 : number + 1] * 2 / 4096


@pytest.mark.parametrize("level", [-1.0, -6.0, -20.0])
def test_clipping_gives_a_sine_the_harmonics_of_a_cut_sine(level):
    limit = 0.5 * 10 ** (level / 20)
    effected = apply("clipping", level, sine(0.5))
    assert np.abs(effected).max() == pytest.approx(limit, rel=1e-6)
    expected = harmonics_of(lambda x: np.clip(x, -limit, limit), 0.5)
    np.testing.assert_allclose(harmonics(effected), expected, atol=2e-4)


def test_clipping_under_full_scale_leaves_a_quiet_clip_as_it_was():
    audio = sine(0.4)
    effected = apply("clipping", -6.0, audio, reference="full_scale")
    np.testing.assert_array_equal(effected, audio)
    effected = apply("clipping", -12.0, audio, reference="full_scale")
    np.testing.assert_array_equal(effected, np.clip(audio, *np.float32([-(10**-0.6), 10**-0.6])))
    assert not apply("clipping", -12.0, 0 * audio).any()


@pytest.mark.parametrize("level", [0.0, 12.0, 40.0])
def test_drive_gives_a_sine_the_harmonics_of_tanh(level):
    effected = apply("drive", level, sine(0.3))
    expected = harmonics_of(lambda x: np.tanh(x * 10 ** (level / 20)), 0.3)
    np.testing.assert_allclose(harmonics(effected), expected, atol=5e-4)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 4.0, 16.0])
@pytest.mark.parametrize("loud", [-28.0, -20.0, -6.0])
def test_a_compressor_has_its_static_curve(ratio, loud):
    # A constant is as loud throughout; the attack of 1 ms is over after a second.
    audio = np.full((SAMPLERATE, 2), 10 ** (loud / 20), np.float32)
    effected = apply("compressor", ratio, audio)
    expected = -30 + (loud + 30) / ratio
    np.testing.assert_allclose(20 * np.log10(effected[-1]), expected, atol=0.02)


def test_a_compressor_leaves_what_is_under_its_threshold():
    audio = np.full((SAMPLERATE, 1), 10 ** (-31 / 20), np.float32)
    np.testing.assert_allclose(apply("compressor", 8.0, audio), audio, rtol=1e-6)


@pytest.mark.parametrize("level", [-30.0, -12.0, -6.5])
def test_a_limiter_holds_its_ceiling_and_no_less(level):
    ceiling = 10 ** (level / 20)
    effected = apply("limiter", level, sine(0.5))
    assert np.abs(effected).max() <= ceiling * (1 + 1e-5)
    assert np.abs(effected[SAMPLERATE // 2 :]).max() == pytest.approx(ceiling, rel=0.01)


def test_a_limiter_leaves_a_clip_under_its_ceiling_as_it_was():
    np.testing.assert_array_equal(apply("limiter", -6.0, sine(0.5)), sine(0.5))


@pytest.mark.parametrize("level", [-40.0, -23.0, -8.0])
@pytest.mark.parametrize("peak", [0.01, 0.9])
def test_loudness_is_reached_by_a_gain_alone(level, peak):
    rng = np.random.default_rng(0)
    audio = rng.uniform(-peak, peak, (SAMPLERATE, 2)).astype(np.float32)
    effected = apply("loudness", level, audio)
    assert measure_lufs(effected, SAMPLERATE) == pytest.approx(level, abs=1e-3)
    np.testing.assert_allclose(effected / audio, effected[0, 0] / audio[0, 0], rtol=1e-5)


def test_a_sine_of_full_scale_has_the_standards_loudness():
    # ITU-R BS.1770: 997 Hz at 0 dB in one channel is -3.01 LUFS.
    gain = apply("loudness", -23.0, sine(1.0, 997.0, 3.0))[1000, 0] / sine(1.0, 997.0, 3.0)[1000, 0]
    assert 20 * np.log10(gain) == pytest.approx(-23 + 3.01, abs=0.01)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (sine(0.5, seconds=0.39), "LUFS is defined from 0.4 s .* a clip has 0.39 s"),
        (sine(1e-4), "under -70 LUFS"),
        (np.zeros((SAMPLERATE, 2), np.float32), "under -70 LUFS"),
    ],
)
def test_a_clip_that_has_no_loudness_is_refused(audio, message):
    with pytest.raises(InputError, match=message):
        apply("loudness", -23.0, audio)


def test_a_sample_rate_without_the_standards_filter_is_refused():
    process = choose("loudness", {"effect": "loudness"}).build(-23.0, 3000)
    with pytest.raises(InputError, match=r"and 4000 Hz.* a clip has 14\.7 s, 3000 Hz and 1"):
        process(sine(0.5))


@pytest.mark.parametrize("width", [0.0, 0.5, 1.5, 2.0])
def test_width_keeps_the_middle_and_scales_the_side(width):
    audio = np.random.default_rng(1).uniform(-0.4, 0.4, (4000, 2)).astype(np.float32)
    effected = apply("stereo_width", width, audio)
    np.testing.assert_allclose(effected.sum(axis=1), audio.sum(axis=1), atol=2e-7)
    side, before = np.diff(effected, axis=1), np.diff(audio, axis=1)
    np.testing.assert_allclose(side, width * before, atol=3e-7)
