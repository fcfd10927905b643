"""Draw the angles between labels' directions in each model, one effect."""

import matplotlib

from sensitivity.dimensionality_figures import principal_angles_figure
from sensitivity.figure_style import rc_of, save_figure
from sensitivity.logs import configure_logging
from sensitivity.styles import style_of
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with every model and label."""
    configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    style = style_of("principal_angles", params.style)
    rows = [
        row
        for path in snakemake.input.principal_angles
        for row in read_table(path, "principal_angles")
    ]
    with matplotlib.rc_context(rc_of(style)):
        figure = principal_angles_figure(params.models, params.labels, params.effect, style, rows)
        save_figure(figure, snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
