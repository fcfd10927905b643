"""Draw the angles between labels' directions in each model."""

from embedding_sensitivity.figures.dimensionality import principal_angles_figure
from embedding_sensitivity.figures.kinds import draw_effects, read_groups
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure of each effect with every model and label."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    rows = read_groups(snakemake.input.principal_angles, "principal_angles", "effect")

    def draw(effect, style):
        return principal_angles_figure(
            params.models, params.labels, effect.name, style, rows[effect.name]
        )

    n = draw_effects("principal_angles", params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
