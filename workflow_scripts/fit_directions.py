"""Fit every direction of one model and effect to each label's training clips."""

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from sensitivity.clips import read_clips
from sensitivity.direction_store import write_directions
from sensitivity.directions import fit_label, reference_variances
from sensitivity.effect_data import open_effect
from sensitivity.logs import configure_logging


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

    def fitted(reference):
        for label in tqdm(data.labels, desc="labels", disable=None):
            clips = data.training[label]
            effected = data.effected(clips).astype(np.float64)
            originals = data.originals(clips).astype(np.float64)
            yield label, clips, fit_label(effected, originals, data.neutral, reference)

    # One BLAS thread: the sums, and so the last bits, don't depend on the machine's cores.
    with threadpool_limits(1):
        everyone = [clip for label in data.labels for clip in data.training[label]]
        reference = reference_variances(data.originals(everyone).astype(np.float64))
        attributes = {"model": model, "effect": effect, "levels": data.levels}
        write_directions(snakemake.output[0], fitted(reference), attributes)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
