"""What makes a file a valid clip, found out by decoding all of it, and which clips are copies."""

import hashlib
import io
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from embedding_sensitivity.clips.audio import decode, read_clip, read_content
from embedding_sensitivity.clips.clip import (
    MAX_PEAK,
    MIN_DURATION_S,
    MIN_PEAK,
    STEP,
    Clip,
    find_form_fault,
)
from embedding_sensitivity.clips.containers import recognise
from embedding_sensitivity.clips.decoding import convert, describe_decoding
from embedding_sensitivity.files.errors import InputError

# Of a mono mix: its peak, the sum of its absolute values, its products with itself at these lags.
# Silence before and after changes none of them, and a step of 16 bits little.
Traits = tuple[float, ...]
LAGS = (0, 1, 10, 100, 1000)
# Copies differ by less than this, rounding of float32 included.
MAX_DIFFERENCE = 1.001 * STEP


class BadClip(InputError):
    """A file that is not a valid clip; `reason` is the message without the file and the remedy."""

    def __init__(
        self,
        path: str | Path,
        reason: str,
        remedy: str = "replace the file or take it out of the folder",
    ) -> None:
        super().__init__(f"{path}: {reason}: {remedy}")
        self.reason = str(InputError(reason))


@dataclass(frozen=True)
class Inspected:
    """A valid clip's file, after the conversion if there is one.

    Attributes
    ----------
    frames, samplerate, channels : of the clip; `samplerate` in Hz
    sha256 : of the file's bytes
    silent : whether nothing is heard of it
    decoder : what decoded and converted it
    traits : by which copies are found
    """

    frames: int
    samplerate: int
    channels: int
    sha256: str
    silent: bool
    decoder: str
    traits: Traits


def inspect_file(
    path: str | Path, may_be_silent: bool = False, form: tuple[int, int] | None = None
) -> Inspected:
    """Return what there is to know of a valid clip's file.

    Raises `BadClip` for a file that is missing, no plain file, not audio or outside the limits of
    `clips.clip`, that doesn't hold what its container promises or holds more than one audio,
    samples which are not numbers, and for a silent one unless it `may_be_silent`: also where its
    channels cancel each other, as most models hear their mean. What the header promises is not
    allocated before it is known to be within the limits.

    While it decodes, what the C libraries print on stderr is kept off it: libmpg123 has many words
    for a broken file. That is the whole process's stderr: call it from one thread.

    Parameters
    ----------
    form : sample rate in Hz and channels to convert the clip to; None to leave it as it is
    """
    try:
        str(path).encode("utf-8")
        content = read_content(path)
    except UnicodeEncodeError:
        raise BadClip(path, "its name is not UTF-8", "rename the file") from None
    except OSError as error:
        remedy = "restore the file or its permissions, or take it out of the folder"
        raise BadClip(path, f"cannot be read ({error.strerror})", remedy) from None
    if not content:
        raise BadClip(path, "the file is empty, expected audio")
    container = recognise(content)
    if container.fault:
        raise BadClip(path, container.fault)
    frames = 0
    try:
        with _silence_libraries():
            if not container.kind:
                with soundfile.SoundFile(io.BytesIO(content)) as file:
                    frames, found = file.frames, (file.samplerate, file.channels)
                    estimated = file.subtype.startswith("MPEG") and container.kind is None
                if estimated:
                    raise BadClip(path, "has no frames of MPEG audio that follow each other")
                if reason := find_form_fault(frames, *found):
                    raise BadClip(path, reason)
            audio, samplerate = decode(content)
    except soundfile.SoundFileError as error:
        # 7, "does not exist or is not a regular file", is said where no MP3 frame is found either.
        unknown = getattr(error, "code", None) == 7
        reason = "Format not recognised" if unknown else getattr(error, "error_string", str(error))
        reason = reason.rstrip(".")
        raise BadClip(path, f"not an audio file that can be read ({reason})") from None
    except BadClip:
        raise
    except InputError as error:
        raise BadClip(path, str(error)) from None
    if len(audio) < frames:
        raise BadClip(path, f"holds {len(audio)} frames, its header tells of {frames}")
    found = samplerate, audio.shape[1]
    peak = _check_numbers(path, audio)
    form = form or found
    if found != form:
        try:
            audio = convert(audio, samplerate, form)
        except InputError as error:
            raise BadClip(path, str(error)) from None
        if reason := find_form_fault(len(audio), *form):
            raise BadClip(path, reason)
        peak = _check_numbers(path, audio)
    traits = find_traits(audio)
    silent = traits[0] < STEP
    if silent and not may_be_silent:
        if peak < MIN_PEAK:
            how = f"no sample reaches {MIN_PEAK:.0e} of full scale" if peak else "every sample is 0"
        else:
            how = f"its mono mix reaches {traits[0]:.1e} of full scale, less than a 16-bit step"
        raise BadClip(path, f"is silent ({how})")
    if len(audio) / form[0] < MIN_DURATION_S:
        reason = f"lasts {len(audio) / form[0]:.4g} s, expected {MIN_DURATION_S:g} s or more"
        raise BadClip(path, reason)
    return Inspected(
        len(audio),
        *form,
        hashlib.sha256(content).hexdigest(),
        silent,
        describe_decoding(container, found, form),
        traits,
    )


