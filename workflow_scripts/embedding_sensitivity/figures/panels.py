"""What figures share: panels of labels, legends, texts, and how debiasing methods look."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

METHOD_TEXT = {
    "none": "no debiasing",
    "global_cca": "global CCA",
    "samplewise_cca_svd": "sample-wise CCA SVD",
    "pca_absolute": "PCA, absolute",
    "pca_relative": "PCA, relative",
    "average_displacement": "average displacement",
    "lda": "LDA",
    "level_means": "level means",
    "leace": "LEACE, regularised",
    "leace_ols": "LEACE, least squares",
    "leace_levels": "LEACE of levels",
    "coral": "CORAL",
    "augmentation": "trained on other levels",
    "own_level": "trained on the level",
}
METHOD_LOOK = {
    "none": (look.BLACK, ""),
    "global_cca": (look.ORANGE, "o"),
    "samplewise_cca_svd": (look.BLUE, "^"),
    "pca_absolute": (look.GREEN, "s"),
    "pca_relative": (look.SKY_BLUE, "P"),
    "average_displacement": (look.VERMILION, "X"),
    "lda": (look.PURPLE, "D"),
}


def group_by(rows: Iterable[Mapping], *columns: str) -> dict:
    """Rows by the value of a column, or by the tuple of the values of several."""
    groups = defaultdict(list)
    for row in rows:
        key = tuple(row[column] for column in columns)
        groups[key if len(columns) > 1 else key[0]].append(row)
    return groups


def count_columns(n: int) -> int:
    """Columns of a grid of `n` panels over the page."""
    return n if n < 3 else 3 if n <= 6 else 4


def headings(model: str, labels: Sequence[str], effect: EffectAxis, what: str) -> list[str]:
    """The heading's lines: a single-label figure names its label, one with panels what it shows."""
    subject = f"{look.model_title(model)}, {effect.name}"
    return [labels[0], subject] if len(labels) == 1 else [subject, what]


def make_panels(
    labels: Sequence[str],
    lines: Sequence[str],
    panel_height: float,
    bottom: float,
    title_lines: int = 1,
    gap_x: float = 0.3,
    left: float = 0.5,
) -> tuple[Figure, list, int]:
    """Figure, panels and number of columns: one column-wide panel, or a grid over the page.

    `bottom` is the room below the lowest axis, for its labels and a legend; panels get their
    label as a title, single ones have it in the heading.
    """
    single = len(labels) == 1
    line = matplotlib.rcParams["font.size"] * 1.25 / 72
    columns = count_columns(len(labels))
    title = (title_lines - single) * line
    figure, axes = look.grid(
        len(labels),
        columns,
        COLUMN_IN if single else PAGE_IN,
        panel_height,
        left=left,
        right=0.12,
        top=0.12 + 2.5 * line + title,
        bottom=bottom,
        gap_x=gap_x,
        gap_y=0.3 + title,
    )
    look.heading(figure, lines)
    return figure, axes, columns


def set_panel_title(figure: Figure, axes, label: str, lines: Sequence[str], single: bool) -> None:
    """A panel's title: its label (the heading has it in a single-label figure), then `lines`."""
    size = matplotlib.rcParams["font.size"]
    width = axes.get_position().width * figure.get_size_inches()[0]
    text = [] if single else [look.shorten(label, width, size)]
    if text or lines:
        # A given height spares matplotlib measuring every tick label for a title above them.
        axes.set_title("\n".join([*text, *lines]), loc="left", linespacing=1.15, y=1.0)


def model_handles(models: Sequence[str], size: float, **drawn) -> tuple[list[Line2D], int]:
    """A legend's entry for each model, and the number of columns that the titles leave room for."""
    columns = 2 if max(map(len, map(look.model_title, models))) < 22 else 1
    drawn = {"markersize": 3, **drawn}
    handles = [
        Line2D([], [], color=colour, marker=marker, **drawn,
               label=look.shorten(look.model_title(model), 1.3 if columns == 2 else 2.8, size))
        for model, (colour, marker) in look.model_looks(models).items()
    ]  # fmt: skip
    return handles, columns


def mark_neutral(axes: Iterable, effect: EffectAxis) -> list[Line2D]:
    """Draw the level that does nothing where it lies inside, and return its legend's entry."""
    if effect.neutral_rank is None:
        return []
    drawn = {"color": look.GREY, "linewidth": 0.7, "linestyle": ":"}
    for panel in axes:
        panel.axvline(effect.neutral, zorder=0, **drawn)
    return [Line2D([], [], **drawn, label=f"no effect ({describe_neutral(effect)})")]


