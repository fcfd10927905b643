"""Copy a model's embeddings without an effect into a store."""

from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.embeddings.arrays import read_originals
from embedding_sensitivity.embeddings.imported import make_attributes, read_embeddings
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the store of a model's originals."""
    log = configure_logging(snakemake, packages=("numpy", "h5py"))
    model, file = snakemake.wildcards.model, snakemake.input.originals[0]
    clips = [clip.clip for clip in in_split(read_clips(snakemake.input.clips))]
    if snakemake.params.is_array:
        embeddings = read_originals(file, clips)
        log.info("%d clips, %d dimensions", *embeddings.shape)
    else:
        embeddings, frames = read_embeddings(file, model, clips)
        log.info("%d clips of %d to %d frames", len(clips), frames.min(), frames.max())
    found = make_attributes(model, clips, embeddings, [file])
    write_store(snakemake.output[0], embeddings, clips, attributes=found)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