def _check_numbers(path: str | Path, audio: np.ndarray) -> float:
    """Return the largest sample; refuse what is no number, or far beyond full scale."""
    lowest, highest = float(audio.min()), float(audio.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise BadClip(path, "has samples that are NaN or infinite")
    peak = max(-lowest, highest)
    if peak > MAX_PEAK:
        reach = f"its samples reach {peak:.4g}, expected at most {MAX_PEAK:g}"
        raise BadClip(path, f"{reach} where full scale is 1")
    return peak


@contextmanager
def _silence_libraries() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def find_traits(audio: np.ndarray) -> Traits:
    """Return what copies have in common but for rounding; first the peak of the mono mix."""
    mono = np.add.reduce(audio, axis=1) if audio.shape[1] > 1 else audio[:, 0]
    mono = np.ascontiguousarray(mono) * np.float32(1 / audio.shape[1])
    sizes = np.abs(mono)
    products = (np.dot(mono[: max(0, len(mono) - lag)], mono[lag:]) for lag in LAGS)
    return (float(sizes.max()), float(sizes.sum()), *map(float, products))


def find_copies(clips: Sequence[Clip], traits: Mapping[str, Traits]) -> list[tuple[Clip, Clip]]:
    """Return pairs of a training and a test clip whose audio is equal within a 16-bit step.

    Files with the same bytes are left out. `traits`, by clip, rule out nearly all pairs; the others
    are read.
    """
    train, test = ([clip for clip in clips if clip.split == part] for part in ("train", "test"))
    if not train or not test:
        return []
    known = np.array([traits[clip.clip] for clip in train])
    frames = np.array([clip.frames for clip in train])
    found = []
    for clip in test:
        mine = np.array(traits[clip.clip])
        # n samples that differ by a step at most, s: of a sum of values by n s, of products by
        # 2 s (sum of values) + n s^2; and a little for sums in float32.
        n = frames + clip.frames
        limits = np.empty_like(known)
        limits[:, 0] = STEP
        limits[:, 1] = n * STEP
        limits[:, 2:] = (2 * STEP * mine[1] + n * STEP**2)[:, None]
        limits += 1e-5 * np.abs(mine[[0, 1, *[2] * len(LAGS)]])
        near = (np.abs(known - mine) <= limits).all(axis=1)
        found += [
            (train[row], clip)
            for row in np.flatnonzero(near)
            if train[row].sha256 != clip.sha256 and _are_copies(train[row], clip)
        ]
    return found


def _are_copies(one: Clip, other: Clip) -> bool:
    """Whether two clips are the same audio, shifted, with nothing heard before or after it."""
    from scipy.signal import correlate

    a, b = read_clip(one), read_clip(other)
    mixes = [audio.mean(axis=1, dtype=np.float64) for audio in (a, b)]
    shift = int(correlate(*mixes, method="fft").argmax()) - (len(b) - 1)
    # `b` starts `shift` frames after the start of `a`.
    start = min(0, shift)
    both = np.zeros((2, max(len(a), shift + len(b)) - start, a.shape[1]), np.float32)
    both[0, -start : len(a) - start] = a
    both[1, shift - start : shift - start + len(b)] = b
    return bool(np.abs(both[0] - both[1]).max() <= MAX_DIFFERENCE)
