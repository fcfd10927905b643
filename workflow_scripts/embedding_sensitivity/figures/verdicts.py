"""Whether each debiasing method helps each model."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_variant,
    legend,
    legend_height,
    order_variants,
)
from embedding_sensitivity.figures.style import PAGE_IN

DIRECTIONS = (
    (("original", "effected"), "train original, test effected"),
    (("effected", "original"), "train effected, test original"),
)


def verdicts_figure(
    models: Sequence[str], effect: str, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Share of cells that each method helps and harms, a row of panels for each model.

    `rows` are of the table verdicts, of one effect. Bars to the right are helped cells, to the
    left harmed ones; beside them stands the mean gain over all cells.
    """
    rows = list(rows)
    variants = order_variants(rows, style)
    cells = {
        (row["model"], row["method"], row["threshold"], row["train"], row["test"]): row
        for row in rows
    }
    size = style["font_size"]
    names = [describe_variant(variant) for variant in variants]
    line = size * 1.25 / 72
    figure, axes = look.grid(
        2 * len(models),
        2,
        PAGE_IN,
        1.5 * max(1, len(variants)) * size / 72,
        left=0.1 + 0.53 * size / 72 * max(map(len, names), default=1),
        right=0.55,
        top=0.12 + 2.5 * line + 2 * line,
        bottom=0.42 + legend_height(1, 1),
        gap_x=0.62,
        gap_y=0.12 + 2 * line,
    )
    look.heading(figure, [effect, "Does debiasing help? Share of cells (label, level)"])
    places = np.arange(len(variants))
    for index, model in enumerate(models):
        pair = axes[2 * index : 2 * index + 2]
        for panel, (sides, title) in zip(pair, DIRECTIONS, strict=True):
            for place, variant in zip(places, variants, strict=True):
                row = cells.get((model, *variant, *sides))
                if row is None:
                    continue
                helps, harms = int(row["helps"]), int(row["harms"])
                n_cells = helps + harms + int(row["neither"]) + int(row["untested"])
                for count, sign, colour in ((helps, 1, look.BLUE), (harms, -1, look.VERMILION)):
                    panel.barh(place, sign * 100 * count / n_cells, color=colour, height=0.7)
                panel.text(
                    1.02, place, f"{float(row['mean_gain']):+.4f}",
                    transform=panel.get_yaxis_transform(), va="center", size=size - 0.5,
                )  # fmt: skip
            panel.axvline(0, color=look.BLACK, linewidth=0.6)
            panel.set_xlim(-100, 100)
            panel.set_xticks([-100, -50, 0, 50, 100], ["100", "50", "0", "50", "100"])
            panel.set_ylim(len(variants) - 0.4, -0.6)
            panel.set_yticks(places, names)
            panel.tick_params(axis="y", length=0)
            panel.spines["left"].set_visible(False)
            panel.grid(axis="x", color="#DDDDDD", linewidth=0.5)
            panel.set_axisbelow(True)
            width = panel.get_position().width * figure.get_size_inches()[0]
            lines = [look.shorten(look.model_title(model), width, size), title]
            panel.set_title("\n".join(lines), loc="left", linespacing=1.15, y=1.0)
            panel.text(
                1.02, 1.0, "mean\ngain", transform=panel.transAxes, va="bottom", size=size - 0.5,
                linespacing=1.1,
            )  # fmt: skip
    look.outer_labels(axes, 2, "% of cells: harmed (left), helped (right)", "")
    look.share_y_ticks(axes, 2)
    for index, panel in enumerate(axes):
        panel.tick_params(labelbottom=index + 2 >= len(axes))
    legend(figure, [Patch(color=look.VERMILION, label="harmed"),
                    Patch(color=look.BLUE, label="helped"),
                    Line2D([], [], linestyle="", label="the rest: neither")], 3)  # fmt: skip
    return figure
