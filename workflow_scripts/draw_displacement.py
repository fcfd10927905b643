"""Draw how far one effect moves each model's embeddings, against its level and in order."""

import matplotlib

from sensitivity.displacement_figures import displacement_figure
from sensitivity.figure_style import EffectAxis, rc_of, save_figure
from sensitivity.logs import configure_logging
from sensitivity.styles import style_of
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with every model."""
    configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    style = style_of("displacement", params.style)
    files = snakemake.input
    rows, orders = (
        [row for path in paths for row in read_table(path, table)]
        for table, paths in (
            ("displacement", files.displacement),
            ("displacement_order", files.displacement_order),
        )
    )
    effect = EffectAxis.of(params.effect)
    with matplotlib.rc_context(rc_of(style)):
        figure = displacement_figure(params.models, effect, style, rows, orders)
        save_figure(figure, snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
