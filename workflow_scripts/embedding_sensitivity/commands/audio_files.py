"""Check the headers of a folder's audio files before anything runs; nothing is decoded."""

import mmap
import os
from collections.abc import Iterator

from embedding_sensitivity.clips.clip import find_form_fault
from embedding_sensitivity.clips.containers import Container, recognise
from embedding_sensitivity.clips.dataset import describe, is_plain_file
from embedding_sensitivity.experiment.data import Folder
from embedding_sensitivity.experiment.settings import Settings
from embedding_sensitivity.files.errors import InputError

REMEDY = "replace or remove the file, or set data.on_bad_clip: drop"


def check_files(settings: Settings, source: Folder) -> list[str]:
    """Return notes on the audio files that will be indexed.

    Raises `InputError` for the first file that is incomplete or differs in sample rate or number of
    channels, unless such files are dropped; or for a level that does not fit the clips.
    """
    data, bad = settings.data, []
    form, setter = (data.samplerate, data.channels), "data.samplerate"
    for path in _list_indexed(settings, source):
        found = _look_at(path)
        reason, remedy = found.fault, REMEDY
        known = found.samplerate, found.channels
        if not reason and None not in known:
            reason = find_form_fault(1, *known)
            expected = form[0] or known[0], form[1] or known[1]
            if not reason and not data.convert and known != expected:
                reason = (
                    f"{known[0]} Hz, {known[1]} channels, expected {expected[0]} Hz and "
                    f"{expected[1]} of every clip"
                )
                remedy = "set data.convert: true with data.samplerate and data.channels"
            if not reason and form != expected:
                form, setter = expected, path
        if reason:
            bad.append(f"{path}: {reason}: {remedy}")
    if bad and data.on_bad_clip == "fail":
        more = f" ({len(bad) - 1} more bad clips)" if len(bad) > 1 else ""
        raise InputError(bad[0] + more)
    for name, effect in settings.declared.items():
        for level in settings.levels(name):
            if reason := effect.find_fault(float(level), *form):
                clips = f"clips have {form[0]} Hz and {form[1]} channels, as {setter}"
                raise InputError(f"effects.{name}: {reason} ({clips})")
    return [f"{len(bad)} bad clips would be left out, the first: {bad[0]}"] if bad else []


def _list_indexed(settings: Settings, source: Folder) -> Iterator[str]:
    """Yield the files that the index inspects, in the order of their paths."""
    labels = settings.data.labels
    if settings.protocol.reverb_state == "carried":
        chosen = set(source.files_by_id)
    else:
        given = {row.clip: row.label for row in source.rows or ()}
        for clip, path in source.files_by_id.items() if source.rows is None else ():
            given[clip] = describe(path, settings.data.folder)[0]
        chosen = {clip for clip, label in given.items() if label and label in (labels or (label,))}
    yield from sorted(path for clip, path in source.files_by_id.items() if clip in chosen)


def _look_at(path: str) -> Container:
    if not is_plain_file(path):
        return Container(None, fault="cannot be read: it is not a regular file, or not permitted")
    if not os.path.getsize(path):
        return Container(None, fault="the file is empty, expected audio")
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = recognise(content)
    if found.kind is None and not found.fault:
        return Container(None, fault="not a known kind of audio file")
    return found
