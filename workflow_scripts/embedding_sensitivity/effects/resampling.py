"""Bandwidth: resampled to a lower rate and back, by soxr with linear phase.

Grids in use: 8 to 44.1 kHz (the rates of codecs and models); `{geometric: [4000, 32000, 12]}` for
clips of 44.1 kHz.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.codecs import fit_frames


def find_rate_fault(level: float, samplerate: int) -> str | None:
    """Why a rate takes nothing away from clips of a sample rate."""
    if level < samplerate:
        return None
    return f"sample rate {level:g} Hz is not below the clips', {samplerate} Hz: lower it"


def make_resampling(level: float, samplerate: int) -> Callable:
    """Resample to `level` and back."""
    import soxr

    def process(audio):
        narrow = soxr.resample(audio, samplerate, level, quality="VHQ")
        return fit_frames(soxr.resample(narrow, level, samplerate, quality="VHQ"), len(audio))

    return process


EFFECT = Effect(
    parameter="sample rate",
    unit="Hz",
    decimals=None,
    range=(1000.0, 96000.0),
    scale="log",
    mild_end="high",
    find_fault_at=find_rate_fault,
    make=make_resampling,
    seconds=1 / 150,
    packages=("numpy", "soxr"),
    computes_with=("embedding_sensitivity.effects.codecs",),
)
