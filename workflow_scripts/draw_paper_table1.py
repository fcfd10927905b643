"""Draw Table I, published and of this run."""

import matplotlib

from sensitivity.comparison_figures import paper_table1_figure
from sensitivity.figure_style import rc_of, save_figure
from sensitivity.logs import configure_logging
from sensitivity.styles import style_of
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure of all models and effects that both have."""
    configure_logging(snakemake, packages=("matplotlib",))
    style = style_of("paper_table1", snakemake.params.style)
    rows = read_table(snakemake.input.comparison, "paper_comparison")
    with matplotlib.rc_context(rc_of(style)):
        save_figure(paper_table1_figure(style, rows), snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
