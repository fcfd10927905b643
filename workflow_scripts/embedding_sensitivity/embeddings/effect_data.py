"""The embeddings that one (model, effect) is analysed from: rows of two stores, by clip id."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from embedding_sensitivity.clips.clip import Clip, sort_by_split_row
from embedding_sensitivity.clips.split import order_labels
from embedding_sensitivity.embeddings.store import model_identity, read_header, read_rows
from embedding_sensitivity.files.errors import InputError

# Median displacement relative to the distance between labels, under which what moves is rounding:
# a float32 has 1e-7, and a network's sums lose some of it.
MIN_RESPONSE = 1e-5


def label_distance(
    centroids: Mapping[str, np.ndarray],
    label: str,
    variances: Mapping[str, float] | None = None,
) -> float:
    """Mean distance of a label's centroid of uneffected embeddings (d,) to the other labels'.

    Centroids of a few clips lie farther apart than those of the labels: of `variances` (see
    `centroid_variance`), both labels' are taken off the squared distance, to 0 at least. NaN if
    there is no other label, or all are the same.
    """
    of_sample = variances or dict.fromkeys(centroids, 0.0)
    squares = [
        ((centroids[label] - centroid) ** 2).sum() - of_sample[label] - of_sample[name]
        for name, centroid in centroids.items()
        if name != label
    ]
    distances = np.sqrt(np.maximum(squares, 0.0))
    return float(distances.mean()) if distances.any() else np.nan


def centroid_variance(points: np.ndarray, groups: Sequence[str]) -> float:
    """Expected squared distance of the mean of clips (N, d) from that of all such recordings.

    From the sums over each of G recordings (N,), whose clips are alike; 0 of a single recording.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return 0.0
    sums = np.zeros((len(names), points.shape[1]))
    np.add.at(sums, group_of, points - points.mean(axis=0))
    return float((sums**2).sum() / len(points) ** 2 * len(names) / (len(names) - 1))


@dataclass(frozen=True)
class EffectData:
    """What `open_effect` found; rows are read when asked for, so that memory holds one label.

    original_path : None where there are no uneffected clips
    levels : P level strings, ascending
    neutral : (P,) bool, levels at which the effect does nothing
    labels : in the order of their first appearance in the split
    training, test : clip ids of each label in split order
    group_of : the recording that each clip was cut from
    neutral_level : the level at which the effect does nothing, in its grid or not; None: none does
    log_scale : levels are compared on a logarithmic scale
    mild_end : ``low`` or ``high``, the end of the grid where the effect does least; None: unknown
    """

    effected_path: str
    original_path: str | None
    levels: list[str]
    neutral: np.ndarray
    labels: list[str]
    training: dict[str, list[str]]
    test: dict[str, list[str]]
    group_of: dict[str, str]
    neutral_level: float | None = None
    log_scale: bool = False
    mild_end: str | None = None

    def effected(self, clips: Sequence[str]) -> np.ndarray:
        """Embeddings of `clips` at every level, float32 (P, n, d)."""
        return read_rows(self.effected_path, clips)

    @property
    def has_originals(self) -> bool:
        """Whether there are embeddings of uneffected clips."""
        return self.original_path is not None

    def originals(self, clips: Sequence[str]) -> np.ndarray:
        """Embeddings of the uneffected `clips`, float32 (n, d)."""
        if not self.has_originals:
            raise InputError(
                "there are no originals to compare with: a measure that reads them has to declare "
                "needs_originals"
            )
        return read_rows(self.original_path, clips)

    @cached_property
    def training_originals(self) -> dict[str, np.ndarray]:
        """Each label's uneffected training clips, float32 (N, d), read once."""
        return {label: self.originals(clips) for label, clips in self.training.items()}

    @cached_property
    def test_originals(self) -> dict[str, np.ndarray]:
        """Each label's uneffected test clips, float32 (N, d), read once."""
        return {label: self.originals(clips) for label, clips in self.test.items()}

    @cached_property
    def centroids(self) -> dict[str, np.ndarray]:
        """The mean of each label's uneffected training clips, float64 (d,).

        Without originals, of its training clips at all levels.
        """
        if not self.has_originals:
            return {
                label: self.effected(clips).mean(axis=(0, 1), dtype=np.float64)
                for label, clips in self.training.items()
            }
        found = self.training_originals.items()
        return {label: points.astype(np.float64).mean(axis=0) for label, points in found}

    @cached_property
    def centroid_variances(self) -> dict[str, float]:
        """The `centroid_variance` of each label's uneffected training clips."""
        return {
            label: centroid_variance(
                points.astype(np.float64), [self.group_of[clip] for clip in self.training[label]]
            )
            for label, points in self.training_originals.items()
        }


