"""The clip index: one row for every clip of an experiment (``clips.csv``)."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sensitivity.cells import escaped_row
from sensitivity.csv_files import read_rows
from sensitivity.files import replacing


@dataclass(frozen=True)
class Clip:
    """One audio excerpt. `frames` is its length in samples per channel.

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


COLUMNS = tuple(field.name for field in fields(Clip))


def write_clips(path: str | Path, clips: Iterable[Clip]) -> None:
    """Write the index, sorted by clip id."""
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        ordered = sorted(clips, key=lambda clip: clip.clip)
        writer.writerows(escaped_row(asdict(clip)) for clip in ordered)


def read_clips(path: str | Path) -> list[Clip]:
    """Read the index, in clip id order."""
    kinds = {field.name: field.type for field in fields(Clip)}
    rows = read_rows(path, COLUMNS)
    return [Clip(**{key: kinds[key](value) for key, value in row.items()}) for row in rows]


def in_split(clips: Iterable[Clip]) -> list[Clip]:
    """The clips that are embedded, in clip id order: the row order of every embedding store."""
    return sorted((clip for clip in clips if clip.split), key=lambda clip: clip.clip)


def by_split_row(clips: Iterable[Clip], split: str) -> list[Clip]:
    """The clips of ``train`` or ``test`` in the order of the split: the protocol's order."""
    return sorted((clip for clip in clips if clip.split == split), key=lambda clip: clip.split_row)
