"""Take over recordings of each level, which others have made, in the place of rendering them."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np

from embedding_sensitivity.clips.audio import read_clip, write_batch
from embedding_sensitivity.clips.clip import Clip, in_split
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.level_folders import FOLDERS, pair_recordings
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.progress import progress


def make_batch(
    clips: Sequence[Clip],
    effect: Effect,
    levels: Sequence[str],
    protocol: dict,
    path: str | Path,
    threads: int = 1,
) -> None:
    """Write the audio of the split's clips at `levels`, rendered or taken over, to `path`.

    Parameters and errors are those of `rendering.render_batch` and `copy_batch`.
    """
    if effect.instance.folders:
        copy_batch(clips, effect, levels, protocol, path)
    else:
        render_batch(clips, effect, levels, protocol, path, threads=threads)


def copy_batch(
    clips: Sequence[Clip],
    effect: Effect,
    levels: Sequence[str],
    protocol: dict,
    path: str | Path,
) -> None:
    """Write the recordings of the split's clips at `levels` to the batch file `path`.

    Parameters
    ----------
    clips : the index
    levels : level strings, each with a folder of recordings
    protocol : `audio`, and `convert`: whether recordings of another rate or number of channels than
        the clips' are converted

    A recording may be silent, and of another length than the clip's. Raises `InputError` for one
    that is missing, is no valid clip for another reason, or is of another form.
    """
    stored = in_split(clips)
    form = stored[0].samplerate, stored[0].channels
    found = []
    with progress(
        total=len(stored) * len(levels),
        desc=f"{effect.name} {levels[0]} to {levels[-1]}",
        unit="clip",
        mininterval=1,
    ) as shown:
        for level in levels:
            files = pair_recordings(effect, level, [clip.clip for clip in stored])
            found.append([])
            for clip in stored:
                found[-1].append(_inspect(effect, level, clip, files[clip.clip], form, protocol))
                shown.update(0.5)
        frames = np.array([[recording.frames for recording in row] for row in found])
        with write_batch(
            path,
            levels=levels,
            clips=stored,
            effect=effect.name,
            protocol=protocol,
            package_versions={name: metadata.version(name) for name in sorted(effect.packages)},
            frames=frames,
        ) as writer:
            for index, row in enumerate(found):
                for position, recording in enumerate(row):
                    writer.write(index, position, read_clip(recording))
                    shown.update(0.5)


def _inspect(
    effect: Effect, level: str, clip: Clip, path: str, form: tuple[int, int], protocol: dict
) -> Clip:
    """A recording of a clip, as an entry of the index."""
    try:
        seen = inspect_file(path, may_be_silent=True, form=form if protocol["convert"] else None)
        if (seen.samplerate, seen.channels) != form:
            raise InputError(
                f"{path}: has {seen.samplerate} Hz and {seen.channels} channels, the clips have "
                f"{form[0]} Hz and {form[1]}: convert it, or set data.convert"
            )
    except InputError as error:
        raise InputError(f"effects.{effect.name}.{FOLDERS}: level {level}: {error}") from None
    return replace(
        clip,
        path=path,
        samplerate=form[0],
        channels=form[1],
        frames=seen.frames,
        sha256=seen.sha256,
    )
