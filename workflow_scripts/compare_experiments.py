"""Join the tables of two experiments."""

import json

from embedding_sensitivity.analysis.comparison import (
    describe_differences,
    join,
    list_differences,
    read_provenance,
    summarise,
)
from embedding_sensitivity.experiment.tables import read_table, write_table
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write joined tables, a summary of differences, and what differs in the experiments."""
    log = configure_logging(snakemake)
    given, made, names = snakemake.input, snakemake.output, snakemake.wildcards
    joined = {}
    for table in ("global_r2", "table1", "auc"):
        joined[table] = join(table, *(read_table(path, table) for path in given[table]))
        write_table(made[table], f"comparison_{table}", joined[table])
    write_table(made.summary, "comparison_summary", summarise(joined["global_r2"], joined["auc"]))
    stores = [read_provenance(path) for path in given.provenance]
    differences = list_differences(*stores)
    log.info("%s against %s: %s", names.a, names.b, describe_differences(differences))
    if "data_sha256" in differences:
        log.warning(
            "%s and %s have different clips, which may cause differences too", names.a, names.b
        )
    found = {"a": names.a, "b": names.b, "differing": differences, "stores": stores}
    with replacing(made.provenance) as part:
        part.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
