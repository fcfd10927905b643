"""Synthetic audio, WAV files without any package, and a distance of embeddings."""

import io
import math
import struct
import wave
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path


def write_wav(
    file, frames: Iterable[Sequence[int]], samplerate: int = 44100, channels: int = 2
) -> None:
    """Write frames of 16-bit samples, one for each channel, to a path or file."""
    with wave.open(str(file) if hasattr(file, "__fspath__") else file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(samplerate)
        wav.writeframes(b"".join(struct.pack(f"<{channels}h", *frame) for frame in frames))


def write_clip(
    path,
    seed: int = 1,
    rate: int = 8000,
    seconds: float = 0.2,
    channels: int = 1,
    amplitude: int = 8000,
) -> None:
    """Write a 16-bit WAV of a tone, the same in every channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = (math.sin(index * (0.05 + 0.01 * seed)) for index in range(int(rate * seconds)))
    write_wav(path, ([int(amplitude * value)] * channels for value in tone), rate, channels)


class Pipe(io.BytesIO):
    """A file without seek."""

    def seekable(self):
        return False

    seek = tell = None


def encode(audio, rate, codec, container, muxing=(), file=None, n_streams=1, **coding):
    """Encode audio by FFmpeg into `file`, or into memory, and return the bytes."""
    import av
    import numpy as np

    file = file or io.BytesIO()
    with av.open(file, "w", format=container, options=dict(muxing)) as out:
        for _ in range(n_streams):
            layout = {1: "mono", 2: "stereo"}[audio.shape[1]]
            bit_rate, sample_format = (coding.pop(key, None) for key in ("bit_rate", "format"))
            stream = out.add_stream(codec, rate=rate, layout=layout, options=coding)
            if bit_rate:
                stream.bit_rate = bit_rate
            if sample_format:
                stream.format = sample_format
        pcm = np.round(audio * 32768).astype(np.int16)
        for stream in out.streams.audio:
            frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
            out.mux(stream.encode(frame))
        for stream in out.streams.audio:
            out.mux(stream.encode(None))
    return Path(file).read_bytes() if isinstance(file, str) else file.getvalue()


def relative(found, expected) -> float:
    """Return the relative L2 difference."""
    import numpy as np

    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def chord(seconds: float, samplerate: int = 44100, seed: int = 0, channels: int = 2):
    """Make a decaying chord over noise, float32 (frames, channels)."""
    import numpy as np

    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * samplerate)) / samplerate
    tones = random.uniform(100, 3000, (6, channels))
    audio = np.sin(2 * np.pi * tones * time[:, None, None]).mean(axis=1) * np.exp(-time)[:, None]
    return (0.5 * audio + 0.01 * random.standard_normal(audio.shape)).astype(np.float32)
