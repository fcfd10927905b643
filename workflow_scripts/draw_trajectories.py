"""Draw the deformation trajectories (Fig. 1)."""

from embedding_sensitivity.figures.kinds import draw_all, read_groups, trajectories_figure
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """One figure with a panel per label for each model and effect, and the single-label figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    rows = read_groups(snakemake.input.trajectories, "trajectories", "model", "effect")

    def draw(model, labels, effect, style):
        return trajectories_figure(model, labels, effect, style, rows[model, effect.name])

    n = draw_all("trajectories", snakemake.params, snakemake.output, draw)
    log.info("%d figures", n)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
