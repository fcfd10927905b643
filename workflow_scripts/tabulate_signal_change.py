"""Tabulate how much of the signal each level of each effect changes, from samples of clips."""

from collections import defaultdict

from embedding_sensitivity.effects.signal_change import summarise
from embedding_sensitivity.experiment.tables import read_table, write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write means and quantiles over clips, of the levels and labels of the config."""
    configure_logging(snakemake, packages=("numpy",))
    params, found = snakemake.params, defaultdict(dict)
    for file in snakemake.input:
        for row in read_table(file, "signal_clips"):
            if row["level"] in params.levels[row["effect"]]:
                found[row["effect"]][row["level"], row["clip"]] = row
    rows = [
        {"effect": effect, **row}
        for effect, of_effect in found.items()
        for row in summarise(of_effect.values(), params.labels)
    ]
    write_table(snakemake.output[0], "signal_change", rows)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821  (injected by Snakemake)
