"""Draw the singular values of sample-wise directions and of originals, one effect (Fig. 3)."""

from sensitivity.figures import draw_all, spectra_figure
from sensitivity.logs import configure_logging
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with a panel per label for each model, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    models = snakemake.params.models
    rows = {
        model: read_table(path, "spectra")
        for model, path in zip(models, snakemake.input.spectra, strict=True)
    }

    def draw(model, labels, effect, style):
        return spectra_figure(model, labels, effect, style, rows[model])

    n = draw_all("spectra", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
