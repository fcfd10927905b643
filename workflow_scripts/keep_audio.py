"""Keep one level of an effect as WAV files, for listening."""

from pathlib import Path

from embedding_sensitivity.clips.audio import AudioBatch, write_wavs
from embedding_sensitivity.clips.clip import read_clips
from embedding_sensitivity.effects.copying import make_batch
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.rendering import RENDERED_WITH
from embedding_sensitivity.files.logs import configure_logging, log_versions


def main(snakemake) -> None:
    """Render the level as models get it, and write a file for each clip of the split."""
    log = configure_logging(snakemake, packages=("h5py",))
    effect = choose(snakemake.params.effect, snakemake.params.entry)
    log_versions(log, sorted({*RENDERED_WITH, *effect.packages}))
    folder = Path(snakemake.output[0])
    rendered = folder.with_name(f".{folder.name}.h5")
    try:
        make_batch(
            read_clips(snakemake.input.clips),
            effect,
            list(snakemake.params.levels),
            dict(snakemake.params.protocol),
            rendered,
            threads=snakemake.threads,
        )
        batch = AudioBatch(rendered)
        write_wavs(batch, 0, folder)
        log.info("%d files in %s", len(batch.clips), folder)
    finally:
        rendered.unlink(missing_ok=True)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821  (injected by Snakemake)
