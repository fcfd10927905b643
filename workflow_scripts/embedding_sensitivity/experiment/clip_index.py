"""Whether the clip index is still that of its audio, by content, and what its clips are called.

The job that indexes leaves a record beside the index: each file and its hash. A plan compares the
hashes, for which it reads those files alone that were touched or replaced (`files.content`).
Standard library only.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from embedding_sensitivity.clips.clip import LIBSNDFILE, Clip, in_split
from embedding_sensitivity.clips.dataset import is_plain_file
from embedding_sensitivity.experiment.source_code import module_file, numeric_digest
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.content import Stat, hash_of, keep, remember, stat_of
from embedding_sensitivity.files.errors import InputError

# What moves samples of clips that libsndfile alone doesn't decode.
DECODING = "embedding_sensitivity.clips.decoding"
NAME = ".audio.json"
DIGITS = 8


@dataclass(frozen=True)
class Seen:
    """A file that an index was made of, or will be.

    Attributes
    ----------
    sha256 : of its bytes; None of what can't be read, or wasn't there before
    embedded : whether it is a clip of the split
    """

    sha256: str | None
    embedded: bool


@dataclass(frozen=True)
class Record:
    """What an index was made of.

    Attributes
    ----------
    made_by : fingerprint of how it was made: code, settings, split
    clips : digest of its clips, `clips_digest`
    identity : what embeddings of these clips are named by
    rendered_by : fingerprint of how the workflow made the audio itself; empty where it didn't
    files : path to what was there; empty where the audio is known by its source
    """

    made_by: str
    clips: str
    identity: str
    rendered_by: str = ""
    files: Mapping[str, Seen] = field(default_factory=dict)


NO_RECORD = Record("", "", "")


def fingerprint(what: object) -> str:
    """Return eight digits that change with what JSON can hold, whatever the order of keys."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:DIGITS]


def clips_digest(clips: Sequence[Clip]) -> str:
    """Return a hash of what is embedded and rendered: audio and order of the index's clips.

    Clips outside the split count, in the order of their paths: a carried reverb goes through them.
    Of audio that libsndfile alone decoded no more is known than its hash: an experiment without
    other clips keeps its embeddings when PyAV, the resampler or the code around them changes.
    """
    embedded = [(clip.clip, clip.sha256) for clip in in_split(clips)]
    played = [clip.sha256 for clip in sorted(clips, key=lambda clip: clip.path)]
    parts: list = [embedded, played]
    others = [
        (clip.clip, clip.decoder, clip.samplerate, clip.channels, clip.frames)
        for clip in clips
        if clip.decoder != LIBSNDFILE
    ]
    if others:
        parts += [sorted(others), numeric_digest([module_file(DECODING)])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def write_record(path: str | os.PathLike, record: Record) -> None:
    """Write a record as JSON."""
    with replacing(path, lasting=False) as part:
        part.write_text(json.dumps(asdict(record), sort_keys=True), encoding="utf-8")


def read_record(path: str | os.PathLike) -> Record | None:
    """Read a record; None where there is none that can be read: the index is then made anew."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        files = {
            name: Seen(seen["sha256"], seen["embedded"])
            for name, seen in found.pop("files").items()
        }
        return Record(**found, files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def record_index(
    path: str | os.PathLike,
    made_by: str,
    identity: str,
    decided: bool,
    clips: Sequence[Clip],
    found: Mapping[str, Stat | None] | None = None,
    rendered_by: str = "",
) -> None:
    """Write the record of an index just made.

    Raises `InputError` where the plan took other clips for those there were.

    Parameters
    ----------
    identity : what the plan calls embeddings of other clips than before
    decided : the plan calls those of these clips so already, whatever they are
    found : audio files that the index was made of, where they are not known by their source, to
        their `stat_of` from before they were read
    rendered_by : as of a `Record`
    """
    digest, before = clips_digest(clips), read_record(path) or NO_RECORD
    same = before.clips == digest
    if same and not decided:
        identity = before.identity
    # Planned as the clips they were, as where the index alone was made again by force.
    misnamed = not same and identity == before.identity
    if misnamed:
        identity = fingerprint([made_by, digest])
    found = found or {}
    indexed = {clip.path: clip.sha256 for clip in clips}
    embedded = {clip.path for clip in clips if clip.split}
    remember({name: (at, indexed[name]) for name, at in found.items() if at and name in indexed})
    files = {name: Seen(indexed.get(name) or _hash(name), name in embedded) for name in found}
    write_record(path, Record(made_by, digest, identity, rendered_by, files))
    if misnamed:
        raise InputError(
            "the clips are others than those of the index before: run again, and what depends on "
            "them is made anew"
        )


def look_again(record: Record, paths: Iterable[str], remade: bool) -> Record:
    """Return the record as it would be of the files there are now.

    One that is gone is left out, unless files are `remade`: it will be made again as it was. One
    that is new isn't read.
    """
    files = {}
    for name in paths:
        seen = record.files.get(name)
        if os.path.lexists(name):
            files[name] = Seen(_hash(name), seen.embedded) if seen else Seen(None, False)
        elif seen and remade:
            files[name] = seen
    return replace(record, files=files)


def _hash(path: str) -> str | None:
    return hash_of(path) if is_plain_file(path) else None


def clips_differ(before: Record, now: Record) -> bool:
    """Whether a clip that was embedded is gone or has other content."""
    return any(
        seen.embedded and (name not in now.files or now.files[name].sha256 != seen.sha256)
        for name, seen in before.files.items()
    )


@dataclass(frozen=True)
class ClipIndex:
    """What a plan knows of an experiment's clip index.

    Attributes
    ----------
    finished : the index is there, and of the audio there is now
    identity : what embeddings of its clips are named by; None where only the index will tell
    new_identity : what they are named by if they are other clips than before
    made_by : fingerprint of how the index is made now
    content : fingerprint of the audio there is now
    """

    finished: bool
    identity: str | None
    new_identity: str
    made_by: str
    content: str


def plan_index(
    folder: str | os.PathLike,
    outputs: Iterable[str | os.PathLike],
    made_by: str,
    paths: Sequence[str],
    rendered_by: str = "",
) -> ClipIndex:
    """Find out whether an experiment's index has to be made, and what is known of its clips.

    A cluster's job plans again, when more is there: it has to find the names that were planned.

    Parameters
    ----------
    folder : the experiment's results
    outputs : the files of a whole index
    made_by : fingerprint of how it is made: of code, settings, split, and a source that fixes audio
    paths : audio files that are known by what is in them alone
    rendered_by : as of a `Record`, by how the workflow makes those files now
    """
    place = Path(folder, NAME)
    record = read_record(place) or NO_RECORD
    rendered_anew = record.rendered_by != rendered_by
    now = look_again(record, paths, remade=bool(rendered_by))
    # What is rendered anew is known by how: it may be there or not.
    files = {} if rendered_anew else now.files
    content = fingerprint(
        sorted((name, seen.sha256 or (stat_of(name) or ())[:2]) for name, seen in files.items())
    )
    identity = fingerprint([made_by, content])
    keep()
    if record.made_by == made_by and now.files == record.files:
        finished = all(os.path.exists(output) for output in outputs)
        return ClipIndex(finished, record.identity, record.identity, made_by, content)
    others = record is NO_RECORD or rendered_anew or clips_differ(record, now)
    return ClipIndex(False, identity if others else None, identity, made_by, content)
