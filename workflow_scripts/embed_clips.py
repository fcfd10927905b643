"""Embed one batch of an effect's levels."""

from threadpoolctl import threadpool_limits

from sensitivity.audio import AudioBatch
from sensitivity.clips import in_split, read_clips
from sensitivity.embedding import batch_size_of, check_audio, embed_levels, store_attributes
from sensitivity.logs import configure_logging
from sensitivity.models import load_model
from sensitivity.store import write_store


def main(snakemake) -> None:
    """Write the part of an effect's store that holds these levels."""
    log = configure_logging(snakemake, packages=("h5py",))
    params = snakemake.params
    clips = in_split(read_clips(snakemake.input.clips))
    options = dict(params.options)
    with AudioBatch(snakemake.input.audio) as audio, threadpool_limits(snakemake.threads):
        check_audio(audio, params.effect, list(params.levels), dict(params.protocol))
        weights = next(iter(snakemake.input.weights), None)
        model = load_model(params.model, options, weights, snakemake.threads)
        attributes = store_attributes(
            model,
            params.model,
            options,
            clips,
            dict(params.protocol),
            params.effect,
            params.unit,
            audio.package_versions,
        )
        log.info("%s on the CPU: %s", params.model, attributes)
        embeddings = embed_levels(model, audio, clips, batch_size_of(params.model, options))
    names = [clip.clip for clip in clips]
    write_store(snakemake.output[0], embeddings, names, list(params.levels), attributes)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
