"""Hard clipping at a threshold under the clip's peak, or under full scale.

Grids in use: up to 40 % of the samples (audiomentations); `{start: -40, stop: 0, step: 2}`. With
`reference: full_scale` a clip whose peak is under the threshold comes back as it was.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect


def make_clipping(level: float, samplerate: int, reference: str) -> Callable:
    """Limit samples to `level` dB of the reference, on both sides of zero."""
    import numpy as np

    factor = 10 ** (level / 20)

    def process(audio):
        if level == 0:
            return audio
        limit = np.float32(factor * (np.abs(audio).max() if reference == "peak" else 1))
        return np.clip(audio, -limit, limit)

    return process


EFFECT = Effect(
    parameter="threshold",
    unit="dB",
    decimals=None,
    range=(-80.0, 0.0),
    neutral=0.0,
    options={"reference": "peak"},
    choices={"reference": ("peak", "full_scale")},
    make=make_clipping,
    seconds=1 / 6700,
    packages=("numpy",),
)
