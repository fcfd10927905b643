"""Audio in and out: clips, 16-bit samples, and the files of effected audio."""

import errno
import hashlib
import io
import json
import math
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import soundfile

from embedding_sensitivity.clips.clip import MAX_SAMPLES, Clip
from embedding_sensitivity.clips.containers import recognise
from embedding_sensitivity.clips.decoding import convert, decode_by_pyav
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5 import create_hdf5, read_hdf5, seal

# Sample formats of effected audio, by the protocol's key `audio`.
DTYPES = {"pcm16": np.dtype("<i2"), "float32": np.dtype("<f4")}

# The 16-bit value that is read as 1.0, by soundfile and librosa, and by pedalboard.
FULL_SCALE = 32768
PEDALBOARD_FULL_SCALE = 32767

# 8 bytes a sample, with room for tags or a picture.
MAX_FILE_BYTES = 8 * MAX_SAMPLES + 2**26


def to_pcm16(audio: np.ndarray) -> np.ndarray:
    """Convert to 16-bit samples as pedalboard's WAV writer does, clipped at full scale.

    Parameters
    ----------
    audio : (frames, channels) float32 or float64, without NaN

    Returns
    -------
    (frames, channels) int16, equal to
    ``clip(rint(float32(audio) * (2**31 - 1)), -2**31, 2**31 - 1) >> 16`` in double precision.

    pedalboard 0.9.26 rounds float64 input to float32 first: on 400 000 samples (random, and around
    every quantising step) this order gave the writer's samples, the other order 30 542 other ones.
    Compared with the formula for every float32 from -1 to 1, once: no difference.
    """
    from embedding_sensitivity.clips.compiled_loops import (
        quantise,  # slow to import, and only rendering quantises
    )

    pcm = np.empty(audio.shape, DTYPES["pcm16"])
    quantise(audio, pcm)
    return pcm


def from_pcm16(pcm: np.ndarray) -> np.ndarray:
    """Convert 16-bit samples to float32 as soundfile and librosa do."""
    return np.multiply(pcm, np.float32(1 / FULL_SCALE), dtype=np.float32)


def decode(content: bytes, full_scale: int = FULL_SCALE) -> tuple[np.ndarray, int]:
    """Decode an audio file's bytes: samples (frames, channels) float32, and the sample rate.

    A 16-bit sample is divided by `full_scale` as pedalboard's reader does it: multiplied by the
    float32 nearest to the reciprocal. Samples of any other format are as soundfile reads them.
    The array is contiguous by channel: what filters one channel after the other needs no copy.
    All that the header tells of is allocated first: `inspect_file` says whether that is sensible.
    What libsndfile doesn't read, or reads by an estimate of its length, PyAV decodes.
    """
    container = recognise(content)
    if container.kind:
        return decode_by_pyav(content, container, full_scale)
    # The number of frames is given: some files (G.723, XI) cannot be read "to the end".
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        if file.subtype == "PCM_16":
            audio = _by_channel(file.read(file.frames, dtype="int16", always_2d=True))
            audio *= np.float32(1 / full_scale)
        else:
            audio = _by_channel(file.read(file.frames, dtype="float32", always_2d=True))
        return audio, file.samplerate


def _by_channel(samples: np.ndarray) -> np.ndarray:
    audio = np.empty(samples.shape, np.float32, order="F")
    for channel in range(samples.shape[1]):  # all at once, NumPy takes four times as long
        audio[:, channel] = samples[:, channel]
    return audio


