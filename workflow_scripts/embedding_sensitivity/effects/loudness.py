"""Each clip at the same loudness, in LUFS (ITU-R BS.1770-4).

Grids in use: -31 to -13 LUFS (audiomentations); `{start: -40, stop: -8, step: 2}`. Clips shorter
than 0.4 s or quieter than -70 LUFS have no loudness and are refused. Peaks may exceed full scale:
with `audio: pcm16` they are clipped.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.chain import MAX_LUFS_CHANNELS, measure_lufs


def make_loudness(level: float, samplerate: int) -> Callable:
    """Amplify a clip to `level` LUFS."""
    import numpy as np

    return lambda audio: audio * np.float32(10 ** ((level - measure_lufs(audio, samplerate)) / 20))


EFFECT = Effect(
    parameter="loudness",
    unit="LUFS",
    decimals=None,
    range=(-70.0, 0.0),
    # No level is neutral: each clip has its own loudness.
    mild_end="high",
    make=make_loudness,
    max_channels=MAX_LUFS_CHANNELS,
    seconds=1 / 60,
    packages=("numpy", "scipy", "pyloudnorm"),
    computes_with=("embedding_sensitivity.effects.chain",),
)
