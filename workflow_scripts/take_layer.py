"""Cut a layer out of what its network embedded of the originals."""

from embedding_sensitivity.embeddings.store import take_layer
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the store of a layer's originals."""
    configure_logging(snakemake, packages=("h5py",))
    columns = list(snakemake.params.columns)
    take_layer(snakemake.output[0], snakemake.input.store[0], snakemake.wildcards.model, columns)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
