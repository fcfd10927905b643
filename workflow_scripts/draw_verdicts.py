"""Draw whether each debiasing method helps each model."""

from embedding_sensitivity.figures.gain import verdicts_figure
from embedding_sensitivity.figures.kinds import draw_effects, read_groups
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure of each effect with every model."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    rows = read_groups([snakemake.input.verdicts], "verdicts", "effect")

    def draw(effect, style):
        return verdicts_figure(params.models, effect.name, style, rows[effect.name])

    n = draw_effects("verdicts", params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
