"""The clip index: one row for every clip of an experiment (``clips.csv``)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from embedding_sensitivity.files.csv_files import read_rows, write_rows

# Limits of a clip. Outside these rates the low-pass has no room or no precision, and nothing was
# recorded. A file of an hour or of a thousand channels is not a clip.
SAMPLERATES = (1_000, 768_000)  # Hz
MAX_CHANNELS = 32
MIN_DURATION_S = 0.05  # the longest frame of a spectrogram: logmel's, 2048 samples at 44.1 kHz
MAX_SAMPLES = 2**26  # in all channels: 12 minutes of stereo at 44.1 kHz, 256 MiB
# Full scale is 1. MusiCNN rounds its spectrogram to float16, which overflows near 12.
MAX_PEAK = 8.0
MIN_PEAK = 2.0**-24  # half a step of 24-bit audio: what has no louder sample is silent
STEP = 2.0**-15  # of 16-bit audio: a clip whose mono mix stays below is silent too
# What decodes clips, but for those of which `Clip.decoder` says more.
LIBSNDFILE = "libsndfile"


@dataclass(frozen=True)
class Clip:
    """One audio excerpt. `frames` is its length in samples per channel.

    `samplerate`, `channels` and `frames` are those after a conversion (data.convert). `decoder`
    says what decoded and converted it, with versions where it wasn't libsndfile alone.

    `split` is ``train``, ``test`` or empty (not embedded, only passed through a carried reverb).
    `split_row` is the clip's row in the split: the classifier's negatives and folds follow it.
    """

    clip: str
    path: str
    label: str
    genre: str
    group: str
    split: str
    duration_s: float
    samplerate: int
    channels: int
    sha256: str
    frames: int
    split_row: int
    decoder: str = LIBSNDFILE


@dataclass(frozen=True)
class DroppedClip:
    """A file that was left out of the index; a row of the table ``dropped_clips``."""

    clip: str
    path: str
    reason: str


COLUMNS = tuple(field.name for field in fields(Clip))


def find_form_fault(frames: int, samplerate: int, channels: int) -> str:
    """Return why audio with such a header is not a clip; empty if it may be one."""
    if not 1 <= channels <= MAX_CHANNELS:
        return f"has {channels} channels, expected 1 to {MAX_CHANNELS}"
    low, high = SAMPLERATES
    if not low <= samplerate <= high:
        return f"has a sample rate of {samplerate} Hz, expected {low} to {high} Hz"
    if frames <= 0:
        return "audio of zero length, expected samples"
    if frames * channels > MAX_SAMPLES:
        return (
            f"its header tells of {frames} frames of {channels} channels, expected at most "
            f"{MAX_SAMPLES} samples in all"
        )
    return ""


def write_clips(path: str | Path, clips: Iterable[Clip]) -> None:
    """Write the index, sorted by clip id."""
    write_rows(path, COLUMNS, map(asdict, sorted(clips, key=lambda clip: clip.clip)))


def read_clips(path: str | Path) -> list[Clip]:
    """Read the index, in clip id order."""
    kinds = {field.name: field.type for field in fields(Clip)}
    rows = read_rows(path, COLUMNS)
    return [Clip(**{key: kinds[key](value) for key, value in row.items()}) for row in rows]


def in_split(clips: Iterable[Clip]) -> list[Clip]:
    """The clips that are embedded, in clip id order: the row order of every embedding store."""
    return sorted((clip for clip in clips if clip.split), key=lambda clip: clip.clip)


def sort_by_split_row(clips: Iterable[Clip], split: str) -> list[Clip]:
    """The clips of ``train`` or ``test`` in the order of the split: the protocol's order."""
    return sorted((clip for clip in clips if clip.split == split), key=lambda clip: clip.split_row)
