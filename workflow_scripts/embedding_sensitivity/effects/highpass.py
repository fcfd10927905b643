"""A Chebyshev II high-pass filter, the mirror image of the authors' low-pass.

Grids in use: 10 to 500 Hz (RAW-Bench); `{geometric: [20, 2000, 15]}`.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.lowpass import EDGE_RATIO
from embedding_sensitivity.effects.lowpass import EFFECT as LOWPASS


def make_highpass(
    level: float, samplerate: int, passband_ripple_db: float, stopband_attenuation_db: float
) -> Callable:
    """Causal filter, from zero state."""
    from scipy.signal import cheb2ord, cheby2, sosfilt

    order, edge = cheb2ord(
        level * EDGE_RATIO,
        level / EDGE_RATIO,
        passband_ripple_db,
        stopband_attenuation_db,
        fs=samplerate,
    )
    sections = cheby2(order, stopband_attenuation_db, edge, "highpass", output="sos", fs=samplerate)
    return lambda audio: sosfilt(sections, audio, axis=0)


def find_pass_edge_fault(level: float, samplerate: int) -> str | None:
    """Why the filter can't be designed at a sample rate: its pass edge must be below Nyquist."""
    if level * EDGE_RATIO < samplerate / 2:
        return None
    return (
        f"cutoff frequency {level:g} Hz leaves nothing under half the sample rate, "
        f"{samplerate / 2:g} Hz: stay under {samplerate / 2 / EDGE_RATIO:g} Hz"
    )


EFFECT = Effect(
    parameter="cutoff frequency",
    unit="Hz",
    decimals=None,
    range=(20.0, 96000.0),
    scale="log",
    mild_end="low",
    options={"passband_ripple_db": 3, "stopband_attenuation_db": 80},
    parameters=LOWPASS.parameters,
    find_fault_at=find_pass_edge_fault,
    make=make_highpass,
    seconds=1 / 240,
    packages=("numpy", "scipy"),
    computes_with=("embedding_sensitivity.effects.lowpass",),
)
