"""A clip of another recording mixed in, at a ratio of the clip's power to that clip's.

Grid of our own: `{start: -20, stop: 30, step: 5}`. The clip keeps its own loudness: give `match`
for the mixture to have it. The other clip is the same at all levels, cut or repeated to the length.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.powers import add_at_ratio


def make_mix(level: float, samplerate: int, seed: int, other) -> Callable:
    """Add `other` with the clip's power less `level` dB."""
    import numpy as np

    def process(audio):
        repeated = np.resize(other, (len(audio), other.shape[1]))
        return add_at_ratio(audio, repeated, level, "the clip that is mixed in")

    return process


EFFECT = Effect(
    parameter="target-to-mixture ratio",
    unit="dB",
    decimals=None,
    range=(-60.0, 100.0),
    mild_end="high",
    make=make_mix,
    needs_seed=True,
    needs_other=True,
    seconds=1 / 250,
    packages=("numpy",),
    computes_with=("embedding_sensitivity.effects.powers",),
)
