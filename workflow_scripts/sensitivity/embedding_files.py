"""Embeddings made elsewhere, in the layout of the authors' code: which there are, and of what.

Standard library only: the Snakefile plans a run with it, and knows effects and levels by the names
of the files. What is in them is checked where it is read (`sensitivity.embedding_import`).
"""

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from sensitivity.clips import Clip
from sensitivity.config import NAME, FoundLevels, ImportSettings, check_labels
from sensitivity.dataset import SplitRow, read_split
from sensitivity.effects import EFFECTS, effect_named, refusal
from sensitivity.errors import InputError
from sensitivity.hdf5_names import group_names
from sensitivity.irmas import parse_name
from sensitivity.levels import level_string
from sensitivity.paper import EFFECT_NAMES
from sensitivity.protocol import check_split

# What the authors call their data set: the group of every file that holds the models' groups.
DATASET = "irmas"
ORIGINALS = "embeddings.h5"
PREFIX = "embeddings_"


def folder_of(directory: str) -> Path:
    """The folder of `ORIGINALS`: `directory`, or the folder ``embeddings`` in it.

    Raises `InputError` where neither has that file.
    """
    for folder in (Path(directory), Path(directory, "embeddings")):
        if os.path.isfile(folder / ORIGINALS):
            return folder
    raise InputError(
        f"embeddings.directory: no {ORIGINALS} in {directory}: give the folder of {ORIGINALS} and "
        f"{PREFIX}<effect>_<level>.h5"
    )


def level_files(folder: Path, effects: Collection[str] | None) -> dict[str, dict[str, str]]:
    """Path of the file of each level of each effect, levels ascending; of `effects` or of all.

    Raises
    ------
    InputError
        naming the file: of an unknown effect, a level that is none, or one that another file has
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob(f"{PREFIX}*.h5")):
        name, _, text = path.stem.removeprefix(PREFIX).rpartition("_")
        effect = EFFECT_NAMES.get(name, name)
        if effects is not None and effect not in effects:
            continue
        if effect not in EFFECTS:
            raise InputError(
                f"{path}: effect {name!r} is unknown, the effects are {', '.join(EFFECTS)}: name "
                "those to analyse in `effects`, or move the file elsewhere"
            )
        level = level_string(text, effect_named(effect).decimals, str(path))
        if reason := refusal(effect_named(effect), float(level)):
            raise InputError(f"{path}: {reason}")
        levels = found.setdefault(effect, {})
        if level in levels:
            raise InputError(f"{path}: {levels[level]} is of level {level} too: keep one")
        levels[level] = str(path)
    return {
        effect: dict(sorted(levels.items(), key=lambda item: float(item[0])))
        for effect, levels in found.items()
    }


def complete(settings: ImportSettings) -> ImportSettings:
    """The settings with what they leave open filled in: models, effects, levels and labels.

    Raises
    ------
    InputError
        naming key or file: no such folder or split, a level without a file, fewer than two levels,
        a model's name that can't be one here, a label that the split lacks or has too little of
    """
    folder = folder_of(settings.embeddings.directory)
    models = settings.models or group_names(folder / ORIGINALS, DATASET)
    for model in models:
        if not re.fullmatch(NAME, model):
            raise InputError(
                f"{folder / ORIGINALS}: model {model!r} is not named with letters, digits, - and _ "
                "alone: name those to analyse in `models`, or rename its group in every file"
            )
    if not models:
        raise InputError(f"{folder / ORIGINALS}: no model below {DATASET}: expected one or more")
    return settings.model_copy(
        update={
            "models": models,
            "effects": _found_effects(settings, folder),
            "labels": _found_labels(settings),
        }
    )


def _found_effects(settings: ImportSettings, folder: Path) -> dict[str, FoundLevels]:
    files = level_files(folder, settings.effects)
    if settings.effects is None and not files:
        raise InputError(
            f"embeddings.directory: no {PREFIX}<effect>_<level>.h5 in {folder}: add the effects' "
            "embeddings"
        )
    effects = {}
    for effect, given in (settings.effects or dict.fromkeys(files)).items():
        there = list(files.get(effect, ()))
        wanted = there if given is None or given.levels is None else settings.levels(effect)
        missing = [level for level in wanted if level not in there]
        if missing or len(wanted) < 2:
            lacking = f"level {', '.join(missing)}" if missing else "two levels, which are needed"
            raise InputError(
                f"effects.{effect}: {folder} lacks {lacking} (there are "
                f"{', '.join(there) or 'none'}): add {PREFIX}<effect>_<level>.h5, or leave out "
                + ("these levels" if missing else "the effect")
            )
        effects[effect] = FoundLevels(levels=wanted)
    return effects


def _found_labels(settings: ImportSettings) -> list[str]:
    rows = split_rows(settings)
    known = sorted({row.label for row in rows})
    labels = settings.labels or known
    check_labels("labels", labels, known)
    check_labels("figures.labels", settings.figures.labels, labels)
    try:
        check_split(clips_of(rows, labels))
    except InputError as error:
        raise InputError(f"{settings.embeddings.split}: {error}") from None
    return labels


def split_rows(settings: ImportSettings) -> list[SplitRow]:
    """The rows of the split."""
    split = settings.embeddings.split
    if not os.path.isfile(split):
        raise InputError(f"embeddings.split: {split} does not exist: give the split's CSV file")
    return read_split(split)


def clips_of(rows: Iterable[SplitRow], labels: Sequence[str]) -> list[Clip]:
    """The index of the clips of `labels`: of their audio, which isn't there, it says nothing."""
    clips = []
    for number, row in enumerate(row for row in rows if row.label in labels):
        name = parse_name(row.clip)
        clips.append(
            Clip(
                clip=row.clip,
                path="",
                label=row.label,
                genre=row.genre or (name.genre if name else ""),
                group=row.group or (name.group if name else row.clip),
                split=row.split,
                duration_s=0.0,
                samplerate=0,
                channels=0,
                sha256="",
                frames=0,
                split_row=number,
            )
        )
    return clips
