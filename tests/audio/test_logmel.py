"""The handcrafted control against librosa, and closed forms."""

import librosa
import numpy as np
import pytest

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose


@pytest.fixture(scope="module")
def model():
    return choose("logmel").load()


def noise(seconds: float = 3, samplerate: int = 44100, seed: int = 0) -> np.ndarray:
    shape = (int(seconds * samplerate), 2)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def embed(model, audio: np.ndarray, samplerate: int = 44100) -> np.ndarray:
    return model.embed([model.prepare(audio, samplerate)])["embedding"][0]


@pytest.mark.more  # importing librosa takes as long as a whole suite
def test_equals_librosa(model):
    audio = noise()
    mel = librosa.feature.melspectrogram(
        y=audio.mean(axis=1), sr=44100, n_fft=2048, hop_length=512, n_mels=128
    )
    decibels = 10 * np.log10(np.maximum(mel, 1e-10))
    expected = np.concatenate([decibels.mean(axis=1), decibels.std(axis=1)])
    found = embed(model, audio)
    assert found.dtype == np.float32
    assert found.shape == (choose("logmel").dimension,) == (256,)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_gain_moves_every_mean_and_no_deviation(model):
    loud, quiet = embed(model, noise()), embed(model, noise() / 10)
    np.testing.assert_allclose(loud[:128] - quiet[:128], 20, atol=1e-3)
    np.testing.assert_allclose(loud[128:], quiet[128:], atol=1e-3)


def test_silence_and_clips_shorter_than_a_frame_are_defined(model):
    silence = embed(model, np.zeros((44100, 1), np.float32))
    np.testing.assert_allclose(silence[:128], -100, rtol=1e-6)
    np.testing.assert_allclose(silence[128:], 0, atol=1e-5)
    assert np.isfinite(embed(model, noise(0.001))).all()


def test_batch_order_channels_and_repetition_do_not_matter(model):
    clips = [noise(seconds, seed=seed) for seed, seconds in enumerate([3, 1, 2])]
    prepared = [model.prepare(clip, 44100) for clip in clips]
    single = np.stack([embed(model, clip) for clip in clips])
    np.testing.assert_array_equal(model.embed(prepared)["embedding"], single)
    np.testing.assert_array_equal(model.embed(prepared[::-1])["embedding"], single[::-1])
    mono = clips[0][:, :1]
    np.testing.assert_array_equal(embed(model, mono), embed(model, np.repeat(mono, 2, axis=1)))


@pytest.mark.parametrize("samplerate", [16000, 22050, 48000])
def test_other_rates_are_resampled_to_the_models(model, samplerate):
    tone = np.sin(2 * np.pi * 440 * np.arange(samplerate) / samplerate).astype(np.float32)[:, None]
    band = int(np.argmax(embed(model, tone, samplerate)[:128]))
    centres = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=22050)[1:-1]
    assert abs(centres[band] - 440) < 30


def test_has_no_untrained_form():
    with pytest.raises(InputError, match="logmel has no untrained control"):
        choose("logmel-untrained")
