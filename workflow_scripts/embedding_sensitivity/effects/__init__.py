"""The audio effects: one entry of `EFFECTS` each.

Imports the standard library alone, because the configuration is checked in Snakemake's own
environment, which has no NumPy; what computes is imported by the functions that compute.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from embedding_sensitivity.files.errors import InputError

# The authors' low-pass (spec section 3): pass and stop edge are this factor below and above the
# cutoff.
EDGE_RATIO = 1.1
PASSBAND_RIPPLE_DB = 3
STOPBAND_ATTENUATION_DB = 80


@dataclass(frozen=True)
class Effect:
    """One effect and the parameter whose values are its levels.

    `make(level, samplerate)` returns a function from one clip, float32 (frames, channels), to the
    effected clip of the same shape, float32 or float64. If `stateful`, that function also has a
    method ``reset()``, and what it returns depends on the clips it was given since the last reset.
    """

    name: str
    parameter: str
    unit: str
    decimals: int  # of a level string
    low: float  # accepted levels, inclusive
    high: float
    neutral: float | None  # the level at which the effect does nothing
    log_axis: bool
    make: Callable[[float, int], Callable]
    stateful: bool = False
    max_channels: int | None = None


def make_gain(level: float, samplerate: int) -> Callable:
    """x times 10**(level / 20), bit for bit as ``pedalboard.Gain``."""
    import numpy as np
    import pedalboard

    # The factor is pedalboard's own, in its single-precision arithmetic: the last bit differs from
    # 10 ** (level / 20). One NumPy multiplication then costs a quarter of its process().
    board = pedalboard.Pedalboard([pedalboard.Gain(level)])
    factor = board.process(np.ones((1, 1), np.float32), samplerate)[0, 0]
    return lambda audio: audio * factor


def make_lowpass(level: float, samplerate: int) -> Callable:
    """Causal Chebyshev II low-pass from zero state (spec section 3)."""
    import numpy as np
    from scipy.signal import cheb2ord, cheby2, sosfilt

    from embedding_sensitivity.clips.compiled import filter_stereo

    order, edge = cheb2ord(
        level / EDGE_RATIO,
        level * EDGE_RATIO,
        PASSBAND_RIPPLE_DB,
        STOPBAND_ATTENUATION_DB,
        fs=samplerate,
    )
    sections = cheby2(order, STOPBAND_ATTENUATION_DB, edge, output="sos", fs=samplerate)

    def process(audio):
        if audio.shape[1] != 2:
            return sosfilt(sections, audio, axis=0)
        filtered = np.empty(audio.shape, order="F")
        filter_stereo(sections, np.ascontiguousarray(audio.T), filtered.T)
        return filtered

    return process


class Reverb:
    """``pedalboard.Reverb`` of one room size, which goes on from clip to clip until it is reset."""

    def __init__(self, level: float, samplerate: int) -> None:
        import pedalboard

        self.board = pedalboard.Pedalboard([pedalboard.Reverb(room_size=level)])
        self.samplerate = samplerate
        self.channels = 0

    def __call__(self, audio):
        if self.channels != audio.shape[1]:
            self._prepare(audio.shape[1])
        return self.board.process(audio.T, self.samplerate, reset=False).T

    def reset(self) -> None:
        self.board.reset()

    def _prepare(self, channels: int) -> None:
        # pedalboard works in blocks of 8192 frames, or of the clip's length if that is less, and
        # forgets its state at the first block that is longer than all before: so give it one.
        import numpy as np

        self.board.process(np.zeros((channels, 8192), np.float32), self.samplerate, reset=False)
        self.channels = channels


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


EFFECTS = {
    effect.name: effect
    for effect in (
        Effect(
            name="gain",
            parameter="gain",
            unit="dB",
            decimals=1,
            low=-90.0,  # pedalboard takes -100 dB and less for silence
            high=60.0,
            neutral=0.0,
            log_axis=False,
            make=make_gain,
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
            make=make_lowpass,
        ),
        Effect(
            name="reverb",
            parameter="room size",
            unit="",
            decimals=2,
            low=0.0,
            high=1.0,
            neutral=None,  # the default dry level is not 1, so room size 0 changes the clip too
            log_axis=False,
            make=Reverb,
            stateful=True,
            max_channels=2,  # pedalboard returns any further channel as it was
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
            make=make_bitcrush,
        ),
    )
}


def effect_named(name: str) -> Effect:
    """The effect called `name`; `InputError` that lists the known ones if there is none."""
    try:
        return EFFECTS[name]
    except KeyError:
        known = ", ".join(EFFECTS)
        raise InputError(f"effect {name!r} is unknown: the effects are {known}") from None


def refusal(
    effect: Effect, level: float, samplerate: int | None = None, channels: int | None = None
) -> str | None:
    """Why `level` is not accepted for audio of that form, or None if it is.

    What depends on a sample rate (the low-pass's stop edge) or a number of channels is left
    unchecked where that is not given.
    """
    unit = f" {effect.unit}" if effect.unit else ""
    if not (math.isfinite(level) and effect.low <= level <= effect.high):
        return (
            f"{effect.parameter} {level:g}{unit} is outside {effect.low:g} to {effect.high:g}{unit}"
        )
    if effect.decimals == 0 and not float(level).is_integer():
        return f"{effect.parameter} {level:g}{unit} is not a whole number"
    if effect.name == "lowpass" and samplerate and level * EDGE_RATIO >= samplerate / 2:
        return (
            f"{effect.parameter} {level:g} Hz has its stop edge at {level * EDGE_RATIO:g} Hz, "
            f"which must be below half the sample rate, {samplerate / 2:g} Hz: "
            f"stay under {samplerate / 2 / EDGE_RATIO:g} Hz"
        )
    if effect.max_channels and channels and channels > effect.max_channels:
        return (
            f"{effect.name} takes at most {effect.max_channels} channels, the clips have {channels}"
        )
    return None
