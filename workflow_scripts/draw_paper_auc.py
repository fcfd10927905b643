"""Draw one case of the paper's Fig. 4 with this run's curves over it."""

import matplotlib

from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.comparison import plot_paper_auc
from embedding_sensitivity.figures.style import EffectAxis, rc_of, save_figure
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Draw the figure of one model, effect and label."""
    configure_logging(snakemake, packages=("matplotlib",))
    case, params = snakemake.wildcards, snakemake.params
    style = params.style

    def of_case(path: str, table: str) -> list[dict]:
        keys = {"model": case.model, "effect": case.effect, "label": case.label}
        return [row for row in read_table(path, table) if keys.items() <= row.items()]

    with matplotlib.rc_context(rc_of(style)):
        figure = plot_paper_auc(
            case.label,
            case.model,
            EffectAxis.of(params.effect),
            style,
            of_case(snakemake.input.comparison, "paper_comparison"),
            of_case(snakemake.input.auc, "auc"),
        )
        save_figure(figure, snakemake.output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
