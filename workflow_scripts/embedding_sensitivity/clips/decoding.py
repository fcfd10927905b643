"""What libsndfile doesn't decode, by PyAV (FFmpeg), and clips of another rate or channel count.

Embeddings of a clip depend on this module and its packages only where the clip needs them
(`experiment/clip_index.py`). PyAV and soxr are imported where they are used.
"""

import io
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.clips.clip import LIBSNDFILE, find_form_fault
from embedding_sensitivity.clips.containers import Container
from embedding_sensitivity.files.errors import InputError

if TYPE_CHECKING:
    from av import AudioFrame

# FFmpeg's demuxer of each kind of container; no other is tried.
DEMUXERS = {"mpeg": "mp3", "mp4": "mov", "adts": "aac", "flac": "flac", "ogg flac": "ogg"}
BITS = {"s16": 16, "s16p": 16, "s32": 32, "s32p": 32}
# soxr's resampler with 28 bits of precision and linear phase.
QUALITY = "VHQ"


def decode_by_pyav(content: bytes, container: Container, full_scale: int) -> tuple[np.ndarray, int]:
    """Decode a file's bytes: samples (frames, channels) float32, by channel, and the sample rate.

    16-bit samples are divided by `full_scale` as `clips.audio.decode` does it. What an encoder
    added before and after the audio is left out where the file tells of it.

    Raises `InputError` where that is not one stream of audio in one form, decoded whole.
    """
    try:
        import av
    except ImportError:
        raise InputError(
            "needs PyAV: add `av`, as envs/audio.yaml pins it, to the environment"
        ) from None

    file = io.BytesIO(content[slice(*container.payload)])
    try:
        with av.open(file, format=DEMUXERS[container.kind]) as opened:
            if len(opened.streams.audio) != 1:
                found = len(opened.streams.audio)
                raise InputError(f"has {found} streams of audio, expected one")
            stream = opened.streams.audio[0]
            frames, n_packets, n_samples = [], 0, 0
            for packet in opened.demux(stream):
                n_packets += bool(packet.size)
                for frame in packet.decode():
                    frames.append(frame)
                    n_samples += frame.samples
                    form = frame.sample_rate, frame.layout.nb_channels
                    if reason := find_form_fault(n_samples, *form):
                        raise InputError(reason)
            stated = stream.duration and stream.duration * stream.time_base
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"not an audio file that can be read (PyAV: {error})") from None
    if not frames:
        raise InputError("audio of zero length, expected samples")
    # FFmpeg may count the header among them.
    if container.kind == "mpeg" and n_packets not in (container.frames, container.frames + 1):
        raise InputError(
            f"holds {container.frames} frames of MPEG audio, of which PyAV finds {n_packets}"
        )
    audio, samplerate = _join(frames, full_scale)
    if container.kind == "mp4" and stated:
        # A length in milliseconds says less than the frames do.
        n_stated, unit = round(stated * samplerate), 1 + samplerate // container.timescale
        if len(audio) < n_stated - unit:
            raise InputError(f"holds {len(audio)} frames, its header tells of {n_stated}")
        if len(audio) > n_stated + unit:
            audio = audio[:n_stated]
    return np.asfortranarray(audio), samplerate


def _join(frames: "list[AudioFrame]", full_scale: int) -> tuple[np.ndarray, int]:
    """Return the samples of frames that follow each other, (frames, channels) float32."""
    samplerate, channels = frames[0].sample_rate, frames[0].layout.nb_channels
    parts, position = [], None
    for frame in frames:
        if (frame.sample_rate, frame.layout.nb_channels) != (samplerate, channels):
            raise InputError("changes its sample rate or channels: two files are joined")
        ticks = frame.time_base * samplerate
        if frame.pts is not None:
            if position is not None and abs(frame.pts * ticks - position) > max(2, 2 * ticks):
                raise InputError("lacks audio in its middle: it is damaged")
            position = frame.pts * ticks + frame.samples
        # Shorter than the frame at the end of AAC, whose frames are of one size.
        n_kept = round(frame.duration * ticks) if frame.duration else frame.samples
        samples = frame.to_ndarray()
        if not frame.format.is_planar:
            samples = samples.reshape(-1, channels).T
        if bits := BITS.get(frame.format.name):
            scale = full_scale if bits == 16 else 2 ** (bits - 1)
            samples = np.multiply(samples, np.float32(1 / scale), dtype=np.float32)
        elif samples.dtype != np.float32:
            raise InputError(f"has samples in FFmpeg's format {frame.format.name}: unknown")
        parts.append(samples[:, :n_kept])
    return np.concatenate(parts, axis=1).T, samplerate


def convert(audio: np.ndarray, samplerate: int, form: tuple[int, int]) -> np.ndarray:
    """Bring audio, (frames, channels), to a form: sample rate in Hz and channels.

    Several channels become one by their mean, one becomes several by copies; then soxr resamples
    at its highest quality. Raises `InputError` for other numbers of channels.
    """
    new_rate, new_channels = form
    channels = audio.shape[1]
    if channels != new_channels:
        if 1 not in (channels, new_channels):
            raise InputError(
                f"has {channels} channels, of which data.convert makes no {new_channels}, only one"
            )
        audio = np.repeat(audio.mean(axis=1, keepdims=True), new_channels, axis=1)
    if samplerate != new_rate:
        import soxr

        audio = soxr.resample(audio, samplerate, new_rate, quality=QUALITY)
    return np.asfortranarray(audio)


def describe_decoding(container: Container, found: tuple[int, int], form: tuple[int, int]) -> str:
    """Say what decoded and converted a clip, with versions where they may move its samples."""
    steps = [f"PyAV {metadata.version('av')}" if container.kind else LIBSNDFILE]
    if found[1] != form[1]:
        steps.append(f"{found[1]} to {form[1]} channels")
    if found[0] != form[0]:
        steps.append(f"{found[0]} to {form[0]} Hz by soxr {metadata.version('soxr')} {QUALITY}")
    return " + ".join(steps)