class LabelClips:
    """Clips of a label, and their embeddings as float64, each read once, when asked for.

    clips : ids in split order
    groups : the recordings that they were cut from
    """

    def __init__(self, data: EffectData, label: str, training: "LabelClips | None" = None) -> None:
        """Of the test clips where `training`, those of the same label, is given."""
        self._data, self._label, self._training = data, label, training or self
        self.clips = (data.test if training else data.training)[label]
        self.groups = [data.group_of[clip] for clip in self.clips]

    @cached_property
    def originals(self) -> np.ndarray:
        """Without the effect, (N, d)."""
        of_training = self._training is self
        found = self._data.training_originals if of_training else self._data.test_originals
        return found[self._label].astype(np.float64)

    @cached_property
    def reference(self) -> np.ndarray:
        """The originals, or without any each clip's mean over levels, (N, d)."""
        return self.originals if self._data.has_originals else self.measured.mean(axis=0)

    @cached_property
    def measured(self) -> np.ndarray:
        """At every level, (P, N, d), as stored: rounding too where the label does not respond."""
        return self._data.effected(self.clips).astype(np.float64)

    @cached_property
    def effected(self) -> np.ndarray:
        """At every level, (P, N, d); the `reference` where the label does not respond."""
        if self._training.response < MIN_RESPONSE:
            return np.repeat(self.reference[None], len(self._data.levels), axis=0)
        return self.measured

    @cached_property
    def response(self) -> float:
        """Median over clips and levels that do something of |x_i^p - x_i|, relative.

        x_i is the `reference`. Over `label_distance`, as the sample has it; NaN where that is, and
        a label responds.
        """
        distance = label_distance(self._data.centroids, self._label)
        applied = self.measured[~self._data.neutral]
        lengths = [np.linalg.norm(points - self.reference, axis=1) for points in applied]
        return float(np.median(lengths) / distance)


@dataclass(frozen=True)
class LabelData:
    """What a measure is computed from: the arrays of one label of a model and effect.

    levels : P level strings, ascending
    neutral : (P,) bool, levels at which the effect does nothing
    training, test : its clips; a split may have no test clip of it
    directions : `directions.LabelDirections` of its training clips, where the measure needs them
    everyone : clips of all labels, whose embeddings it reads on request
    shared : what one measure of a group has computed and another needs too, by name
    """

    label: str
    levels: list[str]
    neutral: np.ndarray
    training: LabelClips
    test: LabelClips
    directions: Any
    everyone: EffectData
    shared: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, label: str, data: EffectData, directions: Any = None) -> "LabelData":
        training = LabelClips(data, label)
        test = LabelClips(data, label, training)
        return cls(label, data.levels, data.neutral, training, test, directions, data)

    @property
    def responds(self) -> bool:
        """Whether the effect moves the label's training clips by more than rounding."""
        return not self.training.response < MIN_RESPONSE


def open_effect(
    effected_path: str | os.PathLike,
    original_path: str | os.PathLike | None,
    clips: Sequence[Clip],
    labels: Sequence[str] | None,
    neutral: float | None,
    model: str,
    effect: str,
    log_scale: bool = False,
    mild_end: str | None = None,
) -> EffectData:
    """Check the two stores of a model and effect against the clip index.

    Parameters
    ----------
    effected_path, original_path : embedding stores; None: there are no originals
    clips : the clip index
    labels : labels to analyse, None for all
    neutral : the level at which the effect does nothing, if it has one
    model, effect : what the stores must say they are of
    log_scale, mild_end : see `EffectData`

    Raises
    ------
    InputError
        naming the file: levels that don't ascend or are too few, another model, effect or
        dimension, a clip without an embedding, a label without a training clip
    """
    identity = model_identity(original_path) if original_path else {}
    store = read_header(effected_path, {**identity, "model": model, "effect": effect})
    headers = [(effected_path, store)]
    if original_path:
        headers.append((original_path, read_header(original_path, {"model": model})))
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
    order = order_labels(clips, labels)
    split = {
        name: {
            label: [clip.clip for clip in sort_by_split_row(clips, name) if clip.label == label]
            for label in order
        }
        for name in ("train", "test")
    }
    for label in order:
        if not split["train"][label]:
            raise InputError(f"label {label}: no training clip in the split: leave the label out")
    wanted = [clip for part in split.values() for ids in part.values() for clip in ids]
    for path, found in headers:
        held = set(found.clips)
        if missing := [clip for clip in wanted if clip not in held]:
            raise InputError(
                f"{path}: no embedding of {', '.join(missing[:3])} ({len(missing)} of "
                f"{len(wanted)} clips missing): delete it and run again"
            )
    data = EffectData(
        effected_path=str(effected_path),
        original_path=str(original_path) if original_path else None,
        levels=levels,
        neutral=is_neutral,
        labels=order,
        training=split["train"],
        test=split["test"],
        group_of={clip.clip: clip.group for clip in clips},
        neutral_level=neutral,
        log_scale=log_scale,
        mild_end=mild_end,
    )
    if not data.has_originals:
        return data
    first = data.training[order[0]][:1]
    dimensions = data.effected(first).shape[-1], data.originals(first).shape[-1]
    if dimensions[0] != dimensions[1]:
        raise InputError(
            f"{effected_path}: embeddings of {dimensions[0]} dimensions, {dimensions[1]} in "
            f"{original_path}: delete both and run again"
        )
    return data
