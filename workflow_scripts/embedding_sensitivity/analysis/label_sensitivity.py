"""What sections II and III say of one label: its directions, and the rows of its tables."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from embedding_sensitivity.analysis import heldout_levels
from embedding_sensitivity.analysis.cca import is_saturated, unit_levels
from embedding_sensitivity.analysis.correlation import n_distinct_points, project, squared_spearman
from embedding_sensitivity.analysis.dimensionality import compared_subspaces, describe_displacements
from embedding_sensitivity.analysis.directions import (
    LabelDirections,
    centred_singular_values,
    fit_label,
    spectrum,
)
from embedding_sensitivity.analysis.displacement import (
    describe_level,
    label_distance,
    order_with_level,
)
from embedding_sensitivity.analysis.statistics import (
    HIGH,
    generator,
    null_r2,
    null_r2_of_projections,
    r2_interval,
)
from embedding_sensitivity.embeddings.effect_data import EffectData


class LabelSensitivity(NamedTuple):
    """What `measure_label` finds.

    directions : of every method
    tables : rows of each table, without model, effect and label
    subspaces : directions to compare with other labels', (k, d) by method
    """

    directions: LabelDirections
    tables: dict[str, list[dict]]
    subspaces: dict[str, np.ndarray]


def measure_label(
    label: str,
    data: EffectData,
    reference: np.ndarray,
    centroids: Mapping[str, np.ndarray],
    group_of: Mapping[str, str],
) -> LabelSensitivity:
    """Fit a label's directions, and measure how its embeddings move along and beside them.

    Parameters
    ----------
    label : one of `data`'s, whose training clips are fitted
    reference : variances of all labels' originals, `directions.reference_variances`
    centroids : mean of each label's originals (d,)
    group_of : the recording that each clip was cut from
    """
    clips = data.training[label]
    effected = data.effected(clips)
    originals = data.originals(clips).astype(np.float64)
    distance = label_distance(centroids, label)
    displacements = [
        {"level": level, **describe_level(originals, points.astype(np.float64), distance)}
        for level, points in zip(data.levels, effected, strict=True)
    ]
    effected = effected.astype(np.float64)
    found = fit_label(effected, originals, data.neutral, reference)
    tables = {
        **label_rows(data, label, effected, originals, found, group_of),
        "displacement": displacements,
        "displacement_order": [order_with_level(displacements)],
    }
    return LabelSensitivity(found, tables, compared_subspaces(found.subspaces))


def global_r2(projections: np.ndarray, saturated: bool) -> float:
    """R2 of projections (P, N) on levels; 1 by identity, not by ranking, where saturated."""
    if saturated:
        return 1.0
    targets = np.repeat(unit_levels(len(projections)), projections.shape[1])
    return float(squared_spearman(projections.ravel(), targets))


def samplewise_rows(effected: np.ndarray, clips: list[str], found: LabelDirections) -> list[dict]:
    """R2 of each clip's own direction on its own P points, effected (P, N, d)."""
    targets = unit_levels(len(effected))
    heldout = heldout_levels.samplewise_r2(effected)
    rows = []
    for index, clip in enumerate(clips):
        points = effected[:, index]
        if is_saturated(found.ranks[index], len(points)):
            r2 = 1.0
        else:
            r2 = squared_spearman(project(points, found.samplewise[index]), targets)
        rows.append(
            {
                "clip": clip,
                "r2": r2,
                "n_distinct_points": n_distinct_points(points),
                "r2_heldout_levels": None if heldout is None else heldout[index],
            }
        )
    return rows


def training_columns(effected: np.ndarray, along: np.ndarray, groups: list[str], seed) -> dict:
    """The columns of global_r2 that come from training clips, but for those of the fit itself.

    effected (P, N, d), along (P, N) their projections, `groups` of the clips, `seed` the names
    that random numbers depend on.
    """
    null = null_r2(effected, generator(*seed, "null"))
    low, high = r2_interval(along, groups, generator(*seed, "train"))
    return {
        "r2_null_mean": null.mean(),
        "r2_null_high": np.quantile(null, HIGH, method="higher"),
        "r2_low": low,
        "r2_high": high,
        "n_groups": len(set(groups)),
    }


def test_columns(along: np.ndarray, groups: list[str], seed) -> dict:
    """The columns of global_r2 that come from test clips' projections `along` (P, n)."""
    null = null_r2_of_projections(along, generator(*seed, "test null"))
    low, high = r2_interval(along, groups, generator(*seed, "test"))
    return {
        "r2_test": global_r2(along, saturated=False),
        "r2_test_low": low,
        "r2_test_high": high,
        "r2_test_null_high": np.quantile(null, HIGH, method="higher"),
        "n_groups_test": len(set(groups)),
    }


def projection_rows(along: np.ndarray, split: str, clips: list[str], levels: list[str]):
    """Rows of the table projections, of `along` (P, n)."""
    return [
        {"split": split, "clip": clip, "level": level, "projection": along[p, i]}
        for p, level in enumerate(levels)
        for i, clip in enumerate(clips)
    ]


def label_rows(
    data: EffectData,
    label: str,
    effected: np.ndarray,
    originals: np.ndarray,
    found: LabelDirections,
    group_of: Mapping[str, str],
) -> dict[str, list[dict]]:
    """Rows of section III's tables for one label, without model, effect and label.

    `effected` (P, N, d) and `originals` (N, d) are the label's training clips, float64.
    """
    training, test = data.training[label], data.test[label]
    basis = found.subspaces["global_cca"]
    # Without a direction (an effect that moves nothing) every projection is 0, R2 undefined.
    direction = basis[0] if len(basis) else np.zeros(effected.shape[-1])
    # Random numbers depend on the label alone: models and effects are compared on the same ones.
    along = project(effected, direction)
    r2 = {
        "r2": global_r2(along, found.saturated),
        "saturated": found.saturated,
        **training_columns(effected, along, [group_of[clip] for clip in training], [label]),
        "n_clips": len(training),
        "n_levels": len(data.levels),
        "n_groups_test": 0,
    }
    if found.saturated and r2["r2_low"] is not None:
        r2 |= {"r2_low": 1.0, "r2_high": 1.0}  # of the fit, not of rounding
    projections = projection_rows(along, "train", training, data.levels)
    if test:
        test_effected = data.effected(test).astype(np.float64)
        along = project(test_effected, direction)
        r2 |= test_columns(along, [group_of[clip] for clip in test], [label])
        r2["r2_heldout_levels"] = heldout_levels.global_r2(effected, test_effected)
        projections += projection_rows(along, "test", test, data.levels)
    spectra = zip(
        spectrum(found.singular_values), spectrum(centred_singular_values(originals)), strict=True
    )
    displacements = (effected[~data.neutral] - originals).reshape(-1, originals.shape[1])
    return {
        "global_r2": [r2],
        "samplewise_r2": samplewise_rows(effected, training, found),
        "spectra": [
            {"index": index, "directions": of_directions, "originals": of_originals}
            for index, (of_directions, of_originals) in enumerate(spectra)
        ],
        "dimensionality": [describe_displacements(displacements)],
        "projections": projections,
    }
