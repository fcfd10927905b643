"""Resampling and mel spectrograms as in librosa, without importing it."""

from functools import lru_cache

import numpy as np
import scipy.fft
import soxr

# Samples in frames that are transformed together, so that spectra stay in the second-level cache.
BLOCK_SAMPLES = 2**16


def mono_at(audio: np.ndarray, samplerate: int, target: int) -> np.ndarray:
    """Mix (frames, channels) float32 to one channel and resample: float32 (ceil(frames ratio),).

    The mean of the channels, then soxr HQ, trimmed or zero-padded to that length: what
    ``librosa.load(path, sr=target)`` returns.
    """
    # Channel by channel: NumPy's mean over a short last axis is 30 times slower.
    mono = audio[:, 0].astype(np.float32)
    for channel in audio.T[1:]:
        mono += channel
    mono /= audio.shape[1]
    if samplerate == target:
        return mono
    length = int(np.ceil(len(mono) * (float(target) / samplerate)))
    mono = soxr.resample(mono, samplerate, target, quality="HQ")
    return np.pad(mono[:length], (0, max(0, length - len(mono))))


def mel_power(signal: np.ndarray, n_fft: int, hop: int, filters: np.ndarray) -> np.ndarray:
    """Return a mel power spectrogram, (1 + len(signal) // hop, n_mels), in the signal's precision.

    Frames are centred on multiples of `hop` over zero padding, the window a periodic Hann, as
    ``librosa.feature.melspectrogram`` has them; the transform is in float64 and then rounded.
    """
    padded = np.zeros(len(signal) + n_fft, signal.dtype)
    padded[n_fft // 2 : n_fft // 2 + len(signal)] = signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    window = hann(n_fft)
    precision = np.result_type(signal, np.complex64)
    power = np.empty((len(frames), 1 + n_fft // 2), signal.dtype)
    n_frames = max(1, BLOCK_SAMPLES // n_fft)
    for start in range(0, len(frames), n_frames):
        block = slice(start, start + n_frames)
        spectrum = scipy.fft.rfft(frames[block] * window, axis=1, overwrite_x=True)
        np.abs(spectrum.astype(precision), out=power[block])
    power *= power
    return power @ filters.T


@lru_cache
def hann(n_fft: int) -> np.ndarray:
    """Return the periodic Hann window, (n_fft,) float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


@lru_cache
def mel_filters(samplerate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Return triangles of unit area on Slaney's mel scale up to Nyquist: (n_mels, 1 + n_fft // 2).

    The scale is linear below 1000 Hz (200/3 Hz a mel) and logarithmic above (27 mels to 6400 Hz).
    Source: M. Slaney, Auditory Toolbox, 1998; librosa's default filterbank.
    """
    linear, knee, log_step = 200 / 3, 1000.0, np.log(6.4) / 27
    knee_mel = knee / linear
    top = samplerate / 2
    top_mel = top / linear if top < knee else knee_mel + np.log(top / knee) / log_step
    mels = np.linspace(0, top_mel, n_mels + 2)
    edges = np.where(mels < knee_mel, mels * linear, knee * np.exp(log_step * (mels - knee_mel)))
    widths = np.diff(edges)
    distances = edges[:, None] - np.fft.rfftfreq(n_fft, 1 / samplerate)
    rising = -distances[:-2] / widths[:-1, None]
    falling = distances[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    areas = 2 / (edges[2:] - edges[:-2])
    return (triangles * areas[:, None]).astype(np.float32)
