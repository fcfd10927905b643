"""Copy a model's embeddings at all levels of an effect into a store."""

from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.embeddings.arrays import has_originals, read_array_and_originals
from embedding_sensitivity.embeddings.imported import make_attributes, read_levels
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the store of an effect."""
    log = configure_logging(snakemake, packages=("numpy", "h5py"))
    model, effect, params = snakemake.wildcards.model, snakemake.wildcards.effect, snakemake.params
    files, levels = list(snakemake.input.files), list(params.levels)
    original = next(iter(snakemake.input.originals), None)
    clips = [clip.clip for clip in in_split(read_clips(snakemake.input.clips))]
    if params.is_array:
        originals, embeddings = read_array_and_originals(original, files[0], levels, clips)
        if original is None and has_originals(files[0]):
            log.warning(
                "%s has the array originals, which is not used: name the file in "
                "embeddings.originals too, or take the array out",
                files[0],
            )
    else:
        originals, embeddings = read_levels(original, files, model, clips)
    log.info("%d levels of %d clips, %d dimensions", *embeddings.shape)
    found = make_attributes(model, clips, originals, files, effect, params.unit)
    write_store(snakemake.output[0], embeddings, clips, levels, found)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