def read_clip(clip: Clip, full_scale: int = FULL_SCALE) -> np.ndarray:
    """Read a clip's samples, (frames, channels) float32, from exactly the indexed bytes.

    A file of another rate or number of channels than the index has is converted.
    """
    try:
        content = read_content(clip.path)
    except OSError as error:
        raise InputError(
            f"{clip.path}: indexed, but cannot be read now ({error.strerror}): put the file back, "
            "or index what is there with --forcerun index_clips"
        ) from None
    if hashlib.sha256(content).hexdigest() != clip.sha256:
        raise InputError(
            f"{clip.path}: the file has changed since it was indexed: restore it, or index it anew "
            "with --forcerun index_clips"
        )
    audio, samplerate = decode(content, full_scale)
    form = clip.samplerate, clip.channels
    return audio if (samplerate, audio.shape[1]) == form else convert(audio, samplerate, form)


def read_content(path: str | Path) -> bytes:
    """Read a file's bytes; `OSError` for other than a regular file, as a FIFO would block."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        found, most = (f"{size / 1e9:.3g} GB" for size in (status.st_size, MAX_FILE_BYTES))
        raise OSError(errno.EFBIG, f"{found}, a clip's file has at most {most}")
    return Path(path).read_bytes()


class AudioBatchWriter:
    """Writes one batch of effected audio; safe to call from several threads for different clips.

    Samples go to their places in the file directly, past HDF5, whose library has one lock for
    everything: what is written is a plain contiguous dataset.
    """

    def __init__(
        self, descriptor: int, start: int, offsets: np.ndarray, channels: int, audio: str
    ) -> None:
        self._descriptor = descriptor
        self._start = start
        self._offsets = offsets
        self._channels = channels
        self._audio = audio

    def write(self, level_index: int, clip_index: int, audio: np.ndarray) -> None:
        """Convert and store the effected clip, (frames, channels) float32 or float64."""
        first, last = self._offsets[level_index, clip_index : clip_index + 2]
        if audio.shape != (last - first, self._channels):
            raise ValueError(
                f"clip {clip_index} has the shape {audio.shape}, "
                f"expected {(last - first, self._channels)}"
            )
        if self._audio == "pcm16":
            samples = to_pcm16(audio)
        else:
            samples = np.ascontiguousarray(audio, DTYPES["float32"])
        position = self._start + int(first) * self._channels * samples.itemsize
        _write_at(self._descriptor, position, samples)


def _write_at(descriptor: int, position: int, array: np.ndarray) -> None:
    """Write a contiguous array's bytes at a position of a file."""
    rest = memoryview(array).cast("B")
    while rest:  # one call writes at most 2 GiB
        written = os.pwrite(descriptor, rest, position)
        rest, position = rest[written:], position + written


@contextmanager
def write_batch(
    path: str | Path,
    *,
    levels: Sequence[str],
    clips: Sequence[Clip],
    effect: str,
    protocol: dict,
    package_versions: dict | None = None,
    frames: np.ndarray | None = None,
) -> Iterator[AudioBatchWriter]:
    """Write the file of effected audio `path`: there whole at the end, or not at all.

    `clips` are those stored, in order; `package_versions` what they are made with; `frames` the
    lengths of effected clips (levels, clips), by default the clips' own. The whole file is
    allocated first, so that a disk without the room for it is noticed before anything is rendered;
    that, too, is an `InputError`. The file has a checksum (`files.hdf5`).
    """
    samplerate, channels = clips[0].samplerate, clips[0].channels
    dtype = DTYPES[protocol["audio"]]
    if frames is None:
        frames = np.tile([clip.frames for clip in clips], (len(levels), 1))
    ends = np.cumsum(frames, dtype=np.int64).reshape(frames.shape)
    offsets = np.concatenate([ends[:, :1] - frames[:, :1], ends], axis=1)
    shape = (int(offsets[-1, -1]), channels)
    size = math.prod(shape) * dtype.itemsize
    # Not `lasting`: the file is read at once and deleted, and has a checksum.
    with replacing(path, lasting=False) as part:
        try:
            with create_hdf5(part) as file:
                options = {"dtype": h5py.string_dtype(), "track_times": False}
                file.create_dataset("levels", data=list(levels), **options)
                file.create_dataset("clips", data=[clip.clip for clip in clips], **options)
                file.create_dataset("offsets", data=offsets, track_times=False)
                file.attrs["samplerate"] = samplerate
                file.attrs["effect"] = effect
                file.attrs["protocol"] = json.dumps(protocol, sort_keys=True)
                versions = json.dumps(package_versions or {}, sort_keys=True)
                file.attrs["package_versions"] = versions
                start = _allocate(file, shape, dtype)
            descriptor = os.open(part, os.O_WRONLY)
            try:
                if hasattr(os, "posix_fallocate"):  # not on macOS
                    os.posix_fallocate(descriptor, start, size)
                yield AudioBatchWriter(descriptor, start, offsets, channels, protocol["audio"])
            finally:
                os.close(descriptor)
            seal(part)
        except OSError as error:
            raise InputError(
                f"{path}: {size / 1e9:.3g} GB of audio could not be written "
                f"({error.strerror or error}): free that much disk or lower levels_per_job"
            ) from error


