"""Reverberation by its time RT60: the clip and noise that decays by 60 dB in that time.

The tail is that of one room whose absorption varies: its energy grows in proportion to RT60, from
`direct_to_reverberant_db` at 1 s (Sabine's diffuse field). A clip has one noise at all levels, its
own in each channel. Grids in use: 0 to 3 s (synesis), 0.3 to 1 s; `{geometric: [0.1, 3, 12]}`. The
clip's length stays: what sounds after it is cut off.
"""

from collections.abc import Callable

from embedding_sensitivity.effects import Effect, Parameter


def make_tail(rt60: float, samplerate: int, shape: tuple[int, int], seed: int):
    """Return noise that decays by 60 dB in `rt60` seconds, float32.

    It is cut to `shape`, (frames, channels), or ends before.

    Its energy is `rt60`, in the mean over seeds; the samples before the decay are the same at all.
    """
    import numpy as np

    # To -80 dB, so that fits of the decay see no end.
    frames, channels = min(shape[0], round(rt60 * samplerate * 80 / 60)), shape[1]
    noise = np.random.default_rng(seed).standard_normal((frames, channels), np.float32)
    rate = np.float32(3 * np.log(10) / (rt60 * samplerate))
    decay = np.exp(-rate * np.arange(frames, dtype=np.float32))
    energy_at_1_s = samplerate / (6 * np.log(10))
    return noise * (decay / np.float32(np.sqrt(energy_at_1_s)))[:, None]


def convolve(audio, response):
    """Return a clip convolved with an impulse response, of the clip's length."""
    from scipy.signal import fftconvolve

    # By channel, as clips lie in memory.
    return fftconvolve(audio.T, response.T, axes=1)[:, : len(audio)].T


def make_reverberation(
    level: float, samplerate: int, direct_to_reverberant_db: float, seed: int
) -> Callable:
    """Add the clip convolved with the tail."""
    import numpy as np

    gain = np.float32(10 ** (-direct_to_reverberant_db / 20))

    def process(audio):
        if level == 0:
            return audio
        tail = make_tail(level, samplerate, audio.shape, seed)
        return audio + convolve(audio, gain * tail)

    return process


EFFECT = Effect(
    parameter="RT60",
    unit="s",
    decimals=None,
    range=(0.0, 10.0),
    neutral=0.0,
    options={"direct_to_reverberant_db": 0.0},
    parameters={
        "direct_to_reverberant_db": Parameter(
            "direct-to-reverberant ratio at 1 s", "dB", (-40.0, 60.0), mild_end="high"
        )
    },
    make=make_reverberation,
    needs_seed=True,
    seconds=1 / 45,
    packages=("numpy", "scipy"),
)
