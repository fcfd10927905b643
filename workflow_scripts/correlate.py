"""Measure how well directions give an effect's level, and in how many directions it moves clips."""

from functools import partial

from threadpoolctl import threadpool_limits

from sensitivity.clips import read_clips
from sensitivity.dimensionality import angle_rows
from sensitivity.effect_data import open_effect
from sensitivity.label_sensitivity import sensitivity_of
from sensitivity.logs import configure_logging
from sensitivity.progress import progress
from sensitivity.tables import write_table
from sensitivity.workers import in_order


def main(snakemake) -> None:
    """Read the stores and the directions, write the tables of one model and effect."""
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
    job = partial(
        sensitivity_of,
        data=data,
        directions_path=str(snakemake.input.directions),
        attributes={"model": model, "effect": effect, "levels": data.levels},
        group_of={clip.clip: clip.group for clip in clips},
    )
    keys = {"model": model, "effect": effect}
    tables: dict[str, list[dict]] = {}
    subspaces = {}
    with threadpool_limits(1):
        # The rows don't depend on the number of processes: each has one BLAS thread.
        processes = snakemake.threads if snakemake.threads > 1 else 0
        found = in_order(job, zip(data.labels, strict=True), processes, 2 * processes)
        labels = progress(data.labels, desc="labels")
        for label, (rows_of_table, subspaces[label]) in zip(labels, found, strict=True):
            for table, rows in rows_of_table.items():
                tables.setdefault(table, []).extend({**keys, "label": label, **r} for r in rows)
        tables["principal_angles"] = [{**keys, **row} for row in angle_rows(subspaces)]
    for table, rows in tables.items():
        write_table(snakemake.output[table], table, rows)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
