"""Draw the level against the projection on the global CCA direction, one effect (Fig. 2)."""

from sensitivity.figures import correlation_figure, draw_all
from sensitivity.logs import configure_logging
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with a panel per label for each model, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    models, given = snakemake.params.models, snakemake.input
    tables = {
        model: (read_table(projections, "projections"), read_table(global_r2, "global_r2"))
        for model, projections, global_r2 in zip(
            models, given.projections, given.global_r2, strict=True
        )
    }

    def draw(model, labels, effect, style):
        return correlation_figure(model, labels, effect, style, *tables[model])

    n = draw_all("correlation", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
