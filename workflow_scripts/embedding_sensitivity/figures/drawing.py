"""Drawing all figures of a kind: each from the rows of its models and effects."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from embedding_sensitivity.experiment.measures import FigureKind
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.style import EffectAxis

Rows = list[Mapping[str, str]]


@dataclass(frozen=True)
class Subject:
    """What a figure shows.

    stem : the name of its files
    models, labels, effects : one model and effect of a kind that is drawn per model, one effect of
        one that is drawn per effect, one model of one per "all effects", else all; one label of a
        single-label figure, else all
    """

    stem: str
    models: Sequence[str]
    labels: Sequence[str]
    effects: Sequence[EffectAxis]

    @property
    def model(self) -> str:
        """The one model."""
        (model,) = self.models
        return model

    @property
    def effect(self) -> EffectAxis:
        """The one effect."""
        (effect,) = self.effects
        return effect


def list_subjects(
    kind: FigureKind,
    models: Sequence[str],
    labels: Sequence[str],
    single_labels: Sequence[str],
    effects: Sequence[EffectAxis],
) -> Iterator[Subject]:
    """Yield what each figure of a kind shows."""
    if kind.per == "run":
        yield Subject(kind.name, models, labels, effects)
    for model in models if kind.per == "all effects" else ():
        yield Subject(f"{kind.name}_{model}", [model], labels, effects)
    for effect in effects if kind.per in ("model", "effect") else ():
        if kind.per == "effect":
            yield Subject(f"{kind.name}_{effect.name}", models, labels, [effect])
            continue
        for model in models:
            stem = f"{kind.name}_{model}_{effect.name}"
            yield Subject(stem, [model], labels, [effect])
            for label in single_labels:
                yield Subject(f"{stem}_{label}", [model], [label], [effect])


def draw_figures(
    shown: Iterable[Subject],
    tables: Mapping[str, Rows],
    style: Mapping,
    outputs: Iterable[str],
    draw: Callable[[Mapping[str, Rows], Subject, Mapping], Figure],
) -> int:
    """Draw and save a figure of each subject; return how many there are.

    A figure goes to the outputs that are named by its subject's stem, and is drawn from the rows of
    its models and effects. Each output must get one.
    """
    paths = defaultdict(list)
    for path in outputs:
        paths[Path(path).stem].append(path)
    groups = {name: _by_model_and_effect(rows) for name, rows in tables.items()}
    n_figures = 0
    with matplotlib.rc_context(look.rc_of(style)):
        for subject in shown:
            cells = [(m, effect.name) for m in subject.models for effect in subject.effects]
            rows = {
                name: [row for cell in cells for row in group[cell]]
                for name, group in groups.items()
            }
            look.save_figure(draw(rows, subject, style), paths.pop(subject.stem))
            n_figures += 1
    if paths:
        raise ValueError(f"outputs that no figure belongs to: {sorted(paths)}")
    return n_figures


def _by_model_and_effect(rows: Rows) -> Mapping[tuple[str, str], Rows]:
    groups = defaultdict(list)
    for row in rows:
        groups[row["model"], row["effect"]].append(row)
    return groups
