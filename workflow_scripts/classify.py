"""Train and test classifiers on debiased embeddings of one model and effect."""

from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis.debiasing import (
    DebiasingPlan,
    classify_effect,
    direction_counts,
)
from embedding_sensitivity.clips.clip import read_clips
from embedding_sensitivity.embeddings.effect_data import open_effect
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Read the stores and the directions, write tables auc, auc_gain and n_directions."""
    configure_logging(snakemake, packages=("numpy", "scipy", "scikit-learn", "h5py"))
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
    settings = DebiasingPlan(
        snakemake.params.methods, snakemake.params.thresholds, snakemake.params.solver
    )
    directions = snakemake.input.directions
    counts = direction_counts(data, directions, settings.thresholds)
    # One BLAS thread a process; labels are shared out over the cores the rule was given.
    with threadpool_limits(1):
        groups = {clip.clip: clip.group for clip in clips}
        areas, gains = classify_effect(data, directions, settings, groups, snakemake.threads)
    for table, rows in (("auc", areas), ("auc_gain", gains), ("n_directions", counts)):
        keys = {"model": model, "effect": effect}
        write_table(snakemake.output[table], table, ({**keys, **row} for row in rows))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
