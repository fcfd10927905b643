"""Passes through a telephone: to 8 kHz, through GSM 06.10 or mu-law (G.711), and back.

Each pass resamples, at instants of its own, as where two networks meet: at the same ones mu-law
would change nothing after the first. Grid of our own: `[1, 2, 4, 8]`, robustness
work having one pass. GSM's waveform comes early by a twentieth of a sample at 8 kHz in each pass.
"""

import io
from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.codecs import fit_frames

SAMPLERATE = 8000
SUBTYPES = {"gsm": "GSM610", "mu-law": "ULAW"}


def make_telephone(level: float, samplerate: int, codec: str) -> Callable:
    """Pass each channel through the codec `level` times."""
    import numpy as np
    import soundfile
    import soxr

    def pass_once(channel):
        inner = soxr.resample(channel, samplerate, SAMPLERATE, quality="VHQ")
        pcm = np.clip(np.rint(inner * 32768), -32768, 32767).astype(np.int16)
        file = io.BytesIO()
        soundfile.write(file, pcm, SAMPLERATE, format="WAV", subtype=SUBTYPES[codec])
        decoded, _ = soundfile.read(io.BytesIO(file.getvalue()), len(inner), dtype="float32")
        back = soxr.resample(decoded, SAMPLERATE, samplerate, quality="VHQ")
        return fit_frames(back[:, None], len(channel))[:, 0]

    def process(audio):
        effected = np.empty(audio.shape, np.float32, order="F")
        for number in range(audio.shape[1]):
            channel = audio[:, number]
            for late in range(int(level)):
                channel = pass_once(np.pad(channel, (late, 0)))[late:]
            effected[:, number] = channel
        return effected

    return process


EFFECT = Effect(
    parameter="passes",
    unit="",
    decimals=0,
    range=(1.0, 16.0),
    mild_end="low",
    options={"codec": "gsm"},
    choices={"codec": tuple(SUBTYPES)},
    make=make_telephone,
    seconds=1 / 20,
    packages=("numpy", "soundfile", "soxr"),
    computes_with=("embedding_sensitivity.effects.codecs",),
)
