"""Vorbis at a bit rate, by libvorbis in libsndfile.

Its rate follows the clip at a quality that one sets: so the quality is searched, clip by clip, at
which the rate is the level's. Grids in use: 48 (AudioMarkBench), 64, 128, 256 kbit/s (RAW-Bench);
`[64, 80, 96, 128, 160, 192]` for music in stereo. What it reaches depends on the clip.
"""

import io
from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.codecs import decode, reach_rate


def make_vorbis(level: float, samplerate: int) -> Callable:
    """Encode and decode, aligned with the clip; a silent clip stays as it is."""
    import soundfile

    def process(audio):
        def write(quality: float):
            file = io.BytesIO()
            soundfile.write(
                file, audio, samplerate, format="OGG", subtype="VORBIS",
                compression_level=1 - quality,
            )  # fmt: skip
            return decode(file.getvalue(), "ogg", len(audio))

        return reach_rate(write, level, 0.5, 0.0, 1.0, "Vorbis") if audio.any() else audio

    return process


EFFECT = Effect(
    parameter="bit rate",
    unit="kbit/s",
    decimals=None,
    range=(32.0, 400.0),
    scale="log",
    mild_end="high",
    make=make_vorbis,
    max_channels=2,
    packages=("numpy", "av", "soundfile"),
    computes_with=("embedding_sensitivity.effects.codecs",),
)
