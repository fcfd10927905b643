"""The embeddings that one (model, effect) is analysed from: rows of two stores, by clip id."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from embedding_sensitivity.clips.clip import Clip, by_split_row
from embedding_sensitivity.clips.split import label_order
from embedding_sensitivity.embeddings.store import model_identity, read_header, read_rows
from embedding_sensitivity.files.errors import InputError


@dataclass(frozen=True)
class EffectData:
    """What `open_effect` found; rows are read when asked for, so that memory holds one label.

    levels : P level strings, ascending
    neutral : (P,) bool, levels at which the effect does nothing
    labels : in the order of their first appearance in the split
    training, test : clip ids of each label in split order
    group_of : the recording that each clip was cut from
    """

    effected_path: str
    original_path: str
    levels: list[str]
    neutral: np.ndarray
    labels: list[str]
    training: dict[str, list[str]]
    test: dict[str, list[str]]
    group_of: dict[str, str]

    def effected(self, clips: Sequence[str]) -> np.ndarray:
        """Embeddings of `clips` at every level, float32 (P, n, d)."""
        return read_rows(self.effected_path, clips)

    def originals(self, clips: Sequence[str]) -> np.ndarray:
        """Embeddings of the uneffected `clips`, float32 (n, d)."""
        return read_rows(self.original_path, clips)

    @cached_property
    def training_originals(self) -> dict[str, np.ndarray]:
        """Each label's uneffected training clips, float32 (N, d), read once."""
        return {label: self.originals(clips) for label, clips in self.training.items()}

    @cached_property
    def centroids(self) -> dict[str, np.ndarray]:
        """The mean of each label's uneffected training clips, float64 (d,)."""
        found = self.training_originals.items()
        return {label: points.astype(np.float64).mean(axis=0) for label, points in found}


class LabelClips:
    """Clips of a label, and their embeddings as float64, each read once, when asked for.

    clips : ids in split order
    groups : the recordings that they were cut from
    """

    def __init__(self, data: EffectData, label: str, of_training: bool) -> None:
        self._data, self._label, self._of_training = data, label, of_training
        self.clips = (data.training if of_training else data.test)[label]
        self.groups = [data.group_of[clip] for clip in self.clips]

    @cached_property
    def originals(self) -> np.ndarray:
        """Without the effect, (N, d)."""
        if self._of_training:
            found = self._data.training_originals[self._label]
        else:
            found = self._data.originals(self.clips)
        return found.astype(np.float64)

    @cached_property
    def effected(self) -> np.ndarray:
        """At every level, (P, N, d)."""
        return self._data.effected(self.clips).astype(np.float64)


@dataclass(frozen=True)
class LabelData:
    """What a measure is computed from: the arrays of one label of a model and effect.

    levels : P level strings, ascending
    neutral : (P,) bool, levels at which the effect does nothing
    training, test : its clips; a split may have no test clip of it
    directions : `directions.LabelDirections` of its training clips, where the measure needs them
    everyone : clips of all labels, whose embeddings it reads on request
    """

    label: str
    levels: list[str]
    neutral: np.ndarray
    training: LabelClips
    test: LabelClips
    directions: Any
    everyone: EffectData

    @classmethod
    def of(cls, label: str, data: EffectData, directions: Any = None) -> "LabelData":
        training, test = (LabelClips(data, label, of_training) for of_training in (True, False))
        return cls(label, data.levels, data.neutral, training, test, directions, data)


def open_effect(
    effected_path: str | os.PathLike,
    original_path: str | os.PathLike,
    clips: Sequence[Clip],
    labels: Sequence[str] | None,
    neutral: float | None,
    model: str,
    effect: str,
) -> EffectData:
    """Check the two stores of a model and effect against the clip index.

    Parameters
    ----------
    effected_path, original_path : embedding stores
    clips : the clip index
    labels : labels to analyse, None for all
    neutral : the level at which the effect does nothing, if it has one
    model, effect : what the stores must say they are of

    Raises
    ------
    InputError
        naming the file: levels that don't ascend or are too few, another model, effect or
        dimension, a clip without an embedding, a label without a training clip
    """
    original = read_header(original_path, {"model": model})
    store = read_header(effected_path, {**model_identity(original_path), "effect": effect})
    levels = store.levels or []
    values = [float(level) for level in levels]
    if any(after <= before for before, after in pairwise(values)):
        raise InputError(
            f"{effected_path}: its levels are {', '.join(levels)}, expected in ascending order and "
            "none repeated: delete it and run again"
        )
    is_neutral = np.array([value == neutral for value in values], dtype=bool)
    if len(levels) < 2 or is_neutral.all():
        raise InputError(
            f"{effected_path}: levels {', '.join(levels) or 'none'}, at least two are needed and "
            f"one at which {effect} does something: add levels to effects.{effect}"
        )
    order = label_order(clips, labels)
    split = {
        name: {
            label: [clip.clip for clip in by_split_row(clips, name) if clip.label == label]
            for label in order
        }
        for name in ("train", "test")
    }
    for label in order:
        if not split["train"][label]:
            raise InputError(f"label {label}: no training clip in the split: leave the label out")
    wanted = [clip for part in split.values() for ids in part.values() for clip in ids]
    for path, found in ((effected_path, store), (original_path, original)):
        held = set(found.clips)
        if missing := [clip for clip in wanted if clip not in held]:
            raise InputError(
                f"{path}: no embedding of {', '.join(missing[:3])} ({len(missing)} of "
                f"{len(wanted)} clips missing): delete it and run again"
            )
    data = EffectData(
        effected_path=str(effected_path),
        original_path=str(original_path),
        levels=levels,
        neutral=is_neutral,
        labels=order,
        training=split["train"],
        test=split["test"],
        group_of={clip.clip: clip.group for clip in clips},
    )
    first = data.training[order[0]][:1]
    dimensions = data.effected(first).shape[-1], data.originals(first).shape[-1]
    if dimensions[0] != dimensions[1]:
        raise InputError(
            f"{effected_path}: embeddings of {dimensions[0]} dimensions, {dimensions[1]} in "
            f"{original_path}: delete both and run again"
        )
    return data
