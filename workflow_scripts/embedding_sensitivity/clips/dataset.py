"""List audio files, take labels and groups from their names, read the split."""

import csv
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from embedding_sensitivity.clips.irmas import parse_name
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.names import find_label_fault, find_path_fault, find_text_fault

EXTENSIONS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
SPLITS = ("train", "test")
SPLIT_COLUMNS = ("instrument", "genre", "file_name", "split")
# Columns of a split file that reach tables and logs, besides the label.
SPLIT_TEXTS = ("file_name", "genre", "group")


@dataclass(frozen=True)
class SplitRow:
    """One row of a split file; `group` is None if the file has no such column."""

    clip: str
    label: str
    genre: str
    split: str
    group: str | None


def find_audio(folder: str | Path) -> list[str]:
    """Return the sorted paths of the audio files below `folder`, hidden files and folders left out.

    Raises
    ------
    InputError
        if the folder is missing, not a folder, or has no audio, or a folder below it can't be read
        or is there twice by a link; naming the file, if its name can't be used
    """
    folder = Path(folder)
    if not os.path.exists(folder):
        raise InputError(f"data.folder: {folder} does not exist: give the folder of your audio")
    if not folder.is_dir():
        raise InputError(f"data.folder: {folder} is not a folder: give the folder of your audio")
    paths, seen = [], set()
    for parent, folders, files in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        # A circle of links would be followed until the path is too long.
        if (place := (os.stat(parent).st_dev, os.stat(parent).st_ino)) in seen:
            raise InputError(
                f"data.folder: {parent} is a link to a folder that is there already: remove it"
            )
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [
            os.path.join(parent, name)
            for name in files
            if name.lower().endswith(EXTENSIONS) and not name.startswith(".")
        ]
    if not paths:
        raise InputError(
            f"data.folder: no audio file ({', '.join(EXTENSIONS)}) below {folder}: "
            "give the folder of your audio"
        )
    for path in paths:
        if reason := find_path_fault(path):
            raise InputError(f"data.folder: {path} {reason}: rename it or move it elsewhere")
    return sorted(paths)


def is_plain_file(path: str | Path) -> bool:
    """Whether a path is a readable file with a UTF-8 name, which Snakemake accepts as an input.

    It stops at a dangling link, and at a name that is not UTF-8, with words of its own.
    """
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return os.path.isfile(path) and os.access(path, os.R_OK)


def _refuse_unreadable(error: OSError) -> None:
    # os.walk would skip the folder and its clips silently.
    raise InputError(
        f"data.folder: {error.filename} cannot be read ({error.strerror}): "
        "permit it or move it elsewhere"
    )


def describe(path: str | Path) -> tuple[str, str, str]:
    """Return label, genre and group of a clip from its path alone.

    IRMAS names carry all three; otherwise the label is the parent folder's name, the genre is
    empty and the clip is a group of its own.
    """
    path = Path(path)
    return parse_name(path.stem) or (path.parent.name, "", path.stem)


def read_split(path: str | Path) -> list[SplitRow]:
    """Read a split file in the authors' form, in its row order, which is part of the protocol.

    Raises
    ------
    InputError
        naming the file and the row, for a file that is missing or can't be read, a missing column,
        an unknown split, a clip twice, a name that can't be used
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in SPLIT_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path}: no column {', '.join(missing)}: a split file has the columns "
                    f"{', '.join(SPLIT_COLUMNS)} and optionally group"
                )
            rows, seen = [], set()
            for number, row in enumerate(reader, start=2):
                name = row["file_name"] or ""
                clip = Path(name).stem if name.lower().endswith(EXTENSIONS) else name
                if not clip or not row["instrument"]:
                    raise InputError(
                        f"{path}, line {number}: no file name or no instrument: fill both in "
                        "or delete the row"
                    )
                if row["split"] not in SPLITS:
                    raise InputError(
                        f"{path}, line {number}: split is {row['split']!r}, expected train or test"
                    )
                if clip in seen:
                    raise InputError(
                        f"{path}, line {number}: clip {clip} is there twice: delete one of the rows"
                    )
                for what, reason in (
                    ("label", find_label_fault(row["instrument"])),
                    *((name, find_text_fault(str(row.get(name) or ""))) for name in SPLIT_TEXTS),
                ):
                    if reason:
                        raise InputError(f"{path}, line {number}: the {what} {reason}: rename it")
                seen.add(clip)
                rows.append(
                    SplitRow(
                        clip, row["instrument"], row["genre"] or "", row["split"], row.get("group")
                    )
                )
    except FileNotFoundError:
        raise InputError(
            f"data.split: {path} does not exist: give a CSV file or `generated`"
        ) from None
    except OSError as error:
        raise InputError(
            f"data.split: {path} cannot be read ({error.strerror}): give a CSV file that can be, "
            "or `generated`"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: not a CSV file in UTF-8 ({error}): save it as one, with commas between fields"
        ) from None
    if not rows:
        raise InputError(f"{path}: no rows: add one row a clip")
    return rows


def labels_of(paths: Iterable[str], split: list[SplitRow] | None) -> list[str]:
    """Return the labels in the split, or in the clips' names if there is no split file.

    Raises `InputError` for a folder whose name can't be a label.
    """
    if split is not None:
        return sorted({row.label for row in split})
    labels = {describe(path)[0]: path for path in paths}
    for label, path in labels.items():
        if reason := find_label_fault(label):
            raise InputError(
                f"data.folder: {path}: its folder's name, which is its label, {reason}: rename the "
                "folder, or give data.split"
            )
    return sorted(labels)


def digest(value: object) -> str:
    """Return the SHA-256 of a value as canonical JSON; stores record it for a config slice."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
