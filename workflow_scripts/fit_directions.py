"""Fit every direction of one model and effect to each label's training clips."""

from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from sensitivity.clips import read_clips
from sensitivity.direction_store import write_directions
from sensitivity.directions import fit_stored, reference_variances
from sensitivity.effect_data import open_effect
from sensitivity.logs import configure_logging
from sensitivity.progress import progress
from sensitivity.workers import in_order


def main(snakemake) -> None:
    """Read the two stores label by label, fit, write the directions file."""
    configure_logging(snakemake, packages=("numpy", "scipy", "h5py"))
    model, effect = snakemake.wildcards.model, snakemake.wildcards.effect
    data = open_effect(
        snakemake.input.store,
        snakemake.input.original,
        read_clips(snakemake.input.clips),
        snakemake.params.labels,
        snakemake.params.neutral,
        model,
        effect,
    )

    # One BLAS thread a process: the sums, and so the last bits, don't depend on the cores.
    with threadpool_limits(1):
        everyone = [clip for label in data.labels for clip in data.training[label]]
        reference = reference_variances(data.originals(everyone).astype(np.float64))
        job = partial(fit_stored, data=data, reference=reference)
        processes = snakemake.threads if snakemake.threads > 1 else 0
        found = in_order(job, zip(data.labels, strict=True), processes, 2 * processes)
        labels = progress(data.labels, desc="labels")
        fitted = (
            (label, data.training[label], directions)
            for label, directions in zip(labels, found, strict=True)
        )
        attributes = {"model": model, "effect": effect, "levels": data.levels}
        write_directions(snakemake.output[0], fitted, attributes)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
