"""The share of a room's sound: the clip and the clip convolved with an impulse response.

`impulse_responses` is a file or folder of recorded ones, of which each clip has one at all levels;
without it each has a decaying noise of `rt60` seconds. A response starts at its largest sample, the
direct sound, so that nothing lags, is cut to the clip's length, and has the energy 1. Grid of our
own: `{start: 0, stop: 1, step: 0.1}`, as pedalboard's `wet_level` goes.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect, Parameter
from embedding_sensitivity.effects.reverberation import convolve, make_tail
from embedding_sensitivity.files.errors import InputError


def make_impulse_response(
    level: float, samplerate: int, impulse_responses: str, rt60: float, seed: int
) -> Callable:
    """Cross from the clip at 0 to the convolved clip alone at 1."""
    import numpy as np

    from embedding_sensitivity.effects.own_audio import read_one

    def choose_response(shape: tuple[int, int]):
        if not impulse_responses:
            response = make_tail(rt60, samplerate, shape, seed)
        else:
            rng = np.random.default_rng(seed)
            response = read_one(impulse_responses, rng, samplerate, shape[1])
            response = response[np.abs(response).max(axis=1).argmax() :][: shape[0]]
        energy = np.sum(np.square(response, dtype=np.float64)) / shape[1]
        if energy == 0:
            raise InputError(f"{impulse_responses} has a silent file: remove it")
        return response / np.float32(np.sqrt(energy))

    def process(audio):
        if level == 0:
            return audio
        wet = convolve(audio, np.float32(level) * choose_response(audio.shape))
        return np.float32(1 - level) * audio + wet

    return process


EFFECT = Effect(
    parameter="wet share",
    unit="",
    decimals=None,
    range=(0.0, 1.0),
    neutral=0.0,
    options={"impulse_responses": "", "rt60": 0.5},
    parameters={"rt60": Parameter("RT60", "s", (0.01, 10.0), mild_end="low")},
    paths=("impulse_responses",),
    make=make_impulse_response,
    needs_seed=True,
    seconds=1 / 60,
    packages=("numpy", "scipy", "soundfile", "soxr"),
    computes_with=(
        "embedding_sensitivity.effects.reverberation",
        "embedding_sensitivity.effects.own_audio",
        "embedding_sensitivity.clips.audio",
        "embedding_sensitivity.clips.decoding",
    ),
)
