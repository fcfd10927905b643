"""The figure of how far each level of an effect moves embeddings, every model in one."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import legend, legend_height, mark_neutral, model_handles
from embedding_sensitivity.figures.style import COLUMN_IN, EffectAxis

# What the panels show, all of it free of the model's unit, and their axis labels.
PANELS = (
    ("cosine", "cosine\ndisplacement"),
    ("relative", "Euclidean /\nlabel distance"),
    ("frechet", "root Fréchet /\nlabel distance"),
    ("cka_debiased", "CKA with\noriginals"),
    ("kad", "KAD to\noriginals"),
)
# Of these columns as they are; the Frechet distance is divided by the distance between labels.
SHOWN = ("cosine", "relative", "cka_debiased", "kad")
# Columns of table displacement_order, top down. Relative displacement has the Euclidean's order.
ORDERS = {
    "spearman_cosine": "cosine",
    "spearman_euclidean": "Euclidean",
    "spearman_frechet": "Fréchet",
    "spearman_cka": "CKA",
}


def plot_displacement(
    models: Sequence[str],
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
    orders: Iterable[Mapping],
) -> Figure:
    """Five measures that compare models against the level, and the order of each with it.

    `rows` are of the table displacement, `orders` of displacement_order; as wide as a column. A
    line is the mean over labels, its band reaches from the lowest label to the highest; so do
    the symbol and the bar of a correlation.
    """
    found: dict[tuple, list[float]] = {}
    for row in rows:
        for name, value in _comparable(row).items():
            found.setdefault((row["model"], row["level"], name), []).append(value)
    looks = look.model_looks(models)
    size = style["font_size"]
    handles, columns = model_handles(models, size, linewidth=style["line_width"])
    legend_in = legend_height(len(handles) + (effect.neutral_rank is not None), columns)
    order_in = len(ORDERS) * max(0.17, 0.05 * (len(models) + 1))
    figure, axes = look.grid(
        len(PANELS),
        1,
        COLUMN_IN,
        0.75,
        left=0.72,
        right=0.12,
        top=0.12 + 2.6 * size * 1.25 / 72,
        bottom=0.42 + order_in + 0.42 + legend_in,
        gap_x=0,
        gap_y=0.12,
    )
    look.heading(figure, [effect.name, "How far each level moves embeddings"])
    for panel, (column, title) in zip(axes, PANELS, strict=True):
        for model, (colour, marker) in looks.items():
            points = [
                (value, *_mean_and_range(found[model, level, column]))
                for level, value in zip(effect.levels, effect.values, strict=True)
                if (model, level, column) in found
            ]
            if not points:
                continue
            x, mean, low, high = np.array(points).T
            panel.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            panel.plot(
                x, mean,
                color=colour, marker=marker, markersize=2.6, markeredgewidth=0,
                markevery=max(1, len(x) // 8), linewidth=style["line_width"],
            )  # fmt: skip
        effect.set_x(panel)
        if column == "cka_debiased":
            panel.set_ylim(top=1 + 0.05 * (1 - panel.get_ylim()[0]))
        else:
            panel.set_ylim(bottom=0)
        panel.locator_params(axis="y", nbins=4)
        panel.set_ylabel(title)
        panel.yaxis.set_label_coords(-0.145, 0.5)
        panel.tick_params(labelbottom=panel is axes[-1])
    handles += mark_neutral(axes, effect)
    axes[-1].set_xlabel(effect.label)
    left, _, width, _ = axes[-1].get_position().bounds
    height = figure.get_size_inches()[1]
    panel = figure.add_axes((left, (0.42 + legend_in) / height, width, order_in / height))
    _draw_orders(panel, looks, orders)
    legend(figure, handles, columns)
    return figure


def _comparable(row: Mapping) -> dict[str, float]:
    """What the panels show of a row of table displacement; empty cells are left out."""
    shown = {name: float(row[name]) for name in SHOWN if row[name]}
    if row["relative"]:
        # The distance between labels is no column, but euclidean / relative at any level that
        # moves anything; where nothing moves the Frechet distance is 0 up to rounding.
        euclidean = float(row["euclidean"])
        scale = shown["relative"] / euclidean if euclidean else 0.0
        shown["frechet"] = math.sqrt(float(row["frechet"])) * scale
    return shown


def _draw_orders(panel, looks: Mapping[str, tuple[str, str]], orders: Iterable[Mapping]) -> None:
    """Each measure's correlations with the level: a row a measure, in it a line a model."""
    found: dict[tuple, list[float]] = {}
    for row in orders:
        for column in ORDERS:
            if row[column]:
                found.setdefault((row["model"], column), []).append(float(row[column]))
    for index, column in enumerate(ORDERS):
        if index:
            panel.axhline(index - 0.5, color=look.GREY, linewidth=0.3, zorder=0)
        for number, (model, (colour, marker)) in enumerate(looks.items(), start=1):
            if (model, column) not in found:
                continue
            y = index - 0.5 + number / (len(looks) + 1)
            mean, low, high = _mean_and_range(found[model, column])
            panel.plot([low, high], [y, y], color=colour, linewidth=0.9)
            panel.plot(
                [mean], [y],
                color=colour, marker=marker, markersize=3, markeredgewidth=0, linestyle="",
            )  # fmt: skip
    panel.axvline(0, color=look.GREY, linewidth=0.7, zorder=0)
    panel.set_xlim(-1.04, 1.04)
    panel.set_xticks([-1, -0.5, 0, 0.5, 1])
    panel.set_ylim(len(ORDERS) - 0.5, -0.5)
    panel.set_yticks(range(len(ORDERS)), ORDERS.values())
    panel.tick_params(axis="y", length=0)
    panel.set_xlabel("Spearman correlation of each with the level")


def _mean_and_range(values: Sequence[float]) -> tuple[float, float, float]:
    return float(np.mean(values)), min(values), max(values)
