"""MP3 at a constant bit rate, by LAME.

Grids in use: 8 to 40 kbit/s for speech (AudioMarkBench), 64 to 256 for music (RAW-Bench);
`[32, 40, 48, 64, 96, 128, 192, 256, 320]` for clips of 44.1 kHz.
"""

from collections.abc import Callable

from embedding_sensitivity.effects.codecs import declare, decode, encode, is_reached, refuse_rate

# The rates of layer III in kbit/s, of MPEG-1, MPEG-2 and MPEG-2.5 (ISO 11172-3, 13818-3), by the
# sample rates that these have. LAME takes the nearest one and says nothing.
MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
RATES = {
    **dict.fromkeys((32000, 44100, 48000), MPEG1),
    **dict.fromkeys((16000, 22050, 24000), MPEG2),
    **dict.fromkeys((8000, 11025, 12000), MPEG2[:8]),
}


def nearest_rate(level: float, samplerate: int) -> int:
    """Return the codec's bit rate nearest to a level."""
    return min(RATES[samplerate], key=lambda rate: abs(rate - level))


def find_rate_fault(level: float, samplerate: int) -> str | None:
    """Why MP3 has no such bit rate at a sample rate."""
    if samplerate not in RATES:
        return f"MP3 has no sample rate {samplerate} Hz: convert the clips to 44100 Hz"
    if is_reached(nearest_rate(level, samplerate), level):
        return None
    rates = ", ".join(map(str, RATES[samplerate]))
    return f"bit rate {level:g} kbit/s is none of MP3's at {samplerate} Hz: take some of {rates}"


def make_mp3(level: float, samplerate: int) -> Callable:
    """Encode and decode, aligned with the clip."""

    def process(audio):
        rate = nearest_rate(level, samplerate)
        content = encode(audio, samplerate, rate, "libmp3lame", "mp3")
        decoded, written = decode(content, "mp3", len(audio))
        if not is_reached(written, level):
            raise refuse_rate("MP3", level, f"{written:.0f} kbit/s")
        return decoded

    return process


EFFECT = declare(make_mp3, (16.0, 320.0), 1 / 7, find_fault_at=find_rate_fault)
