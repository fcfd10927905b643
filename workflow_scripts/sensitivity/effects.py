"""The audio effects: one entry of `EFFECTS` each.

Imports the standard library alone, because the configuration is checked in Snakemake's own
environment, which has no NumPy; what computes is imported by the functions that compute.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from sensitivity.errors import InputError

# The authors' low-pass (spec section 3): pass and stop edges around the cutoff, both in decibels.
EDGE_RATIO = 1.1
PASSBAND_RIPPLE_DB = 3
STOPBAND_ATTENUATION_DB = 80


@dataclass(frozen=True)
class Effect:
    """One effect and the parameter whose values are its levels.

    `make(level, samplerate)` returns a function from one clip, float32 (frames, channels), to the
    effected clip of the same shape, float32 or float64. If `stateful`, the function has an
    attribute ``reset()`` and what it returns depends on the clips it got since the last reset.
    """

    name: str
    parameter: str
    unit: str
    decimals: int  # of a level string
    low: float  # accepted levels, inclusive
    high: float
    neutral: float | None  # the level at which the effect does nothing
    log_axis: bool
    stateful: bool
    make: Callable


def _make_gain(level: float, samplerate: int) -> Callable:
    import numpy as np

    factor = np.float32(10 ** (level / 20))
    return lambda audio: audio * factor


def _make_lowpass(level: float, samplerate: int) -> Callable:
    from scipy.signal import sosfilt

    sos = lowpass_sections(level, samplerate)
    return lambda audio: sosfilt(sos, audio, axis=0)


def lowpass_sections(cutoff: float, samplerate: int):
    """Second-order sections (n, 6) of the Chebyshev II low-pass at `cutoff` Hz."""
    from scipy.signal import cheb2ord, cheby2

    order, edge = cheb2ord(
        cutoff / EDGE_RATIO,
        cutoff * EDGE_RATIO,
        PASSBAND_RIPPLE_DB,
        STOPBAND_ATTENUATION_DB,
        fs=samplerate,
    )
    return cheby2(order, STOPBAND_ATTENUATION_DB, edge, output="sos", fs=samplerate)


def _make_reverb(level: float, samplerate: int) -> Callable:
    import pedalboard

    board = pedalboard.Pedalboard([pedalboard.Reverb(room_size=level)])

    def process(audio):
        return board.process(audio.T, samplerate, reset=False).T

    process.reset = board.reset
    return process


def _make_bitcrush(level: float, samplerate: int) -> Callable:
    import numpy as np

    steps = np.float32(2**level)
    return lambda audio: np.rint(audio * steps) / steps


EFFECTS = {
    effect.name: effect
    for effect in (
        Effect(
            name="gain",
            parameter="gain",
            unit="dB",
            decimals=1,
            low=-120.0,
            high=60.0,
            neutral=0.0,
            log_axis=False,
            stateful=False,
            make=_make_gain,
        ),
        Effect(
            name="lowpass",
            parameter="cutoff frequency",
            unit="Hz",
            decimals=3,
            low=20.0,
            high=96000.0,
            neutral=None,
            log_axis=True,
            stateful=False,
            make=_make_lowpass,
        ),
        Effect(
            name="reverb",
            parameter="room size",
            unit="",
            decimals=2,
            low=0.0,
            high=1.0,
            neutral=None,
            log_axis=False,
            stateful=True,
            make=_make_reverb,
        ),
        Effect(
            name="bitcrush",
            parameter="bit depth",
            unit="bit",
            decimals=0,
            low=1.0,
            high=24.0,
            neutral=None,
            log_axis=False,
            stateful=False,
            make=_make_bitcrush,
        ),
    )
}


def effect_named(name: str) -> Effect:
    """The effect called `name`; `InputError` that lists the known ones if there is none."""
    try:
        return EFFECTS[name]
    except KeyError:
        raise InputError(
            f"effect {name!r} is unknown: the effects are {', '.join(EFFECTS)}"
        ) from None


def level_string(effect: Effect, level: float) -> str:
    """The level as paths, stores and tables write it."""
    return f"{level + 0.0:.{effect.decimals}f}"  # -0.0 is 0.0


def refusal(effect: Effect, level: float, samplerate: int | None = None) -> str | None:
    """Why `level` is not accepted, or None if it is.

    Without a sample rate what depends on it (the low-pass's stop edge) is left unchecked.
    """
    of_unit = f" {effect.unit}" if effect.unit else ""
    if not (math.isfinite(level) and effect.low <= level <= effect.high):
        return (
            f"{effect.parameter} {level:g}{of_unit} is outside "
            f"{effect.low:g} to {effect.high:g}{of_unit}"
        )
    if effect.decimals == 0 and not float(level).is_integer():
        return f"{effect.parameter} {level:g} is not a whole number"
    if effect.name == "lowpass" and samplerate and level * EDGE_RATIO >= samplerate / 2:
        return (
            f"{effect.parameter} {level:g} Hz has its stop edge at {level * EDGE_RATIO:g} Hz, "
            f"not below half the sample rate ({samplerate / 2:g} Hz): "
            f"the highest cutoff is under {samplerate / 2 / EDGE_RATIO:.3f} Hz"
        )
    return None
