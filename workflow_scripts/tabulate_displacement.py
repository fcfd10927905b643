"""Put the displacements of every model and effect into one table each."""

from sensitivity.logs import configure_logging
from sensitivity.tables import concatenate


def main(snakemake) -> None:
    """Write the tables displacement and displacement_order."""
    configure_logging(snakemake)
    for table in ("displacement", "displacement_order"):
        concatenate(snakemake.input[table], snakemake.output[table], table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
