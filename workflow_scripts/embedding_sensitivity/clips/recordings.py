"""Recordings: which one a clip was cut from, and what readers are told where that is amiss.

Clips of one recording are not independent: a split that tears a recording apart tests on what it
was trained on, and intervals over clips are too narrow. Standard library only.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import find_text_fault, normalize

# An interval over fewer recordings than these is hardly one.
MIN_TEST_RECORDINGS = 10


@dataclass(frozen=True)
class LabelRecordings:
    """Clips and recordings of a label; a row of the table ``recordings``.

    `torn` recordings are in training and test; of `unnamed` clips nothing says the recording;
    `shared` recordings have clips of other labels too.
    """

    label: str
    train_clips: int
    test_clips: int
    train_recordings: int
    test_recordings: int
    torn: int
    unnamed: int
    shared: int = 0


def compile_group(group: str | None, columns: Collection[str]) -> re.Pattern | None:
    """Return `data.group` as a regular expression; None where it is unset, or a column.

    Raises `InputError` for one that is neither.
    """
    if group is None or group in columns:
        return None
    try:
        return re.compile(group)
    except re.error as error:
        raise InputError(
            f"data.group: {group!r} is no regular expression ({error})"
            + (f" and no column of the split ({', '.join(columns)})" if columns else "")
            + ": give one that finds the recording in a clip's path below data.folder"
        ) from None


def name_recordings(
    files: Mapping[str, str], folder: str | Path, pattern: re.Pattern
) -> dict[str, str]:
    """Return the recording of each clip: what `pattern` finds in its path below `folder`.

    That is what its groups in parentheses match, or the whole match where it has none.

    Raises `InputError` naming a file in whose path it finds nothing, or what can't be a name.
    """
    found = {}
    for clip, path in files.items():
        relative = normalize(Path(path).relative_to(folder).as_posix())
        match = pattern.search(relative)
        parts = (match.groups("") if pattern.groups else (match[0],)) if match else ()
        recording = " ".join(part for part in parts if part)
        if not recording:
            raise InputError(
                f"data.group: {pattern.pattern!r} finds no recording in {relative}: correct the "
                "regular expression (or the name of the split's column), or rename the file"
            )
        if reason := find_text_fault(recording):
            raise InputError(f"data.group: the recording of {relative} {reason}: rename the file")
        found[clip] = recording
    return found


def find_torn_recordings(clips: Iterable[Clip]) -> set[str]:
    """Return the recordings with clips in both training and test."""
    splits = defaultdict(set)
    for clip in clips:
        splits[clip.group].add(clip.split)
    return {group for group, parts in splits.items() if {"train", "test"} <= parts}


def find_shared_recordings(named: Iterable[tuple[str, str]]) -> set[str]:
    """Return the recordings with clips of several labels, from label and recording of each clip."""
    labels = defaultdict(set)
    for label, recording in named:
        labels[recording].add(label)
    return {recording for recording, found in labels.items() if len(found) > 1}


def count_recordings(clips: Iterable[Clip], all_named: bool = False) -> list[LabelRecordings]:
    """Count clips and recordings of each label in the split.

    A clip whose recording is called as the clip itself has none that is named, unless `all_named`:
    the user has said, by `data.group`, what the recordings are.
    """
    labels = defaultdict(list)
    clips = [clip for clip in clips if clip.split]
    torn = find_torn_recordings(clips)
    shared = find_shared_recordings((clip.label, clip.group) for clip in clips)
    for clip in clips:
        labels[clip.label].append(clip)
    rows = []
    for label, members in sorted(labels.items()):
        parts = {
            part: [clip for clip in members if clip.split == part] for part in ("train", "test")
        }
        groups = {part: {clip.group for clip in found} for part, found in parts.items()}
        rows.append(
            LabelRecordings(
                label,
                len(parts["train"]),
                len(parts["test"]),
                len(groups["train"]),
                len(groups["test"]),
                len({clip.group for clip in members} & torn),
                0 if all_named else sum(clip.group == clip.clip for clip in members),
                len({clip.group for clip in members} & shared),
            )
        )
    return rows


def describe_unnamed(unnamed: int, n_clips: int) -> str:
    """Say what it means that of some or all clips nothing says the recording."""
    some = f"the recording of {unnamed} of {n_clips} clips is not named"
    return (
        f"{'no recordings are named' if unnamed == n_clips else some} (data.group, or a column "
        "group of the split): each such clip counts as a recording of its own, so intervals are "
        "per clip, and training and test may share a recording"
    )


def describe_shared(counts: Mapping[str, int]) -> str:
    """Say how many recordings of each label have the name of a recording of another label."""
    counted = ", ".join(f"{label} {count}" for label, count in counts.items())
    return (
        f"recordings named alike in several labels: {counted}: each such name counts as one "
        "recording: a generated split keeps its clips together, and none is looked for among the "
        "others (if they are different recordings, let data.group find the label's folder too, as "
        "in '.*rec\\d+')"
    )


def describe_faults(rows: Iterable[LabelRecordings], labels: Collection[str]) -> list[str]:
    """Say what of the recordings of `labels` a reader of the results must know, in sentences.

    Whether clips have no recording named, which labels share recordings, which have recordings in
    training and test, and which have fewer than `MIN_TEST_RECORDINGS` test recordings.
    """
    rows = [row for row in rows if row.label in labels]
    n_clips = sum(row.train_clips + row.test_clips for row in rows)
    said = []
    if unnamed := sum(row.unnamed for row in rows):
        said.append(describe_unnamed(unnamed, n_clips))
    if shared := {row.label: row.shared for row in rows if row.shared}:
        said.append(describe_shared(shared))
    if torn := [f"{row.label} {row.torn}" for row in rows if row.torn]:
        said.append(
            f"recordings with clips in both training and test: {', '.join(torn)} "
            "(clips_report.csv names the clips): test values of these labels are too good"
        )
    few = [row for row in rows if row.test_recordings < MIN_TEST_RECORDINGS]
    if few:
        counts = ", ".join(f"{row.label} {row.test_recordings}" for row in few)
        said.append(
            f"fewer than {MIN_TEST_RECORDINGS} test recordings: {counts}: intervals of these "
            "labels are rough"
        )
    return said
