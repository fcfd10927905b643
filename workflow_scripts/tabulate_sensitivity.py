"""Put the sensitivity results of every model and effect into one table each."""

import json

from embedding_sensitivity.embeddings.store import read_header
from embedding_sensitivity.experiment.tables import (
    concatenate,
    read_table,
    summarise_r2,
    write_table,
)
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.logs import configure_logging

CONCATENATED = (
    *("displacement", "displacement_order"),
    *("global_r2", "samplewise_r2", "spectra", "dimensionality", "principal_angles"),
)


def provenance(store: str) -> dict:
    """What made a store: its attributes, with those that are JSON read."""
    attributes = read_header(store).attributes
    return {
        key: json.loads(value) if value.startswith("{") else value
        for key, value in attributes.items()
    }


def main(snakemake) -> None:
    """Write the tables of sections II and III, and what every row's embeddings were made of."""
    configure_logging(snakemake)
    for table in CONCATENATED:
        concatenate(snakemake.input[table], snakemake.output[table], table)
    rows = read_table(snakemake.output.global_r2, "global_r2")
    write_table(snakemake.output.table1, "table1", summarise_r2(rows))
    stores = [provenance(path) for path in snakemake.input.stores]
    with replacing(snakemake.output.provenance) as part:
        part.write_text(json.dumps(stores, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
