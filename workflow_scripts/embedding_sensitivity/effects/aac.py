"""AAC (low complexity) at a bit rate, by FFmpeg's encoder.

The encoder keeps to the rate on average and writes less of what is simple: where it misses the
level by more than 10 %, it is asked for more or less until the rate is the level's. Grids in use:
64, 128, 256 kbit/s (RAW-Bench); `[24, 32, 48, 64, 96, 128]`, in stereo to 224. What it reaches
depends on the clip.
"""

import math
from collections.abc import Callable

from embedding_sensitivity.effects.codecs import declare, decode, encode, reach_rate

SAMPLERATES = (
    7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
)  # fmt: skip
# How much more or less than the level is asked for at most.
MAX_FACTOR = 6


def find_samplerate_fault(level: float, samplerate: int) -> str | None:
    """Why AAC has no such sample rate."""
    if samplerate in SAMPLERATES:
        return None
    return f"AAC has no sample rate {samplerate} Hz: convert the clips to 44100 Hz"


def make_aac(level: float, samplerate: int) -> Callable:
    """Encode and decode, aligned with the clip; a silent clip stays as it is."""

    def process(audio):
        def write(log_rate: float):
            content = encode(audio, samplerate, math.exp(log_rate), "aac", "mp4")
            return decode(content, "mp4", len(audio))

        if not audio.any():
            return audio
        first, margin = math.log(level), math.log(MAX_FACTOR)
        return reach_rate(write, level, first, first - margin, first + margin, "AAC")

    return process


EFFECT = declare(make_aac, (16.0, 400.0), 1 / 9, find_fault_at=find_samplerate_fault)
