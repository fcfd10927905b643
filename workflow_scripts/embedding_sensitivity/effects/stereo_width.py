"""Stereo made narrower or wider: the difference of the channels times a factor.

Grid of our own: `{start: 0, stop: 2, step: 0.1}`, two-sided: 0 is mono, 1 the clip itself.
Robustness work has width on or off. The channels' mean stays, so a model that mixes to mono sees no
change.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect


def make_stereo_width(level: float, samplerate: int) -> Callable:
    """Multiply the side, half the difference of the channels, by `level`."""
    import numpy as np

    def process(audio):
        if level == 1:
            return audio
        middle = audio.mean(axis=1, keepdims=True)
        return middle + (audio - middle) * np.float32(level)

    return process


EFFECT = Effect(
    parameter="width",
    unit="",
    decimals=None,
    range=(0.0, 3.0),
    neutral=1.0,
    make=make_stereo_width,
    min_channels=2,
    max_channels=2,
    seconds=1 / 1900,
    packages=("numpy",),
)
