"""Segments in a random order: a control of what depends on structure in time.

Spectra of whole segments, and all samples, stay. Every segment moves. Grids in use: reversed and
scrambled clips (MuQ-Eval); `{geometric: [0.1, 1.5, 8]}` for clips of 3 s. A level over two thirds
of a clip leaves it whole.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect


def make_scramble(level: float, samplerate: int, seed: int) -> Callable:
    """Cut a clip into equal segments of about `level` seconds and let each take another's place."""
    import numpy as np

    def process(audio):
        n_segments = max(1, round(len(audio) / (level * samplerate)))
        segments = np.array_split(audio, n_segments)
        order = np.random.default_rng(seed).permutation(n_segments)
        # One cycle through all: no segment follows itself.
        source = np.empty(n_segments, int)
        source[order] = np.roll(order, 1)
        return np.concatenate([segments[index] for index in source])

    return process


EFFECT = Effect(
    parameter="segment length",
    unit="s",
    decimals=None,
    range=(0.01, 10.0),
    scale="log",
    mild_end="high",
    make=make_scramble,
    needs_seed=True,
    seconds=1 / 2000,
    packages=("numpy",),
)
