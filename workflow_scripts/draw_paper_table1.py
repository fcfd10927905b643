"""Draw the published Table I beside that of this run."""

import matplotlib

from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.comparison import plot_paper_table1
from embedding_sensitivity.figures.style import rc_of, save_figure
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Draw one figure of all models and effects that both have."""
    configure_logging(snakemake, packages=("matplotlib",))
    style = snakemake.params.style
    rows = read_table(snakemake.input.comparison, "paper_comparison")
    with matplotlib.rc_context(rc_of(style)):
        save_figure(plot_paper_table1(style, rows), snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
