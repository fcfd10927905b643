"""Audio of a parameter that nobody renders here: each level's recordings in a folder of its own.

Read for the plan. `effects.copying` takes the audio over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedding_sensitivity.clips import dataset
from embedding_sensitivity.effects import EFFECTS, Effect, Instance
from embedding_sensitivity.effects.declared_parameter import declare
from embedding_sensitivity.files.content import hash_of
from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.files.safe_names import find_text_fault

# The key of an entry: the folders' path, with this in the place of the level.
FOLDERS = "folders"
PLACE = "{level}"
KEYS = (FOLDERS, "parameter", "unit", "scale", "neutral")


def choose_folders(name: str, entry: Mapping[str, Any]) -> Effect:
    """Return the effect of an entry with `folders`, whose other keys are those of `KEYS`.

    Raises `InputError` in one line that names the key.
    """
    where = f"effects.{name}"
    if name in EFFECTS:
        raise InputError(
            f"{where}: {name} is one of the workflow's own effects: give that of {FOLDERS} another "
            "name"
        )
    for key in entry:
        if key not in KEYS:
            raise InputError(
                f"{where}.{key}: {say_unknown('key', key, KEYS)} (what {FOLDERS} have is taken as "
                "it is)"
            )
    folders = entry[FOLDERS]
    if not isinstance(folders, str) or PLACE not in folders:
        raise InputError(
            f"{where}.{FOLDERS}: is {folders!r}, expected a path with {PLACE} in the place of the "
            f"level, as in recordings/at_{PLACE}_m"
        )
    if reason := find_text_fault(folders.replace(PLACE, "")):
        raise InputError(f"{where}.{FOLDERS}: {folders!r} {reason}: rename it or move it elsewhere")
    declared = declare(name, {key: entry[key] for key in entry if key != FOLDERS}, is_new=True)
    return replace(
        declared,
        packages=("numpy", "soundfile", "av", "soxr"),
        computes_with=(
            "embedding_sensitivity.clips.audio",
            "embedding_sensitivity.clips.decoding",
        ),
        file=Path(__file__).with_name("copying.py"),
        instance=Instance(FOLDERS, folders=folders),
    )


def folder_of(effect: Effect, level: str) -> str:
    """Return the folder of a level's recordings."""
    return effect.instance.folders.replace(PLACE, level)


def find_recordings(effect: Effect, level: str) -> dict[str, str]:
    """Return the file of each clip's recording at a level, by the clip's id.

    Raises `InputError` for a folder that is missing or has no audio, a name that can't be used, and
    two files of one id.
    """
    try:
        return dataset.files_by_id(dataset.find_audio(folder_of(effect, level)))
    except InputError as error:
        # Of the folder of clips, which is the function's other use.
        reason = str(error).removeprefix("data.folder: ")
        raise InputError(f"effects.{effect.name}.{FOLDERS}: level {level}: {reason}") from None


def pair_recordings(effect: Effect, level: str, clips: Sequence[str]) -> dict[str, str]:
    """Return the file of each of `clips` at a level.

    Raises `InputError` as `find_recordings`, and naming the folder if it lacks a clip.
    """
    files = find_recordings(effect, level)
    if missing := [clip for clip in clips if clip not in files]:
        raise InputError(
            f"effects.{effect.name}.{FOLDERS}: {folder_of(effect, level)} has no recording of "
            f"clip {', '.join(missing[:3])} ({len(missing)} of {len(clips)} missing): add it, "
            "named as the clip (with any ending of audio), or leave the level or the clip out"
        )
    return {clip: files[clip] for clip in clips}


def hash_recordings(effect: Effect, levels: Iterable[str]) -> list[list[list[str | None]]]:
    """Return, for each level, ids and SHA-256 of all recordings in its folder."""
    return [
        [[clip, hash_of(path)] for clip, path in sorted(find_recordings(effect, level).items())]
        for level in levels
    ]
