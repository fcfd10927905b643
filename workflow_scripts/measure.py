"""Fit every direction of one model and effect, and measure how far and which way clips move."""

from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis.dimensionality import angle_rows
from embedding_sensitivity.analysis.direction_store import write_directions
from embedding_sensitivity.analysis.directions import reference_variances
from embedding_sensitivity.analysis.label_sensitivity import measure_label
from embedding_sensitivity.clips.clip import read_clips
from embedding_sensitivity.embeddings.effect_data import open_effect
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.files.progress import progress
from embedding_sensitivity.files.workers import in_order


def main(snakemake) -> None:
    """Read the two stores label by label, write the directions and the tables."""
    configure_logging(snakemake, packages=("numpy", "scipy", "h5py"))
    model, effect = snakemake.wildcards.model, snakemake.wildcards.effect
    clips = read_clips(snakemake.input.clips)
    data = open_effect(
        snakemake.input.store,
        snakemake.input.original,
        clips,
        snakemake.params.labels,
        snakemake.params.neutral,
        model,
        effect,
    )
    keys = {"model": model, "effect": effect}
    tables: dict[str, list[dict]] = {}
    subspaces = {}

    def fitted(found):
        """Keep what was measured of each label, and yield its directions to be written."""
        for label, measured in zip(progress(data.labels, desc="labels"), found, strict=True):
            subspaces[label] = measured.subspaces
            for table, rows in measured.tables.items():
                tables.setdefault(table, []).extend({**keys, "label": label, **r} for r in rows)
            yield label, data.training[label], measured.directions

    # One BLAS thread a process: the sums, and so the last bits, don't depend on the cores.
    with threadpool_limits(1):
        originals = {label: data.originals(ids) for label, ids in data.training.items()}
        everyone = np.concatenate([originals[label] for label in data.labels])
        job = partial(
            measure_label,
            data=data,
            reference=reference_variances(everyone.astype(np.float64)),
            centroids={
                k: points.astype(np.float64).mean(axis=0) for k, points in originals.items()
            },
            group_of={clip.clip: clip.group for clip in clips},
        )
        processes = snakemake.threads if snakemake.threads > 1 else 0
        found = in_order(job, zip(data.labels, strict=True), processes, 2 * processes)
        attributes = {**keys, "levels": data.levels}
        write_directions(snakemake.output["directions"], fitted(found), attributes)
        tables["principal_angles"] = [{**keys, **row} for row in angle_rows(subspaces)]
    for table, rows in tables.items():
        write_table(snakemake.output[table], table, rows)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
