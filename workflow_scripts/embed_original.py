"""Embed the clips without an effect."""

from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.downloads.expected_hashes import check_files
from embedding_sensitivity.embeddings.embedding import load_embedder, store_attributes
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.models import choose


def main(snakemake) -> None:
    """Write the store of the originals."""
    log = configure_logging(snakemake, packages=("h5py", "soundfile"))
    params = snakemake.params
    clips = in_split(read_clips(snakemake.input.clips))
    choice, protocol = choose(params.model, params.options), dict(params.protocol)
    weights = list(snakemake.input.weights)
    with load_embedder(
        choice,
        protocol,
        weights,
        device=snakemake.resources.device,
        batch_size=snakemake.resources.batch_size,
        threads=snakemake.threads,
        longest_s=max(clip.frames / clip.samplerate for clip in clips),
    ) as loaded:
        check_files(weights, loaded.model.weights_sha256, params.published)
        attributes = store_attributes(loaded.model, choice, clips, protocol)
        log.info("%s", attributes)
        embeddings = loaded.embed_original(clips)
    write_store(
        snakemake.output[0], embeddings, [clip.clip for clip in clips], attributes=attributes
    )


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
