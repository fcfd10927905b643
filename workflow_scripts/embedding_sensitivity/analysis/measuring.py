"""Measures of all labels of one model and effect: the stores are gone through once for all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from embedding_sensitivity.embeddings.effect_data import EffectData, LabelData
from embedding_sensitivity.experiment.measures import load
from embedding_sensitivity.files.progress import progress
from embedding_sensitivity.files.workers import run_in_order

# Imported by name, where directions are fitted: other jobs don't depend on how.
DIRECTIONS = "embedding_sensitivity.analysis.directions"
# A measure's name, its file (None for one of the library) and its options.
Chosen = tuple[str, str | None, Mapping[str, Any]]


def measure_labels(
    measures: Sequence[Chosen],
    data: EffectData,
    directions: Mapping[str, Any] | None,
    fits_directions: bool,
    n_processes: int,
) -> list[tuple[str, Any, list[Any]]]:
    """Return each label, the directions fitted to it, and what each of `measures` found.

    Parameters
    ----------
    directions : of each label, read from a file; None where they are fitted here, or not needed
    n_processes : that labels are shared out among; nothing depends on it
    """
    reference = None
    if fits_directions and data.has_originals:
        everyone = np.concatenate([data.training_originals[label] for label in data.labels])
        reference = import_module(DIRECTIONS).reference_variances(everyone.astype(np.float64))
    job = partial(
        measure_label,
        measures=measures,
        data=data,
        fits_directions=fits_directions,
        reference=reference,
    )
    items = [(label, directions and directions[label]) for label in data.labels]
    processes = min(n_processes, len(items)) if n_processes > 1 else 0
    found = run_in_order(job, items, processes, 2 * processes)
    labels = progress(data.labels, desc="labels")
    return [(label, *results) for label, results in zip(labels, found, strict=True)]


def measure_label(
    label: str,
    directions: Any,
    measures: Sequence[Chosen],
    data: EffectData,
    fits_directions: bool,
    reference: np.ndarray | None,
) -> tuple[Any, list[Any]]:
    """One label's directions, where they are fitted here, and each measure's result."""
    given = LabelData.of(label, data, directions)
    if fits_directions:
        training = given.training
        originals = training.originals if data.has_originals else None
        arrays = training.effected, originals, data.neutral
        directions = import_module(DIRECTIONS).fit_label(*arrays, reference, training.groups)
        given = replace(given, directions=directions)
    results = [
        load(name, file).function("measure")(given, **options) for name, file, options in measures
    ]
    return directions if fits_directions else None, results
