"""Put the debiasing results of every model and effect into one table each."""

from sensitivity.logs import configure_logging
from sensitivity.tables import concatenate


def main(snakemake) -> None:
    """Write the tables of section IV."""
    configure_logging(snakemake)
    for table in ("auc", "n_directions"):
        concatenate(snakemake.input[table], snakemake.output[table], table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