def _allocate(file: h5py.File, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Create the contiguous dataset `audio` with its room in the file; return where it starts."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)
    kind, space = h5py.h5t.py_create(dtype), h5py.h5s.create_simple(shape)
    return h5py.h5d.create(file.id, b"audio", kind, space, layout).get_offset()


class AudioBatch:
    """A file of effected audio, read clip by clip.

    ``levels`` and ``clips`` are the names in order, ``protocol`` what the audio was made under,
    ``package_versions`` what it was made with.
    Nothing of the audio is read before `clip` asks for it, and nothing is kept: mapped into
    memory, a batch of levels would count as this process's by the time it is read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with read_hdf5(self.path, "file of effected audio") as file:
            self.levels = tuple(file["levels"].asstr()[:])
            self.clips = tuple(file["clips"].asstr()[:])
            self.effect = str(file.attrs["effect"])
            self.samplerate = int(file.attrs["samplerate"])
            self.protocol = json.loads(file.attrs["protocol"])
            self.package_versions = json.loads(file.attrs["package_versions"])
            self._offsets = file["offsets"][:]
            dataset = file["audio"]
            self._layout = (dataset.dtype, dataset.id.get_offset())
            self.channels = dataset.shape[1]

    @property
    def longest_s(self) -> float:
        """Length of the longest clip in seconds."""
        return float(np.diff(self._offsets, axis=1).max()) / self.samplerate

    def samples(self, level_index: int, clip_index: int) -> np.ndarray:
        """Read the stored samples of a clip, (frames, channels) int16 or float32."""
        dtype, start = self._layout
        first, last = self._offsets[level_index, clip_index : clip_index + 2]
        start += first * self.channels * dtype.itemsize
        size = (last - first) * self.channels
        try:
            found = np.fromfile(self.path, dtype, size, offset=start)
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be read ({error.strerror or error}): run again"
            ) from None
        if len(found) < size:
            raise InputError(f"{self.path}: ends before its audio does: delete it and run again")
        return found.reshape(-1, self.channels)

    def clip(self, level_index: int, clip_index: int) -> np.ndarray:
        """Read the clip at a level, (frames, channels) float32."""
        samples = self.samples(level_index, clip_index)
        return from_pcm16(samples) if samples.dtype == DTYPES["pcm16"] else samples


def write_wavs(batch: AudioBatch, level_index: int, folder: str | Path) -> None:
    """Write one level of a batch as `folder`/<clip>.wav, in the batch's sample format."""
    folder = Path(folder)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for index, clip in enumerate(batch.clips):
            samples = batch.samples(level_index, index)
            subtype = "PCM_16" if samples.dtype == DTYPES["pcm16"] else "FLOAT"
            soundfile.write(part / f"{clip}.wav", samples, batch.samplerate, subtype)
        os.replace(part, folder)
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(f"{folder}: cannot be written ({error}): free disk or permit it") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
