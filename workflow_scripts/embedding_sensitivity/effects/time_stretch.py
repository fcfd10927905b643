"""Tempo changed at the same pitch, by Rubber Band (``pedalboard.time_stretch``).

Grids in use: 0.5 to 2 (synesis), 0.7 to 1.5 (AudioMarkBench), 0.8 to 1.2 (Deezer);
`{geometric: [0.5, 2, 25]}`, two-sided, 1 being the clip itself. Length: at twice the speed a clip
has half its length, and models get it so; one that would last under 0.05 s is refused.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.rubber_band import stretch


def make_time_stretch(level: float, samplerate: int) -> Callable:
    """Play `level` times as fast."""
    return lambda audio: audio if level == 1 else stretch(audio, samplerate, stretch_factor=level)


def stretch_frames(level: float, frames: int) -> int:
    """Return the length of a clip of `frames` at a speed."""
    return int(frames / level + 0.5)  # half a sample counts as one, as Rubber Band does


EFFECT = Effect(
    parameter="speed",
    unit="",
    decimals=None,
    range=(0.25, 4.0),
    scale="log",
    neutral=1.0,
    frames_at=stretch_frames,
    make=make_time_stretch,
    seconds=1 / 4,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.rubber_band",),
)
