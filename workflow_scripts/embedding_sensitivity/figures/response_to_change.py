"""The figure of how a model responds to all effects, on one axis: the change of the signal."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import group_by, legend, legend_height
from embedding_sensitivity.figures.style import PAGE_IN, EffectAxis

CHANGE = "log_spectral_distance_db"
# Columns that the panels show, and their titles.
PANELS = {
    "relative": "Displacement / label distance",
    "recall_1": "Recall at 1 of the original",
    "roc_auc": "ROC AUC, trained on originals",
}
# Noise in silent bands is many times as far as a filter: roots leave both of them room.
TICKS_DB = (0, 1, 3, 6, 10, 20, 40, 80)
LINES = ("-", "--", ":")
LEGEND_COLUMNS = 4


def plot_response(
    model: str, effects: Sequence[EffectAxis], style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Displacement, recall at 1 and ROC AUC against the log-spectral distance, over the page.

    `rows` are of the table response_to_change, of the model. A line is an effect, a symbol one of
    its levels, in their order. Grey lines are the originals' values.
    """
    rows = list(rows)
    cells = group_by(rows, "effect", "level")
    columns = min(LEGEND_COLUMNS, len(effects))
    figure, axes = look.grid(
        len(PANELS), len(PANELS), PAGE_IN, 1.9, left=0.42, right=0.12,
        top=0.12 + 3.8 * style["font_size"] * 1.25 / 72,
        bottom=0.42 + legend_height(len(effects), columns), gap_x=0.42, gap_y=0,
    )  # fmt: skip
    look.heading(
        figure, [look.model_title(model), "Response to the effects against what they change"]
    )
    room = (PAGE_IN - 0.2) / columns - 0.55
    handles = []
    for (effect, axis), shown in zip(effect_looks(effects).items(), effects, strict=True):
        drawn = dict(zip(("color", "marker", "linestyle"), axis, strict=True))
        drawn |= {"linewidth": style["line_width"], "markersize": style["point_size"]}
        handles.append(
            Line2D([], [], **drawn, label=look.shorten(effect, room, style["font_size"] - 0.5))
        )
        for panel, column in zip(axes, PANELS, strict=True):
            points = [
                (float(row[CHANGE]), float(row[column]))
                for level in order_levels(shown)
                for row in cells.get((effect, level), ())
                if row[CHANGE] and row[column]
            ]
            if points:
                panel.plot(*zip(*points, strict=True), **drawn, markeredgewidth=0, clip_on=False)
    farthest = max((float(row[CHANGE]) for row in rows if row[CHANGE]), default=0.0)
    for panel, (column, title) in zip(axes, PANELS.items(), strict=True):
        originals = {
            row[column] for effect in effects for row in cells.get((effect.name, ORIGINAL), ())
        }
        for value in filter(None, originals):
            panel.axhline(float(value), color=look.GREY, linewidth=0.5, zorder=0)
        panel.set_title(title, loc="left", y=1.0)
        set_distance_axis(panel, farthest)
        if column != "roc_auc":
            panel.set_ylim(bottom=0, top=1.02 if column == "recall_1" else None)
    legend(figure, handles, columns)
    return figure


def set_distance_axis(panel, farthest: float) -> None:
    """Make the x axis one of distances in dB, closer together the larger they are."""
    root = (lambda x: np.sqrt(np.maximum(x, 0)), np.square)
    panel.set_xscale("function", functions=root)
    panel.set_xlim(0, 1.05 * farthest or 1)
    panel.xaxis.set_major_locator(FixedLocator([x for x in TICKS_DB if x <= 1.05 * farthest]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlabel("log-spectral distance (dB, root scale)")


def order_levels(effect: EffectAxis) -> list[str]:
    """Return an effect's levels in their order, with the originals where no change lies between."""
    levels = list(zip(effect.values, effect.levels, strict=True))
    if effect.neutral_rank is not None:
        levels = [(value, level) for value, level in levels if value != effect.neutral]
        levels.append((effect.neutral, ORIGINAL))
    return [level for _, level in sorted(levels)]


def effect_looks(effects: Sequence[EffectAxis]) -> dict[str, tuple[str, str, str]]:
    """Colour, symbol and line of each effect: after eight, other lines."""
    looks = look.model_looks([effect.name for effect in effects])
    n = len(look.MODEL_LOOK)
    return {
        name: (*each, LINES[index // n % len(LINES)])
        for index, (name, each) in enumerate(looks.items())
    }
