"""Draw the distribution of the sample-wise R² of one effect."""

from sensitivity.figures import draw_all, samplewise_figure
from sensitivity.logs import configure_logging
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with a panel per label for each model, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    models = snakemake.params.models
    rows = {
        model: read_table(path, "samplewise_r2")
        for model, path in zip(models, snakemake.input.samplewise_r2, strict=True)
    }

    def draw(model, labels, effect, style):
        return samplewise_figure(model, labels, effect, style, rows[model])

    n = draw_all("samplewise", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
