"""A gain in decibels.

Grids in use: -40 to 5 dB (the paper); `{start: -40, stop: 5, step: 1.5}`, the paper's. It
leaves out 0 dB, the clip itself, which a step of 2.5 has.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect


def make_gain(level: float, samplerate: int) -> Callable:
    """x times 10**(level / 20), bit for bit as ``pedalboard.Gain``."""
    import numpy as np
    import pedalboard

    # The factor is pedalboard's own, in its single-precision arithmetic: the last bit differs from
    # 10 ** (level / 20). One NumPy multiplication then costs a quarter of its process().
    board = pedalboard.Pedalboard([pedalboard.Gain(level)])
    factor = board.process(np.ones((1, 1), np.float32), samplerate)[0, 0]
    return lambda audio: audio * factor


EFFECT = Effect(
    parameter="gain",
    unit="dB",
    decimals=1,
    range=(-90.0, 60.0),  # pedalboard takes -100 dB and less for silence
    neutral=0.0,
    make=make_gain,
    seconds=1 / 900,
    packages=("numpy", "pedalboard"),
)
