"""Codecs: written rate, lag and length; telephones and resampling against closed forms."""

import importlib
import io
import re

import av
import numpy as np
import pytest

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.files.errors import InputError
from support.golden import read_clip

SAMPLERATE = 44100
# The grids of the effects' pages, and the ends of what a codec has.
RATES = {
    "mp3": [32, 40, 48, 64, 96, 128, 192, 256, 320],
    "opus": [6, 8.435, 10, 11.86, 16, 23.45, 46.35, 64, 128.8, 181.1, 256],
    "vorbis": [64, 80, 96, 128, 160, 192, 256],
    "aac": [24, 32, 48, 64, 96, 128, 192, 224],
}
CODECS = [(name, rate) for name, rates in RATES.items() for rate in rates]
CONTAINERS = {"mp3": "mp3", "opus": "ogg", "vorbis": "ogg", "aac": "mp4"}


def music(seconds=2, channels=2):
    return np.tile(read_clip()[0], (seconds, 1))[:, :channels]


def sine(frequency, seconds=1.0, samplerate=SAMPLERATE, peak=0.5):
    time = np.arange(round(seconds * samplerate)) / samplerate
    return np.float32(peak * np.sin(2 * np.pi * frequency * time))[:, None]


def lag_of(effected, audio):
    """By how many samples the effected clip comes later."""
    size = 2 * len(audio)
    spectra = [np.fft.rfft(each[:, 0].astype(float), size) for each in (audio, effected)]
    lag = int(np.argmax(np.fft.irfft(spectra[0].conj() * spectra[1])))
    return lag if lag < size / 2 else lag - size


def snr_of(effected, audio):
    return 10 * np.log10(np.sum(audio.astype(float) ** 2) / np.sum((effected - audio) ** 2.0))


def files_written(name, monkeypatch):
    """The files that a codec writes from now on, of which the last is the one that counts."""
    module = importlib.import_module(f"embedding_sensitivity.effects.{name}")
    files, decode = [], module.decode
    monkeypatch.setattr(module, "decode", lambda *given: files.append(given[0]) or decode(*given))
    return files


def rate_of(content, container):
    """Of the coded audio but its last packet, in kbit/s."""
    with av.open(io.BytesIO(content), format=container) as opened:
        packets = [packet for packet in opened.demux(audio=0) if packet.size]
    whole = packets[:-1] or packets
    seconds = sum(float(packet.duration * packet.time_base) for packet in whole)
    return sum(packet.size for packet in whole) * 8 / seconds / 1000


@pytest.mark.parametrize(("name", "rate"), CODECS)
def test_a_codec_writes_its_rate_and_adds_no_lag(name, rate, monkeypatch):
    audio, files = music(), files_written(name, monkeypatch)
    effected = EFFECTS[name].build(rate, SAMPLERATE)(audio)
    assert effected.shape == audio.shape
    assert rate_of(files[-1], CONTAINERS[name]) == pytest.approx(rate, rel=0.1)
    most = 8 if name == "opus" and rate < 16 else 1
    half = len(audio) // 2
    for part in (slice(None), slice(half), slice(half, None)):
        assert abs(lag_of(effected[part], audio[part])) <= most


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.5])
@pytest.mark.parametrize(("name", "rate"), [("mp3", 64), ("opus", 24), ("vorbis", 96), ("aac", 96)])
def test_a_short_clip_has_its_rate_too(name, rate, seconds, monkeypatch):
    """Headers, which are most of such a file, aren't counted."""
    audio, files = music()[: round(seconds * SAMPLERATE)], files_written(name, monkeypatch)
    assert EFFECTS[name].build(rate, SAMPLERATE)(audio).shape == audio.shape
    assert rate_of(files[-1], CONTAINERS[name]) == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("frames", [2000, 44101])
def test_a_codec_keeps_any_length_and_is_better_at_a_higher_rate(name, frames):
    audio = music()[:frames]
    least, most = (EFFECTS[name].build(rate, SAMPLERATE)(audio) for rate in (96, 160))
    assert least.shape == most.shape == audio.shape
    if frames > 2000:
        assert snr_of(most, audio) > snr_of(least, audio) + 2


@pytest.mark.parametrize("name", RATES)
def test_a_silent_clip_stays_silent(name):
    audio = np.zeros((20000, 2), np.float32)
    assert np.abs(EFFECTS[name].build(96, SAMPLERATE)(audio)).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "rate", "channels", "message"),
    [
        ("aac", 256, 1, r"AAC writes \d+ to 1\d\d kbit/s of this clip, not within 10% of 256"),
        ("vorbis", 400, 1, r"Vorbis writes \d+ to \d+ kbit/s of this clip, not .* of 400: give"),
        ("vorbis", 32, 2, r"Vorbis writes \d+ to \d+ kbit/s of this clip, not .* of 32: give"),
    ],
)
def test_a_rate_that_a_codec_does_not_reach_is_refused(name, rate, channels, message):
    with pytest.raises(InputError, match=message):
        EFFECTS[name].build(rate, SAMPLERATE)(music(1, channels))


