"""Draw the deformation trajectories of one effect (Fig. 1)."""

from sensitivity.figures import draw_all, trajectories_figure
from sensitivity.logs import configure_logging
from sensitivity.tables import read_table


def main(snakemake) -> None:
    """One figure with a panel per label for each model, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    models = snakemake.params.models
    rows = {
        model: read_table(path, "trajectories")
        for model, path in zip(models, snakemake.input.trajectories, strict=True)
    }

    def draw(model, labels, effect, style):
        return trajectories_figure(model, labels, effect, style, rows[model])

    n = draw_all("trajectories", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
