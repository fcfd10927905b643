"""A clip that starts later, after silence, or earlier.

Grids in use: a lead-in of 0.15, 0.4 and 1.2 s (familiar, issue 258);
`[-1, -0.5, -0.2, -0.1, 0, 0.1, 0.2, 0.5, 1]`, two-sided, 0 being the clip itself. Length: what is
shifted out of a clip is cut and silence takes its place, or with `fill: wrap` what was cut does.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.files.errors import InputError


def make_time_shift(level: float, samplerate: int, fill: str) -> Callable:
    """Delay by `level` seconds, to the nearest sample."""
    import numpy as np

    delay = round(level * samplerate)

    def process(audio):
        if abs(delay) >= len(audio):
            raise InputError(
                f"a shift by {level:g} s leaves nothing of {len(audio) / samplerate:.3g} s: "
                "stay under the shortest clip's length"
            )
        shifted = np.roll(audio, delay, axis=0)
        if fill == "silence" and delay:
            shifted[slice(delay) if delay > 0 else slice(delay, None)] = 0
        return shifted

    return process


EFFECT = Effect(
    parameter="shift",
    unit="s",
    decimals=None,
    range=(-60.0, 60.0),
    neutral=0.0,
    options={"fill": "silence"},
    choices={"fill": ("silence", "wrap")},
    make=make_time_shift,
    seconds=1 / 10000,
    packages=("numpy",),
)
