"""List the files of a folder, take labels from their names, read the split.

Names are compared, and written into tables, in Unicode's form NFC.
"""

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from embedding_sensitivity.clips.irmas import parse_name
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import (
    find_label_fault,
    find_look_alikes,
    find_path_fault,
    find_text_fault,
    normalize,
)

# Of all files that `clips.audio` decodes. Not of those that seldom are audio (.mat, .htk, .raw).
EXTENSIONS = (
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
    *(".flac", ".ogg", ".oga", ".opus", ".mp1", ".mp2", ".mp3", ".m4a", ".m4b", ".aac"),
    *(".voc", ".nist", ".sph", ".paf", ".pvf", ".ircam", ".sf", ".svx", ".8svx", ".avr", ".sds"),
    ".xi",
)
SPLITS = ("train", "test")
SPLIT_COLUMNS = ("instrument", "genre", "file_name", "split")


@dataclass(frozen=True)
class SplitRow:
    """One row of a split file.

    `group` is None if the file has no such column; `file` is the clip's name or path as written.
    """

    clip: str
    label: str
    genre: str
    split: str
    group: str | None
    file: str = ""


@dataclass(frozen=True)
class PassedOver:
    """A file that is not taken for audio, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """Every file below a folder: paths of audio, sorted, and those passed over."""

    audio: Sequence[str] = ()
    passed_over: Sequence[PassedOver] = ()


def find_audio(folder: str | Path) -> Sequence[str]:
    """Return the sorted paths of the audio files below `folder`; raises as `list_folder`."""
    return list_folder(folder).audio


def list_folder(folder: str | Path) -> Listing:
    """List every file below `folder`: audio by its name's ending, the others with a reason.

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
    audio, passed_over, seen = [], [], set()
    for parent, folders, files in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        # A circle of links would be followed until the path is too long.
        if (place := (os.stat(parent).st_dev, os.stat(parent).st_ino)) in seen:
            raise InputError(
                f"data.folder: {parent} is a link to a folder that is there already: remove it"
            )
        seen.add(place)
        for name in folders:
            if name.startswith("."):
                passed_over += _list_hidden(os.path.join(parent, name))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = os.path.join(parent, name)
            if reason := _find_no_audio(name):
                passed_over.append(PassedOver(path, reason))
            else:
                audio.append(path)
    if not audio:
        raise InputError(
            f"data.folder: no audio file ({', '.join(EXTENSIONS)}) below {folder}: "
            "give the folder of your audio"
        )
    for path in audio:
        if reason := find_path_fault(path):
            raise InputError(f"data.folder: {path} {reason}: rename it or move it elsewhere")
    return Listing(sorted(audio), sorted(passed_over, key=lambda entry: entry.path))


def _find_no_audio(name: str) -> str:
    """Return why a file isn't taken for audio, by its name alone; empty if it is."""
    ending = os.path.splitext(name)[1].lower()
    if name.startswith("."):
        return "hidden: its name begins with a dot"
    if not ending:
        return "its name has no ending"
    return "" if ending in EXTENSIONS else f"its ending, {ending}, is none of an audio file"


def _list_hidden(folder: str) -> list[PassedOver]:
    """List the files of a hidden folder, or it alone if it can't be read; links aren't followed."""
    unreadable: list[OSError] = []
    found = [
        PassedOver(os.path.join(parent, name), "in a hidden folder: its name begins with a dot")
        for parent, _, files in os.walk(folder, onerror=unreadable.append)
        for name in files
    ]
    reason = "a hidden folder that cannot be read"
    return [*found, *(PassedOver(error.filename, reason) for error in unreadable)]


def _refuse_unreadable(error: OSError) -> None:
    # os.walk would skip the folder and its clips silently.
    raise InputError(
        f"data.folder: {error.filename} cannot be read ({error.strerror}): "
        "permit it or move it elsewhere"
    )


def is_plain_file(path: str | Path) -> bool:
    """Whether a path is a readable file with a UTF-8 name, which Snakemake accepts as an input.

    It stops at a dangling link, and at a name that is not UTF-8, with words of its own.
    """
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return os.path.isfile(path) and os.access(path, os.R_OK)


def name_clip(path: str | Path) -> str:
    """Return what a file's clip is called: the file's name without its ending."""
    return normalize(_stem(path))


def _stem(path: str | Path) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def files_by_id(paths: Iterable[str]) -> dict[str, str]:
    """Return the path of each clip id; raises `InputError` naming two files that share one."""
    files: dict[str, str] = {}
    shared = []
    for path in sorted(paths):
        clip = name_clip(path)
        if clip in files:
            shared.append((path, clip, files[clip]))
        else:
            files[clip] = path
    if shared:
        path, clip, other = shared[0]
        folder, name = os.path.split(path)
        raise InputError(
            f"{path}: clip id {clip} is taken by {other} ({len(shared)} such names): an id is the "
            "file's name without its ending: rename one of the two, as in "
            f"{os.path.basename(folder)}_{name}"
        )
    return files


def describe(path: str | Path, folder: str | Path | None = None) -> tuple[str, str, str]:
    """Return label, genre and group of a clip from its path alone.

    IRMAS names carry all three; otherwise the label is the parent folder's name (empty where that
    is `folder` itself, the one searched), the genre is empty and the clip is a group of its own.
    """
    return parse_name(_stem(path)) or (normalize(_label_folder(path, folder)), "", name_clip(path))


