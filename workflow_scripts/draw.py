"""Draw every figure of one kind."""

from embedding_sensitivity.experiment.measures import load
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.drawing import draw_figures, list_subjects
from embedding_sensitivity.figures.style import EffectAxis, use_titles
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Read the kind's tables and draw its figures."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    params = snakemake.params
    measure = load(*params.measure)
    kind = next(kind for kind in measure.figures if kind.name == params.kind)
    tables = {
        table.name: [row for path in snakemake.input[table.name] for row in read_table(path, table)]
        for table in measure.tables
        if table.name in kind.tables
    }
    effects = [EffectAxis.of(effect) for effect in params.effects]
    shown = list_subjects(kind, params.models, params.labels, params.single_labels, effects)
    draw = measure.function(kind.draw)
    with use_titles(params.titles):
        n_figures = draw_figures(shown, tables, params.style, snakemake.output, draw)
    log.info("%d figures", n_figures)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
