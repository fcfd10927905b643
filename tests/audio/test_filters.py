"""Filters against their closed forms: high-pass, peak and shelves."""

import numpy as np
import pytest
from scipy.signal import cheb2ord, cheby2, sosfilt

from embedding_sensitivity.effects import EFFECTS

SAMPLERATE = 44100


def sine(frequency, seconds=1.0, peak=0.1):
    time = np.arange(round(seconds * SAMPLERATE)) / SAMPLERATE
    one = peak * np.sin(2 * np.pi * frequency * time)
    return np.stack([one, one / 2], axis=1).astype(np.float32)


def gain_of_sine(name, level, frequency):
    """What an effect does to a sine, in dB, once it has settled: the last half second."""
    audio = sine(frequency)
    effected = EFFECTS[name].build(level, SAMPLERATE)(audio)
    half = len(audio) // 2
    gains = 10 * np.log10(np.sum(effected[half:] ** 2, axis=0) / np.sum(audio[half:] ** 2, axis=0))
    np.testing.assert_allclose(gains[0], gains[1], atol=1e-3)
    return gains[0]


@pytest.mark.parametrize("cutoff", [20.0, 250.0, 2000.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_highpass_is_scipys_filter_from_rest(cutoff, channels):
    audio = np.random.default_rng(0).uniform(-1, 1, (5000, channels)).astype(np.float32)
    order, edge = cheb2ord(cutoff * 1.1, cutoff / 1.1, 3, 80, fs=SAMPLERATE)
    sections = cheby2(order, 80, edge, "highpass", output="sos", fs=SAMPLERATE)
    effected = EFFECTS["highpass"].build(cutoff, SAMPLERATE)(audio)
    np.testing.assert_array_equal(effected, sosfilt(sections, audio.T).T)


@pytest.mark.parametrize("cutoff", [50.0, 500.0, 5000.0])
def test_highpass_keeps_what_is_above_and_takes_what_is_below(cutoff):
    impulse = np.zeros((2**17, 1), np.float32)
    impulse[0] = 1
    response = np.fft.rfft(EFFECTS["highpass"].build(cutoff, SAMPLERATE)(impulse)[:, 0])
    frequency = np.fft.rfftfreq(len(impulse), 1 / SAMPLERATE)
    loudness = 20 * np.log10(np.abs(response) + 1e-300)
    assert loudness[frequency >= cutoff * 1.1].min() >= -3
    assert loudness[frequency <= cutoff / 1.1].max() <= -80 + 0.01


@pytest.mark.parametrize("level", [-12.0, -3.0, 6.0, 12.0])
def test_peak_eq_gives_its_gain_at_its_frequency_and_none_far_off(level):
    assert gain_of_sine("peak_eq", level, 1000) == pytest.approx(level, abs=0.01)
    for far in (40, 19000):
        assert gain_of_sine("peak_eq", level, far) == pytest.approx(0, abs=0.2)
    # The closed form of the audio EQ cookbook at another frequency, Q 1.
    assert gain_of_sine("peak_eq", level, 1500) == pytest.approx(
        cookbook_peak(level, 1500), abs=0.02
    )


def cookbook_peak(gain, frequency, center=1000.0, q=1.0):
    """The response of the peaking filter of R. Bristow-Johnson's cookbook, in dB."""
    amplitude, omega = 10 ** (gain / 40), 2 * np.pi * center / SAMPLERATE
    alpha = np.sin(omega) / (2 * q)
    z = np.exp(-2j * np.pi * frequency / SAMPLERATE)
    powers = z ** np.arange(3)
    above = np.dot([1 + alpha * amplitude, -2 * np.cos(omega), 1 - alpha * amplitude], powers)
    below = np.dot([1 + alpha / amplitude, -2 * np.cos(omega), 1 - alpha / amplitude], powers)
    return 20 * np.log10(abs(above / below))


@pytest.mark.parametrize("level", [-12.0, 4.0, 12.0])
@pytest.mark.parametrize(
    ("name", "inside", "edge", "outside"),
    [("low_shelf", 20, 200, 8000), ("high_shelf", 19500, 5000, 200)],
)
def test_a_shelf_gives_its_gain_half_of_it_at_its_frequency_and_none_outside(
    name, inside, edge, outside, level
):
    assert gain_of_sine(name, level, inside) == pytest.approx(level, abs=0.1)
    assert gain_of_sine(name, level, edge) == pytest.approx(level / 2, abs=0.05)
    assert gain_of_sine(name, level, outside) == pytest.approx(0, abs=0.1)
