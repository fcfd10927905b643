"""Packets that are lost, each on its own, and silent in the result.

A packet has a random number and is lost at all rates above it: what is lost at a level is lost at
each higher one. Grid of our own: `[0, 1, 2, 5, 10, 20, 30]`, after work on speech, with 0 to 30 %
of packets of 20 ms. At 1 % one clip of 3 s in five loses nothing.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect, Parameter


def make_packet_loss(level: float, samplerate: int, packet_ms: float, seed: int) -> Callable:
    """Silence the packets whose random number is under `level` per cent."""
    import numpy as np

    def process(audio):
        packets = (np.arange(len(audio)) * (1000 / packet_ms / samplerate)).astype(int)
        numbers = np.random.default_rng(seed).random(packets[-1] + 1)
        return np.where(numbers[packets, None] < level / 100, np.float32(0), audio)

    return process


EFFECT = Effect(
    parameter="packet loss",
    unit="%",
    decimals=None,
    range=(0.0, 100.0),
    neutral=0.0,
    options={"packet_ms": 20.0},
    parameters={"packet_ms": Parameter("packet length", "ms", (1.0, 1000.0), mild_end="low")},
    make=make_packet_loss,
    needs_seed=True,
    seconds=1 / 900,
    packages=("numpy",),
)
