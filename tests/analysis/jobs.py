"""Jobs of the rules measure_<group> and draw_<kind>, as Snakemake runs them."""

from pathlib import Path

import draw
import measure
from embedding_sensitivity.experiment import paper
from embedding_sensitivity.experiment.measures import (
    FigureKind,
    Measure,
    group_measures,
    list_measures,
    merge_style,
)
from support import mock_snakemake

KINDS = {kind.name: kind for m in list_measures() for kind in m.figures}
KINDS |= {kind.name: kind for kind in paper.FIGURES}


def run_group(name: str, given: dict, made: dict, labels=None, neutral=None, threads=1, **options):
    """Run the job of a group of measures: of the models m, under the effect of `options`.

    `given` are the inputs, a list of files each, and `made` the outputs; the effect's levels are on
    a linear scale, without a mild end.
    """
    (job,) = (job for job in group_measures(list_measures()) if job.group.name == name)
    models, effect = options.pop("models", ["m"]), options.pop("effect", "e")
    measures = [
        (m.name, None, {key: options[key] for key in m.reads} | dict(m.options))
        for m in job.measures
    ]
    measure.main(
        mock_snakemake(
            f"measure_{name}",
            {"effect": effect},
            threads=threads,
            input=given,
            output=made,
            params={
                **{"models": models, "labels": labels, "measures": measures},
                **{"neutral": neutral, "log_scale": False, "mild_end": None},
            },
        )
    )


def tables_in(folder: Path, name: str) -> dict[str, list[Path]]:
    """The tables that the job of a group writes, in one folder."""
    (job,) = (job for job in group_measures(list_measures()) if job.group.name == name)
    return {table.name: [folder / f"{table.name}.csv"] for table in job.tables}


def find_kind(name: str) -> tuple[Measure, FigureKind]:
    """A kind of figure with its measure."""
    return next((m, kind) for m in list_measures() for kind in m.figures if kind.name == name)


def run_draw(
    name: str, given: dict, outputs: list[str], models, labels, single, effects, titles=None
) -> None:
    """Run the job that draws a kind of figure."""
    found, kind = find_kind(name)
    params = {"models": models, "labels": labels, "single_labels": single, "effects": effects}
    params |= {"measure": (found.name, None), "kind": name, "style": merge_style(kind, {})}
    params["titles"] = titles or {}
    draw.main(mock_snakemake(f"draw_{name}", input=given, output=outputs, params=params))
