"""Retrieval: how often a clip finds its original at each level, and the level where it is lost."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    group_by,
    legend,
    legend_height,
    mark_neutral,
    model_handles,
)
from embedding_sensitivity.figures.style import COLUMN_IN, EffectAxis

WANTED = 0.9


def plot_recall(
    models: Sequence[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Recall at 1 against level, as wide as a column.

    `rows` are of the table retrieval. A line is the mean over all clips, its band reaches from the
    lowest label to the highest. A
    neutral level between those of the grid is where a clip is its original.
    """
    cells = group_by(rows, "model", "level")
    handles, columns = model_handles(models, style["font_size"], linewidth=style["line_width"])
    figure, (panel,) = look.grid(
        1, 1, COLUMN_IN, 1.5, left=0.45, right=0.12,
        top=0.12 + 2.6 * style["font_size"] * 1.25 / 72,
        bottom=0.42 + legend_height(len(handles) + (effect.neutral_rank is not None), columns),
        gap_x=0, gap_y=0,
    )  # fmt: skip
    galleries = {row["gallery"] for found in cells.values() for row in found}
    size = min(map(int, galleries), default=32)
    look.heading(figure, [effect.name, f"Clips that find their original among {size}"])
    at = list(zip(effect.levels, effect.values, strict=True))
    if effect.neutral_rank is not None and effect.neutral not in effect.values:
        at = sorted([*at, (ORIGINAL, effect.neutral)], key=lambda level: level[1])
    for model, (colour, marker) in look.model_looks(models).items():
        points = [
            (value, *_mean_and_range(cells[model, level]))
            for level, value in at
            if any(row["recall_1"] for row in cells.get((model, level), ()))
        ]
        if not points:
            continue
        x, mean, low, high = np.array(points).T
        panel.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        panel.plot(
            x, mean,
            color=colour, marker=marker, markersize=2.8, markeredgewidth=0,
            markevery=max(1, len(x) // 12), linewidth=style["line_width"], clip_on=False,
        )  # fmt: skip
    panel.axhline(WANTED, color=look.GREY, linewidth=0.7, linestyle="--", zorder=0)
    effect.set_x(panel)
    handles += mark_neutral([panel], effect)
    panel.set_ylim(0, 1.02)
    panel.set_xlabel(effect.label)
    panel.set_ylabel("recall at 1")
    legend(figure, handles, columns)
    return figure


def _mean_and_range(rows: Iterable[Mapping]) -> tuple[float, float, float]:
    found = [(float(row["recall_1"]), int(row["n_clips"])) for row in rows if row["recall_1"]]
    values, counts = np.array(found).T
    return float(np.average(values, weights=counts)), values.min(), values.max()


def plot_threshold(
    models: Sequence[str], effects: Sequence[EffectAxis], style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """The level at which recall at 1 falls under 0.9: an effect a panel, a row a model.

    `rows` are of the table threshold_90. A bar is the 95 % interval, an arrow says that the level,
    or the interval's end, lies beyond those of the run.
    """
    cells = group_by(rows, "model", "effect")
    size = style["font_size"]
    looks = look.model_looks(models)
    left = min(1.8, 0.14 + max(len(look.model_title(model)) for model in models) * 0.62 * size / 72)
    figure, axes = look.grid(
        len(effects), 1, COLUMN_IN, len(models) * 1.9 * size / 72, left=left, right=0.16,
        top=0.12 + 3.9 * size * 1.25 / 72, bottom=0.42, gap_x=0, gap_y=0.28 + 2.6 * size / 72,
    )  # fmt: skip
    look.heading(
        figure,
        ["Level at which a clip is lost", "Recall at 1 under 0.9, with 95 % interval"],
    )
    for panel, effect in zip(axes, effects, strict=True):
        panel.set_title(effect.name, loc="left", y=1.0)
        effect.set_x(panel)
        if effect.neutral_rank is not None:
            panel.axvline(effect.neutral, color=look.GREY, linewidth=0.7, linestyle=":", zorder=0)
        for y, (model, (colour, marker)) in enumerate(looks.items()):
            found = cells.get((model, effect.name), ())
            if any(row["responds"] == "0" for row in found):
                x = panel.get_xlim()[0] if not effect.log_axis else effect.values[0]
                panel.text(x, y, " does not respond", color=look.GREY, va="center", size=size - 0.5)
                continue
            for row in found:
                _draw_threshold(panel, row, y, colour, marker, style["point_size"])
        panel.set_ylim(len(models) - 0.5, -0.5)
        names = [look.shorten(look.model_title(model), left - 0.12, size) for model in models]
        panel.set_yticks(range(len(models)), names)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color="#DDDDDD", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.set_xlabel(effect.label)
    return figure


def _draw_threshold(panel, row: Mapping, y: int, colour: str, marker: str, size: float) -> None:
    """A symbol with its interval; an open arrow beyond the levels, a small one where an end is."""
    drawn = {"color": colour, "linestyle": "", "clip_on": False}
    if row["threshold_90_low"]:
        ends = [float(row[f"threshold_90_{end}"]) for end in ("low", "high")]
        panel.plot(ends, [y, y], color=colour, linewidth=1.1, clip_on=False)
        for end, bound in zip(ends, (row["bound_low"], row["bound_high"]), strict=True):
            if bound != "=":
                panel.plot([end], [y], marker=bound, markersize=0.8 * size, **drawn)
    if row["bound"] != "=":
        drawn |= {"markerfacecolor": "white", "markeredgewidth": 0.8}
        marker = row["bound"]
    panel.plot([float(row["threshold_90"])], [y], marker=marker, markersize=size, **drawn)
