"""Noise added at a ratio of signal to noise: white, pink, or from a folder of one's own.

Grids in use: -30 to 50 dB (synesis), 5 to 40 (AudioMarkBench), 20 to 60 (RAW-Bench);
`{start: -10, stop: 50, step: 5}`. A clip has one noise at all levels, its own in each channel. With
`noises`, a file or folder of recordings, it is a random part of one of those in place of `color`.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.powers import add_at_ratio


def make_noise(level: float, samplerate: int, color: str, noises: str, seed: int) -> Callable:
    """Add noise of the clip's power less `level` dB."""
    import numpy as np

    from embedding_sensitivity.effects.own_audio import read_one

    def draw(rng, frames: int, channels: int):
        if noises:
            noise = read_one(noises, rng, samplerate, channels)
            start = rng.integers(max(1, len(noise) - frames + 1))
            return np.resize(noise[start:], (frames, channels))
        noise = rng.standard_normal((channels, frames), np.float32)
        return (noise if color == "white" else make_pink(noise)).T

    def process(audio):
        noise = draw(np.random.default_rng(seed), *audio.shape)
        return add_at_ratio(audio, noise, level, noises)

    return process


def make_pink(white):
    """Return noise, (channels, frames), with a power that falls as 1 / frequency."""
    import numpy as np
    from scipy.fft import irfft, next_fast_len, rfft

    frames = white.shape[1]
    padded = next_fast_len(frames, real=True)
    spectrum = rfft(white, padded)
    bins = np.arange(spectrum.shape[1], dtype=np.float32)
    bins[0] = np.inf  # no constant
    return irfft(spectrum / np.sqrt(bins), padded)[:, :frames]


EFFECT = Effect(
    parameter="SNR",
    unit="dB",
    decimals=None,
    range=(-60.0, 100.0),
    # No level is neutral: that would be infinite.
    mild_end="high",
    options={"color": "white", "noises": ""},
    choices={"color": ("white", "pink")},
    paths=("noises",),
    make=make_noise,
    needs_seed=True,
    seconds=1 / 200,
    packages=("numpy", "scipy", "soundfile", "soxr"),
    computes_with=(
        "embedding_sensitivity.effects.powers",
        "embedding_sensitivity.effects.own_audio",
        "embedding_sensitivity.clips.audio",
        "embedding_sensitivity.clips.decoding",
    ),
)
