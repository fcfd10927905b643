"""What codecs share: encoding and decoding by PyAV (FFmpeg), and the bit rate really written."""

import io
import math
from collections.abc import Callable

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.files.errors import InputError

# Of the rate that a level asks for: how far that written may be from it.
RATE_TOLERANCE = 0.1
MAX_TRIES = 7


def declare(
    make: Callable,
    bit_rates: tuple[float, float],
    seconds: float,
    package: str | None = None,
    find_fault_at: Callable | None = None,
) -> Effect:
    """Return the declaration of a codec whose levels are bit rates in kbit/s."""
    return Effect(
        parameter="bit rate",
        unit="kbit/s",
        decimals=None,
        range=bit_rates,
        scale="log",
        mild_end="high",
        find_fault_at=find_fault_at,
        make=make,
        max_channels=2,
        packages=("numpy", "av", *([package] if package else [])),
        computes_with=("embedding_sensitivity.effects.codecs",),
        seconds=seconds,
    )


def encode(audio, samplerate: int, kbit_s: float, encoder: str, container: str, **options: str):
    """Return the bytes of a file in which FFmpeg's `encoder` wrote a clip."""
    import av
    import numpy as np

    layout = "mono" if audio.shape[1] == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(audio.T, np.float32), format="fltp", layout=layout
    )
    frame.sample_rate, frame.pts = samplerate, 0
    file = io.BytesIO()
    with av.open(file, "w", format=container) as opened:
        # Of those that an encoder takes, what has the precision of the clip.
        formats = {each.name for each in av.Codec(encoder, "w").audio_formats}
        stream = opened.add_stream(
            encoder,
            rate=samplerate,
            layout=layout,
            format="fltp" if "fltp" in formats else "flt",
            options=options,
        )
        stream.bit_rate = round(kbit_s * 1000)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            opened.mux(packet)
    return file.getvalue()


def decode(content: bytes, container: str, frames: int):
    """Return a file's first `frames` samples, (frames, channels) float32, and its rate in kbit/s.

    The delay of the encoder is cut off by what the file says of it. The rate is that of the coded
    audio, without headers and the last packet, of which a part is cut off.
    """
    import av
    import numpy as np

    parts, packets = [], []
    with av.open(io.BytesIO(content), format=container) as opened:
        for packet in opened.demux(audio=0):
            if packet.size:
                packets.append((packet.size, float(packet.duration * packet.time_base)))
            parts += [frame.to_ndarray() for frame in packet.decode()]
    size, duration = np.sum(packets[: max(1, len(packets) - 1)], axis=0)
    audio = fit_frames(np.concatenate(parts, axis=1).T, frames)
    return audio, 8 * size / duration / 1000


def fit_frames(audio, frames: int):
    """Cut audio, or pad it with silence, to a number of frames."""
    import numpy as np

    return np.pad(audio[:frames], ((0, max(0, frames - len(audio))), (0, 0)))


def is_reached(written: float, level: float) -> bool:
    """Whether a written bit rate is that of a level."""
    return abs(written / level - 1) <= RATE_TOLERANCE


def reach_rate(write: Callable, level: float, first: float, low: float, high: float, codec: str):
    """Return the decoded clip at the encoder's setting where the written rate is the level's.

    Parameters
    ----------
    write : ``write(setting)`` returns the decoded clip and its rate in kbit/s, whose logarithm
        rises by about as much as the setting
    first, low, high : settings: the one to try first, and the ends

    Raises `InputError` that says what the codec writes of the clip where no setting is found.
    """
    setting, bottom, top = first, low, high
    for _ in range(MAX_TRIES):
        audio, written = write(setting)
        if is_reached(written, level):
            return audio
        bottom, top = (setting, top) if written < level else (bottom, setting)
        setting += math.log(level / written)
        if not bottom < setting < top:
            setting = (bottom + top) / 2
    least, most = (write(end)[1] for end in (low, high))
    raise refuse_rate(codec, level, f"{least:.0f} to {most:.0f} kbit/s")


def refuse_rate(codec: str, level: float, found: str) -> InputError:
    """Return the error of a level that a codec doesn't write."""
    return InputError(
        f"{codec} writes {found} of this clip, not within {RATE_TOLERANCE:.0%} of {level:g}: give "
        "levels that it reaches"
    )
