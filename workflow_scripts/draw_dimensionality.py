"""Draw in how many directions each model's embeddings move, one effect."""

import matplotlib

from sensitivity.dimensionality_figures import dimensionality_figure
from sensitivity.figure_style import rc_of, save_figure
from sensitivity.logs import configure_logging
from sensitivity.styles import style_of
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with every model and label."""
    configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    style = style_of("dimensionality", params.style)
    rows = [
        row for path in snakemake.input.dimensionality for row in read_table(path, "dimensionality")
    ]
    with matplotlib.rc_context(rc_of(style)):
        figure = dimensionality_figure(params.models, params.labels, params.effect, style, rows)
        save_figure(figure, snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
