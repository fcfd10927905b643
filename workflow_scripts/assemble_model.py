"""Write one file that refers to all of a model's stores, for people."""

from pathlib import Path

from embedding_sensitivity.embeddings.store import assemble_model
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the store of a model: the originals if there are any, and one group for each effect."""
    configure_logging(snakemake, packages=("h5py",))
    effects = {Path(path).stem: path for path in snakemake.input.effects}
    original = next(iter(snakemake.input.original), None)
    assemble_model(snakemake.output[0], original, effects)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
