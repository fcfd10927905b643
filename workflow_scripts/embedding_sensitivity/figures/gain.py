"""The figures of what debiasing gains: every cell of one model, and the verdict on all models."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from embedding_sensitivity.analysis.verdicts import FALSE_DISCOVERY_RATE
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.kinds import METHOD_TEXT, legend, legend_height
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

# Told apart with every common colour vision deficiency, and white where nothing changes.
GAINS = matplotlib.colormaps["PuOr"]
DIRECTIONS = (
    (("original", "effected"), "train original, test effected"),
    (("effected", "original"), "train effected, test original"),
)


def _variants(rows: Iterable[Mapping], style: Mapping) -> list[tuple[str, str]]:
    """Every (method, threshold) to draw, in the order of the other figures."""
    order = list(METHOD_TEXT)
    found = {(row["method"], row["threshold"]) for row in rows}
    return sorted(
        (key for key in found if key[0] not in style["hide"]),
        key=lambda key: (order.index(key[0]), float(key[1] or 0)),
    )


def _text(variant: tuple[str, str]) -> str:
    method, threshold = variant
    return f"{METHOD_TEXT[method]}, {threshold}" if threshold else METHOD_TEXT[method]


def auc_gain_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Gain in AUC of each method at each level, both ways round, a dot where it is clear.

    `rows` are of the table auc_gain. Two panels a label: methods by levels, coloured by the gain;
    orange is worse than no debiasing, purple better.
    """
    rows = list(rows)
    single = len(labels) == 1
    variants = _variants(rows, style)
    size = style["font_size"]
    cells = {}
    for row in rows:
        sides = row["train"] == ORIGINAL, row["test"] == ORIGINAL
        if sides[0] != sides[1]:
            level = row["test"] if sides[0] else row["train"]
            key = (row["label"], row["method"], row["threshold"], sides[0], level)
            clear = row["p_adjusted"] and float(row["p_adjusted"]) <= FALSE_DISCOVERY_RATE
            cells[key] = float(row["gain"]), bool(clear)
    levels = [level for level in effect.levels if any(key[4] == level for key in cells)]
    largest = max((abs(gain) for gain, _ in cells.values()), default=0) or 1e-3
    norm = TwoSlopeNorm(0, -largest, largest)

    names = [_text(variant) for variant in variants]
    left = 0.1 + 0.53 * size / 72 * max(map(len, names), default=1)
    columns = 2 if single else 4
    line = size * 1.25 / 72
    figure, axes = look.grid(
        2 * len(labels),
        columns,
        COLUMN_IN if single else PAGE_IN,
        1.2 * max(1, len(variants)) * size / 72,
        left=left,
        right=0.12,
        top=0.12 + 2.5 * line + (1 if single else 2) * line,
        bottom=1.0,
        gap_x=0.2 if single else 0.3,
        gap_y=0.1 + 2 * line,
    )
    subject = f"{look.model_title(model)}, {effect.name}"
    what = "Gain in ROC AUC by debiasing"
    look.heading(figure, [labels[0], subject] if single else [subject, what])
    ticks = _ticks(len(levels), 3)
    for index, label in enumerate(labels):
        for panel, forwards in zip(axes[2 * index : 2 * index + 2], (True, False), strict=True):
            gains = np.full((len(variants), len(levels)), np.nan)
            for row, column in np.ndindex(gains.shape):
                found = cells.get((label, *variants[row], forwards, levels[column]))
                if found:
                    gains[row, column] = found[0]
                    if found[1]:
                        panel.plot(column, row, ".", color=look.BLACK, markersize=1.8)
            panel.imshow(gains, cmap=GAINS, norm=norm, aspect="auto", interpolation="nearest")
            panel.set_yticks(range(len(variants)), names)
            panel.set_xticks(ticks, [look.format_level(float(levels[tick])) for tick in ticks])
            panel.tick_params(axis="y", length=0)
            side = "train original" if forwards else "test original"
            width = panel.get_position().width * figure.get_size_inches()[0]
            lines = [side] if single else [look.shorten(label, width, size), side]
            panel.set_title("\n".join(lines), loc="left", linespacing=1.15, y=1.0)
    look.outer_labels(axes, columns, effect.label, "")
    look.share_y_ticks(axes, columns)
    for index, panel in enumerate(axes):
        panel.tick_params(labelbottom=index + columns >= len(axes))
    _gain_bar(figure, ScalarMappable(norm, GAINS))
    return figure


def _ticks(n: int, most: int) -> list[int]:
    """At most `most` of n positions, evenly spread, the first and the last among them."""
    return sorted(set(np.linspace(0, max(0, n - 1), min(n, most)).astype(int).tolist()))


def _gain_bar(figure: Figure, colours: ScalarMappable) -> None:
    width, height = figure.get_size_inches()
    length = min(2.2, 0.5 * width)
    bar = figure.add_axes((0.3 / width, 0.4 / height, length / width, 0.09 / height))
    largest = colours.norm.vmax
    ticks = [-largest, 0, largest]
    figure.colorbar(colours, cax=bar, orientation="horizontal", ticks=ticks)
    bar.set_xticks(ticks, [f"{tick:+.2g}" if tick else "0" for tick in ticks])
    bar.set_xlabel("gain in ROC AUC against no debiasing")
    figure.text(
        (0.3 + length + 0.2) / width, 0.44 / height,
        f"dot: adjusted p\nat most {FALSE_DISCOVERY_RATE:g}", va="center", linespacing=1.3,
    )  # fmt: skip


def verdicts_figure(
    models: Sequence[str], effect: str, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Share of cells that each method helps and harms, a row of panels for each model.

    `rows` are of the table verdicts, of one effect. Bars to the right are helped cells, to the
    left harmed ones; beside them stands the mean gain over all cells.
    """
    rows = list(rows)
    variants = _variants(rows, style)
    cells = {
        (row["model"], row["method"], row["threshold"], row["train"], row["test"]): row
        for row in rows
    }
    size = style["font_size"]
    names = [_text(variant) for variant in variants]
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
