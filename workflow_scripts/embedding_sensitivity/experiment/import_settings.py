"""What the config of a run on embeddings made elsewhere leaves open, from the files that there are.

Read by the Snakefile alone, before any environment is built.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from embedding_sensitivity.clips.dataset import SplitRow, read_split
from embedding_sensitivity.clips.split import check_split
from embedding_sensitivity.experiment.embedding_files import (
    PREFIX,
    clips_of,
    folder_of,
    level_files,
)
from embedding_sensitivity.experiment.paper import LEVELS
from embedding_sensitivity.experiment.settings import (
    FoundLevels,
    ImportSettings,
    check_labels,
)
from embedding_sensitivity.files.errors import InputError


def complete(settings: ImportSettings) -> ImportSettings:
    """The settings with what they leave open filled in: effects, levels and labels.

    Raises
    ------
    InputError
        naming key or file: no such folder or split, a level without a file, fewer than two levels,
        a label that the split lacks or has too little of
    """
    folder = folder_of(settings.embeddings.directory)
    return settings.model_copy(
        update={
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
        if given is None or given.levels is None:
            wanted = there
            missing = _lost_levels(effect, there)
            remedy = f"or give those to analyse in effects.{effect}.levels"
        else:
            wanted = settings.levels(effect)
            missing = [level for level in wanted if level not in there]
            remedy = "or leave these levels out"
        if missing:
            raise InputError(
                f"effects.{effect}: {folder} has no file of level {', '.join(missing)}: add "
                f"{PREFIX}<effect>_<level>.h5, {remedy}"
            )
        if len(wanted) < 2:
            raise InputError(
                f"effects.{effect}: {folder} has files of {len(wanted)} level(s), at least two are "
                f"needed: add {PREFIX}<effect>_<level>.h5, or leave the effect out"
            )
        effects[effect] = FoundLevels(levels=wanted)
    return effects


def _lost_levels(effect: str, there: Sequence[str]) -> list[str]:
    """What most of the paper's levels, and none but those, lack of them: files that got lost."""
    grid = LEVELS[effect]
    missing = [level for level in grid if level not in there]
    return missing if set(there) <= set(grid) and len(missing) < len(there) else []


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
