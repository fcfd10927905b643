"""Draw the singular values of sample-wise directions and of originals (Fig. 3)."""

from embedding_sensitivity.figures.kinds import draw_all, read_groups, spectra_figure
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure with a panel per label for each model and effect, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    rows = read_groups(snakemake.input.spectra, "spectra", "model", "effect")

    def draw(model, labels, effect, style):
        return spectra_figure(model, labels, effect, style, rows[model, effect.name])

    n = draw_all("spectra", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
