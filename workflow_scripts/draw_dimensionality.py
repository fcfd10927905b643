"""Draw in how many directions each model's embeddings move."""

from embedding_sensitivity.figures.dimensionality import dimensionality_figure
from embedding_sensitivity.figures.kinds import draw_effects, read_groups
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure of each effect with every model and label."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    rows = read_groups(snakemake.input.dimensionality, "dimensionality", "effect")

    def draw(effect, style):
        return dimensionality_figure(
            params.models, params.labels, effect.name, style, rows[effect.name]
        )

    n = draw_effects("dimensionality", params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
