"""Put the debiasing results of every model and effect into one table each."""

from embedding_sensitivity.analysis.verdicts import verdict_rows
from embedding_sensitivity.experiment.tables import concatenate, read_table, write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the tables of section IV."""
    configure_logging(snakemake)
    for table in ("auc", "auc_gain", "n_directions"):
        concatenate(snakemake.input[table], snakemake.output[table], table)
    gains = read_table(snakemake.output.auc_gain, "auc_gain")
    write_table(snakemake.output.verdicts, "verdicts", verdict_rows(gains))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
