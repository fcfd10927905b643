"""Pitch shifted at the same length, by Rubber Band (``pedalboard.time_stretch``).

Grids in use: -12 to 12 semitones (synesis), -3 to 3 (Deezer); `{start: -12, stop: 12, step: 1}`,
two-sided, 0 being the clip itself. It is a phase vocoder: 0.01 semitones are about as far from the
clip as 1. ``pedalboard.PitchShift`` isn't used: it is more than 10 cents off at many levels.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.rubber_band import stretch


def make_pitch_shift(level: float, samplerate: int, preserve_formants: bool) -> Callable:
    """Shift by `level` semitones."""

    def process(audio):
        if level == 0:
            return audio
        return stretch(
            audio,
            samplerate,
            pitch_shift_in_semitones=level,
            preserve_formants=preserve_formants,
        )

    return process


EFFECT = Effect(
    parameter="pitch",
    unit="semitone",
    decimals=None,
    range=(-24.0, 24.0),
    neutral=0.0,
    options={"preserve_formants": False},
    make=make_pitch_shift,
    seconds=1 / 3.5,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.rubber_band",),
)
