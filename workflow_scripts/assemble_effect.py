"""Join an effect's parts, one for each batch of levels, into one store."""

from embedding_sensitivity.embeddings.store import assemble_effect
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the store of an effect."""
    configure_logging(snakemake, packages=("h5py",))
    parts, levels = list(snakemake.input.parts), list(snakemake.params.levels)
    # A layer's columns, and its name.
    columns = snakemake.params.get("columns")
    layer = snakemake.wildcards.model if columns else ""
    # Raises `InputError` for parts made with other settings.
    assemble_effect(
        snakemake.output[0], parts, levels, dict(snakemake.params.attributes), layer, columns
    )


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
