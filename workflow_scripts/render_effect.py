"""Render one effect at a batch of levels for every clip of the split."""

import time

from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.effects.copying import make_batch
from embedding_sensitivity.effects.entries import check_lengths, choose
from embedding_sensitivity.effects.rendering import RENDERED_WITH
from embedding_sensitivity.files.logs import configure_logging, log_versions


def main(snakemake) -> None:
    """Read the clip index, render, and log the rate."""
    log = configure_logging(snakemake, packages=("h5py",))
    effect = choose(snakemake.params.effect, snakemake.params.entry)
    log_versions(log, sorted({*RENDERED_WITH, *effect.packages}))
    clips = read_clips(snakemake.input.clips)
    levels = list(snakemake.params.levels)
    check_lengths(effect, levels, in_split(clips))
    start = time.perf_counter()
    make_batch(
        clips,
        effect,
        levels,
        dict(snakemake.params.protocol),
        snakemake.output[0],
        threads=snakemake.threads,
    )
    seconds = time.perf_counter() - start
    rendered = len(in_split(clips)) * len(levels)
    log.info(
        "%d clips at %d levels on %d threads in %.1f s: %.0f clips a second",
        len(in_split(clips)),
        len(levels),
        snakemake.threads,
        seconds,
        rendered / seconds,
    )


if __name__ == "__main__":
    main(snakemake)  # noqa: F821  (injected by Snakemake)
