"""Draw the level against the projection on the global CCA direction (Fig. 2)."""

from embedding_sensitivity.figures.kinds import correlation_figure, draw_all, read_groups
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure with a panel per label for each model and effect, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    projections = read_groups(snakemake.input.projections, "projections", "model", "effect")
    global_r2 = read_groups(snakemake.input.global_r2, "global_r2", "model", "effect")

    def draw(model, labels, effect, style):
        cell = model, effect.name
        return correlation_figure(model, labels, effect, style, projections[cell], global_r2[cell])

    n = draw_all("correlation", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
