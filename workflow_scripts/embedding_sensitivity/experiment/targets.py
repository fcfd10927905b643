"""Names of what a run makes: tables, figures, kept audio."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from embedding_sensitivity.experiment import paper
from embedding_sensitivity.experiment.measures import FigureKind, Group, Job, Measure, Table
from embedding_sensitivity.experiment.settings import (
    ImportSettings,
    Settings,
    list_run_measures,
)
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import network_of

Run = Settings | ImportSettings


def tables(settings: Run) -> list[str]:
    """Return names of a run's tables, without the comparison with the paper."""
    results = [table.name for measure in list_run_measures(settings) for table in measure.tables
               if table.is_result]  # fmt: skip
    of_audio = ["dropped_clips"] if settings.data else []
    compared = ["signal_change"] if settings.data and settings.has_originals else []
    return [*results, *of_audio, *compared, "recordings"]


def analysis_tables(settings: Run) -> list[str]:
    """Return names of the tables in ``analysis/<model>/<effect>/``."""
    return [t.name for measure in list_run_measures(settings) for t in measure.measured_tables()]


class Figure(NamedTuple):
    """A figure: its file's stem, and the model, effect and label it shows, each one or "all"."""

    stem: str
    model: str
    effect: str
    label: str


def list_figures(kind: FigureKind, settings: Run) -> Iterator[Figure]:
    """Yield the figures of a kind."""
    every = kind.per == "model"
    models = list_drawn_models(kind, settings) if kind.per in ("model", "all effects") else [None]
    effects = sorted(settings.effects) if kind.per in ("model", "effect") else [None]
    labels = [None, *settings.figures.labels] if every else [None]
    for what in product(models, effects, labels):
        stem = "_".join([kind.name, *(part for part in what if part)])
        yield Figure(stem, *(part or "all" for part in what))


def list_drawn_models(kind: FigureKind, settings: Run) -> list[str]:
    """Return the models that figures of a kind show; a layer has none of its own by default."""
    if kind.per not in ("model", "all effects") or settings.figures.layers:
        return settings.analysed
    return [name for name in settings.analysed if network_of(name) == name]


def figures(settings: Run, source: str) -> list[str]:
    """Return stems of a run's figures, without those of the comparison with the paper.

    Raises `InputError` naming the config file `source` if two figures would have the same stem.
    """
    kinds = [kind for measure in list_run_measures(settings) for kind in measure.figures]
    stems = [figure.stem for kind in kinds for figure in list_figures(kind, settings)]
    for stem, count in Counter(stems).items():
        if count > 1:
            raise InputError(
                f"{source}: two figures would be named {stem}: rename a model or label of one"
            )
    return stems


def models_of(job: Job, models: Sequence[str]) -> list[str]:
    """Return the models that one job of a group measures: a wildcard, or all."""
    return ["{model}"] if job.group.per == "model" else list(models)


def folder_of(job: Job) -> str:
    """Return the path of a job's log below ``<logs>/analysis``, without ending."""
    return (
        f"{{model}}/{{effect}}/{job.group.name}"
        if job.group.per == "model"
        else (f"{job.group.name}_{{effect}}")
    )


def measure_inputs(
    job: Job, models: Sequence[str], original: Callable[[str], list[str]]
) -> dict[str, list[str] | Callable]:
    """Return the stores that a group's job reads, and the directions if it needs them.

    `original` returns a model's store of originals, in a list that is empty where it has none.
    """
    models = models_of(job, models)

    def originals(wildcards) -> list[str]:
        return [path for model in models for path in original(model.format(**wildcards))]

    found = {
        "stores": [f"<results>/embeddings/{model}/{{effect}}.h5" for model in models],
        "originals": originals,
    }
    if job.needs_directions and not job.group.fits_directions:
        found["directions"] = [_directions(model) for model in models]
    return found


def measure_outputs(job: Job, models: Sequence[str]) -> dict[str, list[str]]:
    """Return the tables that a group's job writes, and the directions if it fits them."""
    models = models_of(job, models)
    found = parts_of_tables(job.tables, models, ["{effect}"])
    if job.group.fits_directions:
        found["directions"] = [_directions(model) for model in models]
    return found


def _directions(model: str) -> str:
    return f"<results>/directions/{model}/{{effect}}.h5"


def parts_of_tables(
    tables: Iterable[Table], models: Sequence[str], effects: Sequence[str]
) -> dict[str, list[str]]:
    """Return the files of each measured table: one for each model and effect."""
    return {
        table.name: [
            f"<results>/analysis/{model}/{effect}/{table.name}.csv"
            for model, effect in product(models, effects)
        ]
        for table in tables
        if not table.derived_from
    }


def figure_inputs(
    measure: Measure, kind: FigureKind, models: Sequence[str], effects: Sequence[str]
) -> dict[str, list[str]]:
    """Return the files of tables that a kind of figure is drawn from."""
    used = [table for table in measure.tables if table.name in kind.tables]
    derived = [table.name for table in used if table.derived_from]
    parts = parts_of_tables(used, models, effects)
    return {**parts, **{name: [f"<results>/tables/{name}.csv"] for name in derived}}


def memory_of(group: Group) -> Callable:
    """Return a function of a rule: the memory of a group's job in MB, more at each attempt."""
    return lambda wildcards, threads, attempt: (
        (group.base_mb + group.process_mb * threads) * attempt
    )


def minutes_of(group: Group) -> Callable:
    """Return a function of a rule: how many minutes a group's job may run."""
    return lambda wildcards, attempt: group.minutes * attempt


def message_of(group: Group) -> str:
    """Return the message of a group's rule."""
    return group.title.format(model="{wildcards.model}", effect="{wildcards.effect}")


def comparisons(settings: Run) -> list[str]:
    """Return stems of the figures that compare the paper's own run with the paper."""
    if paper.find_fault(settings):
        return []
    cases = ["_".join(("paper_auc", *case)) for case in paper.list_compared_cases(settings)]
    return ["paper_table1", *cases]


def kept_audio(settings: Run) -> list[tuple[str, str]]:
    """Return the effects and levels whose audio is kept for listening."""
    if not settings.data:
        return []
    return [
        (effect, level)
        for effect in sorted(settings.effects)
        for level in settings.kept_levels(effect)
    ]
