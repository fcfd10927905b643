"""Opus at a constant bit rate, by libopus at 48 kHz, resampled there and back.

Grids in use: 1, 2, 4, 8, 16, 31 kbit/s for speech (AudioMarkBench), 64 for music (Deezer);
`{geometric: [6, 256, 12]}`. The codec has no rate under 6 kbit/s; under 16 it may lag by a few
samples, by another number in each clip.
"""

from collections.abc import Callable

from embedding_sensitivity.effects.codecs import (
    declare,
    decode,
    encode,
    fit_frames,
    is_reached,
    refuse_rate,
)

SAMPLERATE = 48000


def make_opus(level: float, samplerate: int) -> Callable:
    """Resample, encode, decode and resample back."""
    import soxr

    def process(audio):
        inner = soxr.resample(audio, samplerate, SAMPLERATE, quality="VHQ")
        content = encode(inner, SAMPLERATE, level, "libopus", "ogg", vbr="off")
        decoded, written = decode(content, "ogg", len(inner))
        if not is_reached(written, level):
            raise refuse_rate("Opus", level, f"{written:.0f} kbit/s")
        decoded = soxr.resample(decoded, SAMPLERATE, samplerate, quality="VHQ")
        return fit_frames(decoded, len(audio))

    return process


EFFECT = declare(make_opus, (6.0, 256.0), 1 / 18, "soxr")