@pytest.mark.parametrize(
    ("name", "rate", "samplerate", "message"),
    [
        ("mp3", 16, 44100, "16 kbit/s is none of MP3's at 44100 Hz: take some of 32, 40, 48"),
        ("mp3", 36, 44100, "36 kbit/s is none of MP3's"),
        ("mp3", 256, 22050, "MP3's at 22050 Hz: take some of 8, 16, .*, 160"),
        ("mp3", 64, 96000, "MP3 has no sample rate 96000 Hz"),
        ("aac", 64, 40000, "AAC has no sample rate 40000 Hz"),
        ("opus", 5, 44100, "5 kbit/s is outside 6 to 256"),
        ("resampling", 44100, 44100, "44100 Hz is not below the clips', 44100 Hz"),
    ],
)
def test_what_a_format_does_not_have_is_refused_with_the_config(name, rate, samplerate, message):

    assert re.search(message, EFFECTS[name].find_fault(rate, samplerate, 2))


def test_a_written_rate_of_another_value_is_refused(monkeypatch):
    module = importlib.import_module("embedding_sensitivity.effects.mp3")
    decode = module.decode
    monkeypatch.setattr(module, "decode", lambda *given: (decode(*given)[0], 33.0))
    with pytest.raises(InputError, match=r"MP3 writes 33 kbit/s of this clip, not within 10%"):
        EFFECTS["mp3"].build(64, SAMPLERATE)(music(1))


def test_mu_law_is_g711():
    """At 8 kHz nothing is resampled: 16 steps in each octave of the magnitude, offset by 132."""
    audio = np.random.default_rng(0).uniform(-1.2, 1.2, (8000, 1)).astype(np.float32)
    pcm = np.clip(np.rint(audio.astype(float) * 32768), -32768, 32767)
    magnitude = np.minimum(np.abs(pcm), 32635) + 132
    step = 2 ** (np.floor(np.log2(magnitude)) - 4)
    expected = np.sign(pcm) * (np.floor(magnitude / step) * step + step / 2 - 132) / 32768
    effect = choose("telephone", {"codec": "mu-law"})
    np.testing.assert_allclose(effect.build(1, 8000)(audio), expected, atol=step.max() / 32768)
    error = np.abs(effect.build(1, 8000)(audio) - expected)
    assert np.mean(error < 1e-6) > 0.97  # libsndfile has 14 bits: neighbours at the steps' edges


def test_each_pass_of_mu_law_adds_its_noise():
    audio = sine(1013, 2)
    effect = choose("telephone", {"codec": "mu-law"})
    found = [snr_of(effect.build(n, SAMPLERATE)(audio), audio) for n in (1, 2, 4, 8)]
    assert 30 < found[0] < 45
    np.testing.assert_allclose(-np.diff(found), 10 * np.log10(2), atol=1)


@pytest.mark.parametrize("codec", ["gsm", "mu-law"])
def test_a_telephone_has_4_khz_and_no_lag(codec):
    effect = choose("telephone", {"codec": codec})
    audio = music()
    for passes in (1, 2, 4, 8):
        effected = effect.build(passes, SAMPLERATE)(audio)
        assert effected.shape == audio.shape
        # GSM's waveform comes a third of a sample early in each pass, a twentieth of one at 8 kHz.
        assert abs(lag_of(effected, audio)) <= (3 if (codec, passes) == ("gsm", 8) else 1)
    spectrum = np.abs(np.fft.rfft(effected[:, 0])) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLERATE)
    assert spectrum[frequency > 4100].sum() < 1e-6 * spectrum.sum()
    alone = effect.build(2, SAMPLERATE)(audio[:, 1:])
    np.testing.assert_array_equal(effect.build(2, SAMPLERATE)(audio)[:, 1:], alone)


@pytest.mark.parametrize("level", [4000.0, 7350.5, 16000.0, 32000.0])
def test_resampling_keeps_what_is_below_half_the_rate_and_nothing_above(level):
    process = EFFECTS["resampling"].build(level, SAMPLERATE)
    kept, lost = sine(0.85 * level / 2), sine(1.15 * level / 2)
    middle = slice(2000, -2000)
    np.testing.assert_allclose(process(kept)[middle], kept[middle], atol=1e-3)
    assert np.abs(process(lost)[middle]).max() < 1e-4
