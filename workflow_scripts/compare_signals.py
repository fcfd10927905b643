"""Measure how much of the signal a batch of an effect's levels changes, on a sample of clips."""

from dataclasses import replace
from pathlib import Path

from embedding_sensitivity.clips.audio import AudioBatch
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.effects.copying import make_batch
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.signal_change import choose_sample, measure_batch
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Compare effected audio with its clips; without a file of it, render those of the sample."""
    log = configure_logging(
        snakemake, packages=("numpy", "scipy", "pyloudnorm", "soundfile", "h5py")
    )
    params, output = snakemake.params, Path(snakemake.output[0])
    sample = choose_sample(in_split(read_clips(snakemake.input.clips)))
    effect, rows = choose(params.effect, params.entry), []
    if snakemake.input.audio:
        rows += measure_batch(AudioBatch(snakemake.input.audio[0]), sample)
    else:
        rendered = output.with_name(f".{output.stem}.h5")
        for level in params.levels:
            # That a level changes none of a few clips is no fault.
            lenient = replace(effect, neutral=float(level))
            try:
                make_batch(sample, lenient, [level], dict(params.protocol), rendered)
                rows += measure_batch(AudioBatch(rendered), sample)
            finally:
                rendered.unlink(missing_ok=True)
    write_table(output, "signal_clips", ({"effect": params.effect, **row} for row in rows))
    log.info("%d clips at %d levels", len(sample), len(params.levels))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821  (injected by Snakemake)
