"""Draw what every debiasing method gains at each level of one effect."""

from sensitivity.figures import draw_all
from sensitivity.gain_figures import auc_gain_figure
from sensitivity.logs import configure_logging
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with panels of every label for each model, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    models = snakemake.params.models
    rows = {
        model: read_table(path, "auc_gain")
        for model, path in zip(models, snakemake.input.auc_gain, strict=True)
    }

    def draw(model, labels, effect, style):
        return auc_gain_figure(model, labels, effect, style, rows[model])

    n = draw_all("auc_gain", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
