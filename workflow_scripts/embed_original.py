"""Embed the clips as they are, without an effect."""

from threadpoolctl import threadpool_limits

from sensitivity.clips import in_split, read_clips
from sensitivity.embedding import batch_size_of, embed_original, store_attributes
from sensitivity.logs import configure_logging
from sensitivity.models import load_model
from sensitivity.store import write_store


def main(snakemake) -> None:
    """Write the store of the originals."""
    log = configure_logging(snakemake, packages=("h5py", "soundfile"))
    params = snakemake.params
    clips = in_split(read_clips(snakemake.input.clips))
    options = dict(params.options)
    with threadpool_limits(snakemake.threads):
        weights = next(iter(snakemake.input.weights), None)
        model = load_model(params.model, options, weights, snakemake.threads)
        # No effect's protocol touches the originals; a model may have switches of its own.
        protocol = dict(params.get("protocol", {}))
        attributes = store_attributes(model, params.model, options, clips, protocol)
        log.info("%s on the CPU: %s", params.model, attributes)
        embeddings = embed_original(model, clips, batch_size_of(params.model, options))
    write_store(
        snakemake.output[0], embeddings, [clip.clip for clip in clips], attributes=attributes
    )


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