def draw_rows(
    panel,
    models: Sequence[str],
    names: Sequence[str],
    cells: Mapping[tuple[str, str], Mapping],
    column: str,
    point_size: float,
    lowest: float = -np.inf,
) -> list[float]:
    """Draw a column's values, a row for each name, a symbol a model; return those that are there.

    `cells` are rows by model and name, their cells empty, numbers, or numbers as text. A bar is an
    interval, where there are columns of its ends; what is below `lowest` is drawn there.
    """
    reach = 0.0 if len(models) == 1 else 0.24 if len(models) < 4 else 0.37
    spread = np.linspace(-reach, reach, len(models))
    positions, seen = np.arange(len(names)), []
    for (model, (colour, marker)), shift in zip(
        look.model_looks(models).items(), spread, strict=True
    ):
        rows = [cells.get((model, name), {}) for name in names]
        values, low, high = (
            np.maximum(
                [float("nan" if row.get(key, "") == "" else row[key]) for row in rows], lowest
            )
            for key in (column, f"{column}_low", f"{column}_high")
        )
        panel.hlines(
            positions + shift, low, high, color=colour, linewidth=0.8, clip_on=False, zorder=2
        )
        panel.plot(
            values, positions + shift,
            linestyle="", color=colour, marker=marker, markersize=point_size,
            markeredgewidth=0, clip_on=False, zorder=3,
        )  # fmt: skip
        seen += [value for value in values if value == value]
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.grid(axis="x", color="#DDDDDD", linewidth=0.5)
    panel.set_axisbelow(True)
    for boundary in positions[1:] - 0.5:
        panel.axhline(boundary, color="#EEEEEE", linewidth=0.5, zorder=0)
    return seen


def legend(figure: Figure, handles: Sequence, columns: int) -> None:
    """A legend at the bottom of the figure."""
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=columns,
        bbox_to_anchor=(0.5, 0.02 / figure.get_size_inches()[1]),
        borderaxespad=0,
        borderpad=0.1,
    )


def legend_height(handles: int, columns: int) -> float:
    """Inches that a legend takes."""
    return 0.05 + -(-handles // columns) * matplotlib.rcParams["legend.fontsize"] * 1.32 / 72


def describe_neutral(effect: EffectAxis) -> str:
    """The level that does nothing, with its unit."""
    return f"{look.format_level(effect.neutral)} {effect.unit}".rstrip()


def wrap(text: str, width_in: float) -> str:
    """`text` on as many lines as `width_in` inches ask for."""
    words, lines = text.split(), [""]
    most = width_in * 72 / (0.56 * matplotlib.rcParams["font.size"])
    for word in words:
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def note_height(text: str, width_in: float) -> float:
    """Inches that a note takes, wrapped to `width_in`."""
    return (wrap(text, width_in).count("\n") + 1) * matplotlib.rcParams["font.size"] * 1.3 / 72


def place_note(figure: Figure, text: str, width_in: float, above_in: float) -> None:
    """Put a note, wrapped to `width_in`, across the figure, `above_in` inches above its end."""
    width, height = figure.get_size_inches()
    figure.text(0.1 / width, above_in / height, wrap(text, width_in), va="bottom", color="#333333",
                linespacing=1.2)  # fmt: skip


def describe_findings(
    clear: int, tested: int, detectable: Iterable[float], of_cells: bool = True
) -> str:
    """Say how many gains are clear; where none is, which could have been seen.

    detectable : gains that would have been clear, each of a cell, or the smallest of each of some
        groups of them; those of 0 are of methods that change nothing
    """
    if not tested:
        return "Too few test recordings to tell a gain from chance."
    if clear:
        return f"{clear} of {tested} gains and losses are clear."
    said = f"None of {tested} gains and losses is clear."
    seen = [gain for gain in detectable if gain > 0]
    if not seen:
        return said
    said += f" The smallest that could have been seen: {min(seen):.3f}"
    return (
        f"{said}; in half of the cells {np.median(seen):.3f} or less." if of_cells else f"{said}."
    )


def order_variants(rows: Iterable[Mapping], style: Mapping) -> list[tuple[str, str]]:
    """Every (method, threshold) to draw, in the order of the other figures."""
    order = list(METHOD_TEXT)
    found = {(row["method"], row["threshold"]) for row in rows}
    return sorted(
        (key for key in found if key[0] not in style["hide"]),
        key=lambda key: (order.index(key[0]), float(key[1] or 0)),
    )


def describe_variant(variant: tuple[str, str]) -> str:
    """A method with its threshold, as a tick label."""
    method, threshold = variant
    return f"{METHOD_TEXT[method]}, {threshold}" if threshold else METHOD_TEXT[method]