def _label_folder(path: str | Path, folder: str | Path | None) -> str:
    """Return the name of the folder that labels a clip; empty where that is the one searched."""
    parent = os.path.dirname(path)
    return "" if folder is not None and parent == os.fspath(folder) else os.path.basename(parent)


def read_split(path: str | Path, group: str | None = None, keys: bool = False) -> list[SplitRow]:
    """Read a split file in the authors' form, in its row order, which is part of the protocol.

    `group` is `data.group`: the column of recordings, where there is one of that name. A file name
    is that of a clip, or one of the `keys` of embeddings, which may have slashes in it.

    Raises
    ------
    InputError
        naming the file and the row, for a file that is missing or can't be read, a missing column,
        an unknown split, a clip twice, a name that can't be used
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(map(normalize, file))
            missing = [name for name in SPLIT_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path}: no column {', '.join(missing)}: a split file has the columns "
                    f"{', '.join(SPLIT_COLUMNS)} and optionally group"
                )
            column = group if group in reader.fieldnames else "group"
            texts = ("file_name", "genre", column)
            rows, seen = [], {}
            for number, row in enumerate(reader, start=2):
                name = row["file_name"] or ""
                clip = name if keys else os.path.basename(name)
                clip = _stem(name) if name.lower().endswith(EXTENSIONS) else clip
                if not clip or not row["instrument"]:
                    raise InputError(
                        f"{path}, line {number}: no file name or no instrument: fill both in "
                        "or delete the row"
                    )
                if row["split"] not in SPLITS:
                    raise InputError(
                        f"{path}, line {number}: split is {row['split']!r}, expected train or test"
                    )
                if seen.get(clip, name) != name:
                    raise InputError(
                        f"{path}, line {number}: {name} and {seen[clip]} would both be clip "
                        f"{clip}, for an id is the file's name without its ending: rename one of "
                        "the two files"
                    )
                if clip in seen:
                    raise InputError(
                        f"{path}, line {number}: clip {clip} is there twice: delete one of the rows"
                    )
                for what, reason in (
                    ("label", find_label_fault(row["instrument"])),
                    *((key, find_text_fault(str(row.get(key) or ""))) for key in texts),
                ):
                    if reason:
                        raise InputError(f"{path}, line {number}: the {what} {reason}: rename it")
                seen[clip] = name
                recording, genre = row.get(column), row["genre"] or ""
                rows.append(SplitRow(clip, row["instrument"], genre, row["split"], recording, name))
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


def check_paths(rows: Iterable[SplitRow], files: Mapping[str, str], split: str | Path) -> None:
    """Refuse a row of a split whose path isn't that of the file of its name.

    `files` are those of each clip id. A row may give a name, with or without its ending, or some
    of the folders above it too, or the whole path.
    """
    for row in rows:
        path = files.get(row.clip)
        if path and row.file and not _is_path_of(row.file, path):
            raise InputError(
                f"{split}: {row.file}: there is no such file, but {path}: correct the path in the "
                "split, or move the file"
            )


def _is_path_of(given: str, path: str) -> bool:
    """Whether `given` is a clip's path, or the end of it."""
    if "/" not in given and given.lower() == normalize(os.path.basename(path)).lower():
        return True
    file = PurePath(normalize(os.path.abspath(path)))
    if not given.lower().endswith(EXTENSIONS):
        file = file.with_suffix("")
    wanted = [part for part in PurePath(os.path.normpath(given)).parts if part != ".."]
    *folders, name = file.parts[-len(wanted) :]
    return wanted[:-1] == folders and wanted[-1].lower() == name.lower()


def read_columns(path: str | Path) -> list[str]:
    """Return the columns of a split file that `read_split` can read."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(map(normalize, file)))


def find_labels(
    paths: Iterable[str], split: list[SplitRow] | None, folder: str | Path | None = None
) -> list[str]:
    """Return the labels in the split, or in the clips' names if there is no split file.

    Raises `InputError` for a folder whose name can't be a label, and for labels that look alike.
    """
    if split is not None:
        labels = {row.label for row in split}
        if alike := find_look_alikes(labels):
            raise InputError(
                f"data.split: {_both(alike)}: write one of them in all rows, or rename one"
            )
        return sorted(labels)
    labels, written = {}, set()
    for path in paths:
        if label := describe(path, folder)[0]:
            labels[label] = path
            if not label.isascii():
                written.add(_label_folder(path, folder))
    for label, path in labels.items():
        if reason := find_label_fault(label):
            raise InputError(
                f"data.folder: {path}: its folder's name, which is its label, {reason}: rename the "
                "folder, or give data.split"
            )
    # As they are written: a name in two Unicode forms is two folders that look like one.
    if alike := find_look_alikes(labels) or find_look_alikes(written):
        raise InputError(
            f"data.folder: {_both(alike)}: put the clips into one folder, or rename one"
        )
    return sorted(labels)


def _both(labels: tuple[str, str]) -> str:
    shown = " and ".join(ascii(label) if not label.isascii() else repr(label) for label in labels)
    return f"the labels {shown} look alike"


def digest(value: object) -> str:
    """Return the SHA-256 of a value as canonical JSON; stores record it for a config slice."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
