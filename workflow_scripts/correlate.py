"""Measure how well directions give an effect's level: R2, spectra and projections."""

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from sensitivity.cca import is_saturated, unit_levels
from sensitivity.clips import read_clips
from sensitivity.correlation import n_distinct_points, project, squared_spearman
from sensitivity.direction_store import read_directions
from sensitivity.directions import LabelDirections, centred_singular_values, spectrum
from sensitivity.effect_data import EffectData, open_effect
from sensitivity.logs import configure_logging
from sensitivity.tables import write_table


def global_r2(projections: np.ndarray, saturated: bool) -> float:
    """R2 of projections (P, N) on levels; 1 by identity, not by ranking, where saturated."""
    if saturated:
        return 1.0
    targets = np.repeat(unit_levels(len(projections)), projections.shape[1])
    return float(squared_spearman(projections.ravel(), targets))


def samplewise_rows(effected: np.ndarray, clips: list[str], found: LabelDirections) -> list[dict]:
    """R2 of each clip's own direction on its own P points, effected (P, N, d)."""
    targets = unit_levels(len(effected))
    rows = []
    for index, clip in enumerate(clips):
        points = effected[:, index]
        if is_saturated(found.ranks[index], len(points)):
            r2 = 1.0
        else:
            r2 = squared_spearman(project(points, found.samplewise[index]), targets)
        rows.append({"clip": clip, "r2": r2, "n_distinct_points": n_distinct_points(points)})
    return rows


def label_rows(data: EffectData, label: str, found: LabelDirections) -> dict[str, list[dict]]:
    """Rows of every table for one label, without model, effect and label."""
    basis = found.subspaces["global_cca"]
    r2, projections = {}, []
    for split, clips in (("train", data.training[label]), ("test", data.test[label])):
        effected = data.effected(clips).astype(np.float64)
        # Without a direction (an effect that moves nothing) every projection is 0, R2 undefined.
        direction = basis[0] if len(basis) else np.zeros(effected.shape[-1])
        along = project(effected, direction)
        r2[split] = global_r2(along, split == "train" and found.saturated) if clips else None
        projections += [
            {"split": split, "clip": clip, "level": level, "projection": along[p, i]}
            for p, level in enumerate(data.levels)
            for i, clip in enumerate(clips)
        ]
        if split == "train":
            samplewise = samplewise_rows(effected, clips, found)
    originals = data.originals(data.training[label]).astype(np.float64)
    spectra = zip(
        spectrum(found.singular_values), spectrum(centred_singular_values(originals)), strict=True
    )
    return {
        "global_r2": [
            {
                "r2": r2["train"],
                "r2_test": r2["test"],
                "saturated": found.saturated,
                "n_clips": len(data.training[label]),
                "n_levels": len(data.levels),
            }
        ],
        "samplewise_r2": samplewise,
        "spectra": [
            {"index": index, "directions": of_directions, "originals": of_originals}
            for index, (of_directions, of_originals) in enumerate(spectra)
        ],
        "projections": projections,
    }


def main(snakemake) -> None:
    """Read the stores and the directions, write the four tables of one model and effect."""
    configure_logging(snakemake, packages=("numpy", "scipy", "h5py"))
    model, effect = snakemake.wildcards.model, snakemake.wildcards.effect
    data = open_effect(
        snakemake.input.store,
        snakemake.input.original,
        read_clips(snakemake.input.clips),
        snakemake.params.labels,
        None,
        model,
        effect,
    )
    attributes = {"model": model, "effect": effect, "levels": data.levels}
    tables: dict[str, list[dict]] = {}
    with threadpool_limits(1):
        for label in tqdm(data.labels, desc="labels", disable=None):
            found = read_directions(
                snakemake.input.directions, label, data.training[label], attributes
            )
            for table, rows in label_rows(data, label, found).items():
                keys = {"model": model, "effect": effect, "label": label}
                tables.setdefault(table, []).extend({**keys, **row} for row in rows)
    for table, rows in tables.items():
        write_table(snakemake.output[table], table, rows)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
