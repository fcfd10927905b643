"""Shared code of untrained controls: noise for calibration, and a hash of weights."""

import hashlib
from collections.abc import Mapping

import numpy as np

# Clips for the statistics of batch normalisations.
N_PINK_CLIPS = 64


def pink_noise(random: np.random.Generator, samplerate: int, duration_s: float = 3.0) -> np.ndarray:
    """Make noise with power proportional to 1 / frequency and peak 1: (frames,) float64."""
    n_samples = round(duration_s * samplerate)
    spectrum = np.fft.rfft(random.standard_normal(n_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, n_samples)
    return noise / np.abs(noise).max()


def variables_sha256(variables: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of names, shapes and float32 bytes, in name order."""
    digest = hashlib.sha256()
    for name in sorted(variables):
        digest.update(f"{name} {list(variables[name].shape)}\n".encode())
        digest.update(np.ascontiguousarray(variables[name], "<f4").tobytes())
    return digest.hexdigest()
