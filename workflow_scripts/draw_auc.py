"""Draw ROC AUC against level for every debiasing method, one effect (Fig. 4)."""

from sensitivity.figures import auc_figure, draw_all
from sensitivity.logs import configure_logging
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with a panel per label for each model, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    models = snakemake.params.models
    rows = {
        model: read_table(path, "auc")
        for model, path in zip(models, snakemake.input.auc, strict=True)
    }

    def draw(model, labels, effect, style):
        return auc_figure(model, labels, effect, style, rows[model])

    n = draw_all("auc", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
