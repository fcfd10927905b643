"""Vorbis at a bit rate, by libvorbis in libsndfile.

Its rate follows the clip at a quality that one sets: so the quality is searched, clip by clip, at
which the rate is the level's. Grids in use: 48, 64, 128, 256 kbit/s (RAW-Bench);
`[64, 80, 96, 128, 160, 192]` for music in stereo. What it reaches depends on the clip.
"""

import io
import math
from collections.abc import Callable

from embedding_sensitivity.effects.codecs import declare, decode, reach_rate

# Rates of music in stereo at the lowest and highest quality, in kbit/s; between them the logarithm
# is about linear.
ENDS = 53.0, 315.0


def make_vorbis(level: float, samplerate: int) -> Callable:
    """Encode and decode, aligned with the clip; a silent clip stays as it is."""
    import soundfile

    span = math.log(ENDS[1] / ENDS[0])

    def process(audio):
        def write(setting: float):
            file = io.BytesIO()
            soundfile.write(
                file, audio, samplerate, format="OGG", subtype="VORBIS",
                compression_level=1 - setting / span,
            )  # fmt: skip
            return decode(file.getvalue(), "ogg", len(audio))

        if not audio.any():
            return audio
        first = math.log(level / audio.shape[1] * 2 / ENDS[0])
        return reach_rate(write, level, min(max(first, 0.0), span), 0.0, span, "Vorbis")

    return process


EFFECT = declare(make_vorbis, (32.0, 400.0), 1 / 14, "soundfile")
