"""Join the rows of all models and effects into tables, and derive tables from them."""

from embedding_sensitivity.experiment.measures import load
from embedding_sensitivity.experiment.tables import concatenate, read_table, write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the tables of a group of measures."""
    configure_logging(snakemake)
    given, made = snakemake.input, snakemake.output
    for name, file in snakemake.params.measures:
        measure = load(name, file)
        tables = {table.name: table for table in measure.tables if table.is_result}
        for table in tables.values():
            if not table.derived_from:
                concatenate(given[table.name], made[table.name], table)
        for table in tables.values():
            if table.derived_from:
                rows = {
                    name: read_table(made[name], tables[name])
                    if name in tables
                    else read_table(given[name], name)
                    for name in table.derived_from
                }
                write_table(made[table.name], table, measure.function(table.derive)(rows))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
