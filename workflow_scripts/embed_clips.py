"""Embed one batch of an effect's levels."""

from embedding_sensitivity.clips.audio import AudioBatch
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.downloads.expected_hashes import check_files
from embedding_sensitivity.embeddings.embedding import check_audio, load_embedder, store_attributes
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.models import choose


def main(snakemake) -> None:
    """Write the part of an effect's store with these levels."""
    log = configure_logging(snakemake, packages=("h5py",))
    params = snakemake.params
    clips = in_split(read_clips(snakemake.input.clips))
    choice, protocol = choose(params.model, params.options), dict(params.protocol)
    weights = list(snakemake.input.weights)
    audio = AudioBatch(snakemake.input.audio)
    with load_embedder(
        choice,
        protocol,
        weights,
        device=snakemake.resources.device,
        batch_size=snakemake.resources.batch_size,
        threads=snakemake.threads,
        longest_s=audio.longest_s,
    ) as loaded:
        check_files(weights, loaded.model.weights_sha256, params.published)
        check_audio(audio, params.effect, list(params.levels), protocol)
        attributes = store_attributes(
            loaded.model,
            choice,
            clips,
            protocol,
            params.effect,
            params.unit,
            audio.package_versions,
        )
        log.info("%s", attributes)
        embeddings = loaded.embed_levels(audio, clips)
    names = [clip.clip for clip in clips]
    write_store(snakemake.output[0], embeddings, names, list(params.levels), attributes)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
