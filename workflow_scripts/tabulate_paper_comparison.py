"""Compare this run's numbers with the paper's."""

from embedding_sensitivity.experiment.paper import (
    compare_fig4,
    compare_table1,
    list_unmatched,
    read_fig4,
    read_table1,
    summarise,
)
from embedding_sensitivity.experiment.tables import read_table, write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write a table of published numbers, this run's, and their differences."""
    log = configure_logging(snakemake)
    given, params = snakemake.input, snakemake.params
    covered = params.models, params.effects
    rows = compare_table1(
        read_table1(given.paper_table1), read_table(given.table1, "table1"), *covered
    ) + compare_fig4(read_fig4(given.paper_fig4), read_table(given.auc, "auc"), *covered)
    write_table(snakemake.output[0], "paper_comparison", rows)
    for line in summarise(rows):
        log.info("%s", line)
    for line in list_unmatched(rows):
        log.warning("%s", line)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
