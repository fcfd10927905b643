"""What each debiasing method gains in ROC AUC, at each level."""

from collections.abc import Iterable, Mapping

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from embedding_sensitivity.analysis.classifiers.verdicts import FALSE_DISCOVERY_RATE
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_variant,
    order_variants,
)
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

# Told apart with every common colour vision deficiency, and white where nothing changes.
GAINS = matplotlib.colormaps["PuOr"]


def auc_gain_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Gain in AUC of each method at each level, both ways round, a dot where it is clear.

    `rows` are of the table auc_gain. Two panels a label: methods by levels, coloured by the gain;
    orange is worse than no debiasing, purple better.
    """
    rows = list(rows)
    single = len(labels) == 1
    variants = order_variants(rows, style)
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

    names = [describe_variant(variant) for variant in variants]
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
