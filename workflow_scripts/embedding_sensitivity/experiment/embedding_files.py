"""Find embeddings made elsewhere: in the layout of the authors' code, or an array an effect.

The plan knows effects and levels by the names of the files, or by the config. What is in them is
checked by `embeddings.imported` and `embeddings.arrays`.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.dataset import SplitRow
from embedding_sensitivity.clips.irmas import parse_name
from embedding_sensitivity.effects import EFFECTS, Effect
from embedding_sensitivity.effects.levels import level_string
from embedding_sensitivity.experiment.paper import EFFECT_NAMES
from embedding_sensitivity.files.errors import InputError

# The group in every file that holds the models' groups.
DATASET = "irmas"
ORIGINALS = "embeddings.h5"
PREFIX = "embeddings_"


def folder_of(directory: str) -> Path:
    """Return the folder of `ORIGINALS` and the levels' files: `directory`, or `embeddings` in it.

    Raises `InputError` if neither has any of these files.
    """
    for folder in (Path(directory), Path(directory, "embeddings")):
        if os.path.isfile(folder / ORIGINALS):
            return folder
    for folder in (Path(directory), Path(directory, "embeddings")):
        if next(folder.glob(f"{PREFIX}*.h5"), None):
            return folder
    raise InputError(
        f"embeddings.directory: no {ORIGINALS} in {directory}: give the folder of {ORIGINALS} and "
        f"{PREFIX}<effect>_<level>.h5"
    )


def fill_in(pattern: str, model: str, effect: str = "") -> str:
    """Return the path of an array's file: of `embeddings.file` or `embeddings.originals`."""
    return pattern.replace("{model}", model).replace("{effect}", effect)


def level_files(
    folder: Path, effects: Collection[str] | None, declared: Mapping[str, Effect] = EFFECTS
) -> dict[str, dict[str, str]]:
    """Return the path of the file of each level of `effects` or all effects, levels ascending.

    `declared` are the effects, or other parameters, that there may be.

    Raises `InputError` naming a file of an unknown effect or invalid level, or of a level that
    another file has too.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob(f"{PREFIX}*.h5")):
        name, _, text = path.stem.removeprefix(PREFIX).rpartition("_")
        effect = EFFECT_NAMES.get(name, name)
        if effects is not None and effect not in effects:
            continue
        if effect not in declared:
            parameter = effect or "parameter"
            raise InputError(
                f"{path}: unknown effect, expected {PREFIX}<effect>_<level>.h5: name all to "
                "analyse in `effects`, with unit and scale of one that docs/effects.md hasn't, as "
                f"in {{gain: null, {parameter}: {{unit: m, scale: linear, neutral: null}}}}, or "
                "move it elsewhere"
            )
        if not path.is_file():
            raise InputError(
                f"{path}: not a regular file (link, pipe or directory): move it elsewhere"
            )
        level = level_string(text, declared[effect].decimals, str(path))
        if reason := declared[effect].find_fault(float(level)):
            raise InputError(f"{path}: {reason}")
        levels = found.setdefault(effect, {})
        if level in levels:
            raise InputError(f"{path}: {levels[level]} has level {level} too: keep one")
        levels[level] = str(path)
    return {
        effect: dict(sorted(levels.items(), key=lambda item: float(item[0])))
        for effect, levels in found.items()
    }


def clips_of(rows: Iterable[SplitRow], labels: Sequence[str]) -> list[Clip]:
    """Return the clips of `labels`; without audio, its fields are empty."""
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
                decoder="",
            )
        )
    return clips
