"""What models do to audio before their network equals librosa's, at MusiCNN's sizes."""

import librosa
import numpy as np
import pytest
import soundfile

from embedding_sensitivity.models.shared.frontend import mel_filters, mel_power, mono_at


def chord(seconds: float, samplerate: int = 44100) -> np.ndarray:
    """A decaying stereo chord over noise."""
    random = np.random.default_rng(0)
    time = np.arange(int(seconds * samplerate)) / samplerate
    tones = random.uniform(100, 3000, (6, 2))
    audio = np.sin(2 * np.pi * tones * time[:, None, None]).mean(axis=1) * np.exp(-time)[:, None]
    return (0.5 * audio + 0.01 * random.standard_normal(audio.shape)).astype(np.float32)


@pytest.mark.more  # importing librosa takes as long as a whole suite
def test_front_end_is_librosas(tmp_path):
    np.testing.assert_array_equal(
        mel_filters(16000, 512, 96), librosa.filters.mel(sr=16000, n_fft=512, n_mels=96)
    )
    soundfile.write(tmp_path / "chord.wav", chord(2), 44100, subtype="FLOAT")
    signal, _ = librosa.load(tmp_path / "chord.wav", sr=16000)
    np.testing.assert_array_equal(mono_at(chord(2), 44100, 16000), signal)
    expected = librosa.feature.melspectrogram(
        y=signal, sr=16000, n_fft=512, hop_length=256, n_mels=96
    )
    found = mel_power(signal, 512, 256, mel_filters(16000, 512, 96))
    np.testing.assert_allclose(found, expected.T, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("target", [16000, 32000, 44100, 48000])
@pytest.mark.parametrize("samplerate", [16000, 22050, 32000, 44100, 48000, 96000])
def test_a_mono_mix_is_resampled_to_the_same_tone_at_the_networks_rate(samplerate, target):
    """A closed form, apart from the networks: 440 Hz in one channel, 1000 Hz in the other."""
    frames = np.arange(2 * samplerate) / samplerate
    tones = np.sin(2 * np.pi * np.array([440.0, 1000.0]) * frames[:, None]).astype(np.float32)
    found = mono_at(tones, samplerate, target)
    # As librosa rounds: a sample more for 22.05 and 44.1 to 48 kHz.
    assert found.dtype == np.float32 and 0 <= len(found) - 2 * target <= 1
    seconds = np.arange(len(found)) / target
    expected = np.sin(2 * np.pi * np.array([440.0, 1000.0]) * seconds[:, None]).mean(axis=1)
    # The resampler's filter reaches beyond both ends of the clip.
    inner = slice(target // 10, -target // 10)
    assert np.abs(found[inner] - expected[inner]).max() <= 2e-6
