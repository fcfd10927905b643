"""Quantisation to fewer bits.

Grids in use: 4 to 15 bit (the paper), 2 to 6 bit (AudioMarkBench), 12 to 16 (RAW-Bench);
`{start: 4, stop: 15, step: 1}`, the paper's.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect


def make_bitcrush(level: float, samplerate: int) -> Callable:
    """rint(x * 2**level) / 2**level, bit for bit as ``pedalboard.Bitcrush``."""
    import numpy as np

    steps = np.float32(2**level)

    def process(audio):
        effected = audio * steps
        np.rint(effected, out=effected)
        effected /= steps
        return effected

    return process


EFFECT = Effect(
    parameter="bit depth",
    unit="bit",
    decimals=0,
    range=(1.0, 24.0),
    mild_end="high",
    make=make_bitcrush,
    seconds=1 / 900,
    packages=("numpy",),
)
