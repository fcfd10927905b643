"""Measure how far one effect moves one model's embeddings at each level."""

import numpy as np
from threadpoolctl import threadpool_limits

from sensitivity.clips import read_clips
from sensitivity.displacement import describe_level, label_distance, order_with_level
from sensitivity.effect_data import open_effect
from sensitivity.logs import configure_logging
from sensitivity.progress import progress
from sensitivity.tables import write_table


def main(snakemake) -> None:
    """Read the stores label by label, write tables displacement and displacement_order."""
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
    originals = {
        label: data.originals(clips).astype(np.float64) for label, clips in data.training.items()
    }
    centroids = {label: points.mean(axis=0) for label, points in originals.items()}
    levels, orders = [], []
    with threadpool_limits(1):
        for label, points in progress(originals.items(), desc="labels"):
            keys = {"model": model, "effect": effect, "label": label}
            distance = label_distance(centroids, label)
            rows = [
                describe_level(points, effected.astype(np.float64), distance)
                for effected in data.effected(data.training[label])
            ]
            levels += [
                {**keys, "level": level, **row}
                for level, row in zip(data.levels, rows, strict=True)
            ]
            orders.append({**keys, **order_with_level(rows)})
    for table, rows in (("displacement", levels), ("displacement_order", orders)):
        write_table(snakemake.output[table], table, rows)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
