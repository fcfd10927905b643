"""Findings about the clips that are worth knowing but do not stop the run."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from embedding_sensitivity.clips import irmas
from embedding_sensitivity.clips.clip import Clip, DroppedClip
from embedding_sensitivity.clips.dataset import PassedOver, name_clip
from embedding_sensitivity.clips.recordings import find_torn_recordings
from embedding_sensitivity.files.csv_files import write_rows
from embedding_sensitivity.files.safe_names import printable

MEANINGS = {
    "passed over": "not a file of audio by its name",
    "extra": "not in the split, or of a label that data.labels leaves out",
    "name": "not named as IRMAS names its clips",
    "contradiction": "the name says something else than the split or the folder",
    "duration": "not as long as IRMAS's clips",
    "dropped": "a bad clip, left out as data.on_bad_clip has it",
    "silence": "a silent clip outside the split",
    "repeated audio": "the same file under two names",
    "copy": "the same audio, within one 16-bit step, in training and test",
    "leak": "of a group that is in training and test",
}


@dataclass(frozen=True)
class Finding:
    """A finding about a clip; `finding` is a key of `MEANINGS`."""

    clip: str
    path: str
    finding: str
    detail: str


COLUMNS = tuple(field.name for field in fields(Finding))


def find(
    paths: Iterable[str],
    clips: Sequence[Clip],
    is_irmas: bool,
    silent: Collection[str] = (),
    dropped: Collection[DroppedClip] = (),
    copies: Iterable[tuple[Clip, Clip]] = (),
    passed_over: Collection[PassedOver] = (),
    left_out: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return all findings about an index and its audio files, sorted by clip.

    Parameters
    ----------
    paths : every audio file there is
    clips : the index
    is_irmas : the files claim to be IRMAS's: names, folders and durations are checked as well
    silent : ids of the clips that are silent
    dropped : bad clips that the index was made without
    copies : pairs of a training and a test clip, of `inspection.find_copies`
    left_out : why a clip is not in the split, by its path
    passed_over : files beside the audio that were not looked into
    """
    findings = [Finding(bad.clip, bad.path, "dropped", bad.reason) for bad in dropped]
    for pair in copies:
        findings += [
            Finding(clip.clip, clip.path, "copy", f"of {other.clip}, {other.split}: {other.path}")
            for clip, other in (pair, pair[::-1])
        ]
    known = {clip.path for clip in clips if clip.split} | {bad.path for bad in dropped}
    findings += [
        Finding(
            printable(name_clip(entry.path)), printable(entry.path), "passed over", entry.reason
        )
        for entry in passed_over
    ]
    findings += [
        Finding(name_clip(path), path, "extra", (left_out or {}).get(path, "not embedded"))
        for path in set(paths) - known
    ]
    first_of_audio: dict[str, Clip] = {}
    torn = find_torn_recordings(clips)
    for clip in sorted(clips, key=lambda clip: clip.clip):
        found = list(_irmas_findings(clip)) if is_irmas else []
        if clip.clip in silent:
            found.append(("silence", "not embedded, a carried reverb passes through it"))
        first = first_of_audio.setdefault(clip.sha256, clip)
        # Embeddings made elsewhere have no audio, so no hash.
        if clip.sha256 and first is not clip:
            found.append(("repeated audio", f"the same as {first.clip}"))
        if clip.split and clip.group in torn:
            found.append(("leak", f"group {clip.group} is in training and test"))
        findings += [Finding(clip.clip, clip.path, kind, detail) for kind, detail in found]
    return sorted(findings, key=lambda found: (found.clip, list(MEANINGS).index(found.finding)))


def _irmas_findings(clip: Clip) -> Iterable[tuple[str, str]]:
    name = irmas.parse_name(clip.clip)
    if name is None:
        yield "name", "not [label]...[genre]NNNN__N"
    else:
        for what, said, given in (
            ("label", name.label, clip.label),
            ("genre", name.genre, clip.genre),
            ("group", name.group, clip.group),
        ):
            if said != given:
                yield "contradiction", f"{what} {said} by its name, {given} in the split"
    folder = os.path.basename(os.path.dirname(clip.path))
    if name is not None and irmas.LABELS.get(folder) != name.label:
        yield "contradiction", f"label {name.label} by its name, in the folder {folder}"
    if not irmas.is_whole(clip.duration_s):
        yield "duration", f"{clip.duration_s:.3f} s, expected {irmas.DURATION_S:g} s"


def write_findings(path: str | Path, findings: Iterable[Finding]) -> None:
    """Write the findings as a CSV file."""
    write_rows(path, COLUMNS, map(asdict, findings))
