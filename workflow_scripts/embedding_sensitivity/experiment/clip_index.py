"""Find out, by content, whether the clip index still matches the audio.

The job that indexes the clips leaves a record beside the index: the hash of each file. A plan
compares the hashes; it reads only files that were touched or replaced (`files.content`).
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
from embedding_sensitivity.files.content import Stat, hash_of, keep, read_stat, remember
from embedding_sensitivity.files.errors import InputError

# Decodes clips that libsndfile alone cannot decode.
DECODING = "embedding_sensitivity.clips.decoding"
NAME = ".audio.json"
DIGITS = 8


@dataclass(frozen=True)
class Seen:
    """An audio file that is indexed.

    Attributes
    ----------
    sha256 : of its bytes; None if it cannot be read, or is new
    embedded : whether it is a clip of the split
    """

    sha256: str | None
    embedded: bool


@dataclass(frozen=True)
class Record:
    """What an index was made from.

    Attributes
    ----------
    made_by : fingerprint of the code, settings and split
    clips : digest of its clips, `clips_digest`
    identity : part of the names of these clips' embeddings
    rendered_by : fingerprint of how the workflow rendered the audio; empty for other audio
    files : each audio file; empty if the source fixes the audio
    """

    made_by: str
    clips: str
    identity: str
    rendered_by: str = ""
    files: Mapping[str, Seen] = field(default_factory=dict)


NO_RECORD = Record("", "", "")


def fingerprint(what: object) -> str:
    """Return eight digits of the hash of a value as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:DIGITS]


def clips_digest(clips: Sequence[Clip]) -> str:
    """Return a hash of the audio and order of the clips that are embedded and rendered.

    Clips outside the split count too, in the order of their paths: a carried reverb passes through
    them. The code and version of PyAV and the resampler count only if some clip needs them.
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
    """Read a record; None if it is missing or damaged: then the index is made again."""
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
    """Write the record of an index that was just made.

    Raises `InputError` if the clips changed but the run was planned as if they had not.

    Parameters
    ----------
    identity : for the names of embeddings if the clips changed
    decided : the plan used `identity` already, whether or not the clips changed
    found : each indexed audio file with its `read_stat` from before it was read; None if the source
        fixes the audio
    rendered_by : as in `Record`
    """
    digest, before = clips_digest(clips), read_record(path) or NO_RECORD
    same = before.clips == digest
    if same and not decided:
        identity = before.identity
    # For example, only the index was made again, with --forcerun.
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
            "the clips changed since they were indexed before: run again, to make anew what "
            "depends on them"
        )


def look_again(record: Record, paths: Iterable[str], remade: bool) -> Record:
    """Return the record of the files as they are now; new files are not read.

    A missing file is left out, unless it will be `remade` as it was.
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
    """Whether a clip that was embedded is gone or has changed."""
    return any(
        seen.embedded and (name not in now.files or now.files[name].sha256 != seen.sha256)
        for name, seen in before.files.items()
    )


@dataclass(frozen=True)
class ClipIndex:
    """What a plan knows about an experiment's clip index.

    Attributes
    ----------
    finished : the index exists and matches the audio
    identity : part of the names of embeddings; None until the clips are indexed again
    new_identity : the same if the clips changed
    made_by : fingerprint of the code, settings and split now
    content : fingerprint of the audio now
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

    A job on a cluster plans again, when more files exist: it must find the names planned before.

    Parameters
    ----------
    folder : the experiment's results
    outputs : the files of a complete index
    made_by : fingerprint of the code, settings, split, and of a source that fixes the audio
    paths : audio files that only their content identifies
    rendered_by : as in `Record`, for the workflow as it is now
    """
    place = Path(folder, NAME)
    record = read_record(place) or NO_RECORD
    rendered_anew = record.rendered_by != rendered_by
    now = look_again(record, paths, remade=bool(rendered_by))
    # Audio to be rendered anew is known by how it is made, whether or not it exists.
    files = {} if rendered_anew else now.files
    content = fingerprint(
        sorted((name, seen.sha256 or (read_stat(name) or ())[:2]) for name, seen in files.items())
    )
    identity = fingerprint([made_by, content])
    keep()
    if record.made_by == made_by and now.files == record.files:
        finished = all(os.path.exists(output) for output in outputs)
        return ClipIndex(finished, record.identity, record.identity, made_by, content)
    others = record is NO_RECORD or rendered_anew or clips_differ(record, now)
    return ClipIndex(False, identity if others else None, identity, made_by, content)
