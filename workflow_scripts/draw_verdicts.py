"""Draw whether each debiasing method helps each model under one effect."""

import matplotlib

from sensitivity.figure_style import rc_of, save_figure
from sensitivity.gain_figures import verdicts_figure
from sensitivity.logs import configure_logging
from sensitivity.styles import style_of
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with every model."""
    configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    style = style_of("verdicts", params.style)
    rows = [
        row
        for row in read_table(snakemake.input.verdicts, "verdicts")
        if row["effect"] == params.effect
    ]
    with matplotlib.rc_context(rc_of(style)):
        save_figure(verdicts_figure(params.models, params.effect, style, rows), snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
