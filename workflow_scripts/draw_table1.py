"""Draw Table I: the global R² of every model and effect."""

import matplotlib

from embedding_sensitivity.experiment.styles import style_of
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.kinds import table1_figure
from embedding_sensitivity.figures.style import rc_of, save_figure
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure of the whole table."""
    configure_logging(snakemake, packages=("matplotlib",))
    params, given = snakemake.params, snakemake.input
    style = style_of("table1", params.style)
    with matplotlib.rc_context(rc_of(style)):
        figure = table1_figure(
            params.models,
            params.effects,
            style,
            read_table(given.table1, "table1"),
            read_table(given.global_r2, "global_r2"),
        )
        save_figure(figure, snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
