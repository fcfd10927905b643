"""A Chebyshev II low-pass filter, the authors'.

Grids in use: 1.6 to 18.3 kHz (the paper), 3.5 to 8 kHz (RAW-Bench);
`{geometric: [1600, 18333.3333333, 31]}`, the paper's.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect, Parameter

# The pass and the stop edge are this factor below and above the cutoff.
EDGE_RATIO = 1.1


def make_lowpass(
    level: float, samplerate: int, passband_ripple_db: float, stopband_attenuation_db: float
) -> Callable:
    """Causal filter, from zero state."""
    import numpy as np
    from scipy.signal import cheb2ord, cheby2, sosfilt

    from embedding_sensitivity.clips.compiled_loops import filter_stereo

    order, edge = cheb2ord(
        level / EDGE_RATIO,
        level * EDGE_RATIO,
        passband_ripple_db,
        stopband_attenuation_db,
        fs=samplerate,
    )
    sections = cheby2(order, stopband_attenuation_db, edge, output="sos", fs=samplerate)

    def process(audio):
        if audio.shape[1] != 2:
            return sosfilt(sections, audio, axis=0)
        filtered = np.empty(audio.shape, order="F")
        filter_stereo(sections, np.ascontiguousarray(audio.T), filtered.T)
        return filtered

    return process


def find_stop_edge_fault(level: float, samplerate: int) -> str | None:
    """Why the filter can't be designed at a sample rate: its stop edge must be below Nyquist."""
    if level * EDGE_RATIO < samplerate / 2:
        return None
    return (
        f"cutoff frequency {level:g} Hz has its stop edge at {level * EDGE_RATIO:g} Hz, which must "
        f"be below half the sample rate, {samplerate / 2:g} Hz: "
        f"stay under {samplerate / 2 / EDGE_RATIO:g} Hz"
    )


EFFECT = Effect(
    parameter="cutoff frequency",
    unit="Hz",
    decimals=3,
    range=(20.0, 96000.0),
    scale="log",
    mild_end="high",
    options={"passband_ripple_db": 3, "stopband_attenuation_db": 80},
    parameters={
        "passband_ripple_db": Parameter("passband ripple", "dB", (0.01, 10.0), mild_end="low"),
        "stopband_attenuation_db": Parameter("attenuation", "dB", (20.0, 160.0), mild_end="low"),
    },
    find_fault_at=find_stop_edge_fault,
    make=make_lowpass,
    seconds=1 / 290,
    packages=("numpy", "scipy", "numba"),
    computes_with=("embedding_sensitivity.clips.compiled_loops",),
)
