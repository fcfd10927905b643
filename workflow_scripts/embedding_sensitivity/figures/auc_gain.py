"""What each debiasing method gains in ROC AUC, at each level."""

from collections.abc import Iterable, Mapping

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.measures import FALSE_DISCOVERY_RATE
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_findings,
    describe_variant,
    headings,
    order_variants,
    wrap,
)
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

# Told apart with every common colour vision deficiency, and white where nothing changes.
GAINS = matplotlib.colormaps["PuOr"]
# How much of its colour a gain keeps that is not clear.
FADED = 0.45


def plot_auc_gain(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Gain in AUC of each method at each level, both ways round; pale where it is not clear.

    `rows` are of the table auc_gain. Two panels a label: methods by levels, coloured by the gain;
    orange is worse than no debiasing, purple better. Clear ones have a dot; the heading says how
    many there are, and if none, the smallest that could have been seen.
    """
    rows = list(rows)
    single = len(labels) == 1
    variants = order_variants(rows, style)
    size = style["font_size"]
    cells, detectable = {}, []
    for row in rows:
        sides = row["train"] == ORIGINAL, row["test"] == ORIGINAL
        if row["label"] in labels and sides[0] != sides[1]:
            level = row["test"] if sides[0] else row["train"]
            key = (row["label"], row["method"], row["threshold"], sides[0], level)
            clear = row["p_adjusted"] and float(row["p_adjusted"]) <= FALSE_DISCOVERY_RATE
            cells[key] = float(row["gain"]), bool(clear)
            if row["detectable_gain"]:
                detectable.append(float(row["detectable_gain"]))
    levels = [level for level in effect.levels if any(key[4] == level for key in cells)]
    largest = max((abs(gain) for gain, _ in cells.values()), default=0) or 1e-3
    norm = TwoSlopeNorm(0, -largest, largest)

    names = [describe_variant(variant) for variant in variants]
    left = 0.1 + 0.53 * size / 72 * max(map(len, names), default=1)
    columns = 2 if single else 4
    width = COLUMN_IN if single else PAGE_IN
    said = describe_findings(sum(clear for _, clear in cells.values()), len(detectable), detectable)
    said = wrap(said, 0.82 * width).split("\n")
    line = size * 1.25 / 72
    figure, axes = look.grid(
        2 * len(labels),
        columns,
        width,
        1.2 * max(1, len(variants)) * size / 72,
        left=left,
        right=0.12,
        top=0.12 + (2.5 + len(said) + (1 if single else 2)) * line,
        bottom=1.0,
        gap_x=0.2 if single else 0.3,
        gap_y=0.1 + 2 * line,
    )
    what = "Gain in ROC AUC by debiasing"
    look.heading(figure, [*headings(model, labels, effect, what), *said])
    ticks = _ticks(len(levels), 3)
    for index, label in enumerate(labels):
        for panel, forwards in zip(axes[2 * index : 2 * index + 2], (True, False), strict=True):
            gains = np.full((len(variants), len(levels)), np.nan)
            strength = np.full(gains.shape, FADED)
            for row, column in np.ndindex(gains.shape):
                found = cells.get((label, *variants[row], forwards, levels[column]))
                if found:
                    gains[row, column] = found[0]
                    if found[1]:
                        strength[row, column] = 1.0
                        dark = abs(found[0]) > 0.6 * largest
                        colour = "white" if dark else look.BLACK
                        panel.plot(column, row, ".", color=colour, markersize=1.8)
            if gains.size:  # `debiasing.methods` may be `none` alone
                panel.imshow(gains, cmap=GAINS, norm=norm, alpha=strength, aspect="auto",
                             interpolation="nearest")  # fmt: skip
            panel.set_yticks(range(len(variants)), names)
            panel.set_xticks(ticks, [look.format_level(float(levels[tick])) for tick in ticks])
            panel.tick_params(axis="y", length=0)
            side = "train original" if forwards else "test original"
            room = panel.get_position().width * width
            lines = [side] if single else [look.shorten(label, room, size), side]
            panel.set_title("\n".join(lines), loc="left", linespacing=1.15, y=1.0)
    look.label_outer_axes(axes, columns, effect.label, "")
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
        f"dot: clear (adjusted p\nat most {FALSE_DISCOVERY_RATE:g}); pale: not", va="center",
        linespacing=1.3,
    )  # fmt: skip
