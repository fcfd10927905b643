"""Draw how far effects move each model's embeddings, against the level and in order."""

from embedding_sensitivity.figures.displacement import displacement_figure
from embedding_sensitivity.figures.kinds import draw_effects, read_groups
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure of each effect with every model."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    params, files = snakemake.params, snakemake.input
    displacement = read_groups(files.displacement, "displacement", "effect")
    orders = read_groups(files.displacement_order, "displacement_order", "effect")

    def draw(effect, style):
        rows = displacement[effect.name], orders[effect.name]
        return displacement_figure(params.models, effect, style, *rows)

    n = draw_effects("displacement", params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
