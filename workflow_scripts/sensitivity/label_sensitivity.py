"""What section III says of one label: the rows of its tables, from stores and directions."""

from collections.abc import Mapping

import numpy as np

from sensitivity import heldout_levels
from sensitivity.cca import is_saturated, unit_levels
from sensitivity.correlation import n_distinct_points, project, squared_spearman
from sensitivity.dimensionality import compared_subspaces, describe_displacements
from sensitivity.direction_store import read_directions
from sensitivity.directions import LabelDirections, centred_singular_values, spectrum
from sensitivity.effect_data import EffectData
from sensitivity.statistics import HIGH, generator, null_r2, null_r2_of_projections, r2_interval


def sensitivity_of(
    label: str,
    data: EffectData,
    directions_path: str,
    attributes: Mapping,
    group_of: Mapping[str, str],
) -> tuple[dict[str, list[dict]], dict[str, np.ndarray]]:
    """Rows of every table for a label, and its directions to compare with other labels'.

    `attributes` are what the directions file must say of itself; `group_of` a clip is the recording
    it was cut from.
    """
    found = read_directions(directions_path, label, data.training[label], attributes)
    return label_rows(data, label, found, group_of), compared_subspaces(found.subspaces)


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
    data: EffectData, label: str, found: LabelDirections, group_of: Mapping[str, str]
) -> dict[str, list[dict]]:
    """Rows of every table for one label, without model, effect and label."""
    training, test = data.training[label], data.test[label]
    effected = data.effected(training).astype(np.float64)
    originals = data.originals(training).astype(np.float64)
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
