"""The figures of how many directions an effect has, and of the angles between labels' directions.

One of each effect, with every model and label of the run. As in `figures`, every function returns
a matplotlib figure and takes rows as `tables.read_table` gives them.
"""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.kinds import legend, legend_height
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN

PANELS = (
    ("participation_ratio", "participation\nratio", True),
    ("n_directions_90", "directions\nfor 90 %", True),
    ("mean_displacement_share", "share of the\nmean", False),
)


def dimensionality_figure(
    models: Sequence[str],
    labels: Sequence[str],
    effect: str,
    style: Mapping,
    rows: Iterable[Mapping],
) -> Figure:
    """The three measures of the table dimensionality, a row for each label, a symbol a model.

    As wide as a column. Counts of directions are on a logarithmic axis.
    """
    cells = {(row["model"], row["label"]): row for row in rows}
    looks = look.model_looks(models)
    size = style["font_size"]
    left, right, gap = 0.78, 0.12, 0.16
    columns = 2 if max(map(len, map(look.model_title, models))) < 22 else 1
    handles = [
        Line2D([], [], linestyle="", color=colour, marker=marker, markersize=style["point_size"],
               label=look.shorten(look.model_title(model), 1.4 if columns == 2 else 2.8, size))
        for model, (colour, marker) in looks.items()
    ]  # fmt: skip
    figure, axes = look.grid(
        len(PANELS),
        len(PANELS),
        COLUMN_IN,
        len(labels) * 2.0 * size / 72,
        left=left,
        right=right,
        top=0.12 + 2.6 * size * 1.25 / 72,
        bottom=0.52 + legend_height(len(handles), columns),
        gap_x=gap,
        gap_y=0,
    )
    look.heading(figure, [effect, "Dimensionality of the displacements of each label"])
    positions = np.arange(len(labels))
    for panel, (column, title, logarithmic) in zip(axes, PANELS, strict=True):
        spread = np.linspace(-0.24, 0.24, len(models)) if len(models) > 1 else [0.0]
        seen = [1.0]
        for (model, (colour, marker)), shift in zip(looks.items(), spread, strict=True):
            values = [_number(cells.get((model, label), {}).get(column, "")) for label in labels]
            panel.plot(
                values, positions + shift,
                linestyle="", color=colour, marker=marker, markersize=style["point_size"],
                markeredgewidth=0, clip_on=False, zorder=3,
            )  # fmt: skip
            seen += [value for value in values if value == value]
        if logarithmic:
            most = max(seen)
            panel.set_xscale("log")
            panel.set_xlim(0.8, max(10, most) * 1.3)
            panel.xaxis.set_major_locator(FixedLocator([1, 10, 100, 1000]))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        else:
            panel.set_xlim(0, 1)
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        panel.set_ylim(len(labels) - 0.5, -0.5)
        panel.set_yticks(positions, [look.shorten(label, left - 0.12, size) for label in labels])
        panel.tick_params(axis="y", length=0, labelleft=panel is axes[0])
        panel.grid(axis="x", color="#DDDDDD", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.set_xlabel(title)
        for boundary in positions[1:] - 0.5:
            panel.axhline(boundary, color="#EEEEEE", linewidth=0.5, zorder=0)
    legend(figure, handles, columns)
    return figure


def _number(cell: str) -> float:
    return float(cell) if cell else np.nan


def principal_angles_figure(
    models: Sequence[str],
    labels: Sequence[str],
    effect: str,
    style: Mapping,
    rows: Iterable[Mapping],
) -> Figure:
    """Angles between labels' directions, a matrix of labels for each model.

    Above the diagonal those between global CCA directions, below it between mean displacements;
    a cell that the table lacks stays white.
    """
    angles = {
        (row["model"], row["method"], row[one], row[other]): float(row["angle_deg"])
        for row in rows
        if row["angle_deg"] and row["index"] == "0"
        for one, other in (("label_a", "label_b"), ("label_b", "label_a"))
    }
    size = style["font_size"]
    columns = min(len(models), 3)
    left, right, gap_x, bar = 0.78, 0.1, 0.16, 0.55
    panel = (PAGE_IN - left - right - 2 * gap_x) / 3
    names = [look.shorten(label, left - 0.12, size) for label in labels]
    room = 0.05 + 0.62 * size / 72 * max(map(len, names))
    figure, axes = look.grid(
        len(models),
        columns,
        left + right + columns * panel + (columns - 1) * gap_x,
        panel,
        left=left,
        right=right,
        top=0.12 + 4.4 * size * 1.25 / 72,
        bottom=0.12 + room + bar,
        gap_x=gap_x,
        gap_y=0.3,
    )
    look.heading(figure, [effect, "Angles between the directions of labels"])
    colours, norm = matplotlib.colormaps[style["colour_map"]], Normalize(0, 90)
    ticks = np.arange(len(labels))
    in_cells = panel / len(labels) > 2.2 * (size - 2) / 72
    for index, (axis, model) in enumerate(zip(axes, models, strict=True)):
        matrix = np.full((len(labels), len(labels)), np.nan)
        for row, column in np.ndindex(matrix.shape):
            method = "global_cca" if column > row else "average_displacement"
            matrix[row, column] = angles.get((model, method, labels[row], labels[column]), np.nan)
        axis.pcolormesh(matrix, cmap=colours, norm=norm, edgecolors="white", linewidth=0.5)
        if in_cells:
            for (row, column), angle in np.ndenumerate(matrix):
                if angle == angle:
                    dark = norm(angle) < 0.6
                    axis.text(
                        column + 0.5, row + 0.5, f"{angle:.0f}", ha="center", va="center",
                        size=size - 2, color="white" if dark else look.BLACK,
                    )  # fmt: skip
        axis.set_ylim(len(labels), 0)
        axis.set_xticks(ticks + 0.5, names, rotation=90)
        axis.set_yticks(ticks + 0.5, names)
        axis.tick_params(
            length=0, labelleft=index % columns == 0, labelbottom=index + columns >= len(models)
        )
        for side in ("left", "bottom"):
            axis.spines[side].set_visible(False)
        axis.set_title(look.shorten(look.model_title(model), panel, size), loc="left", y=1.0)
    _angle_bar(figure, ScalarMappable(norm, colours))
    return figure


def _angle_bar(figure: Figure, colours: ScalarMappable) -> None:
    """A colour bar of the angles at the bottom, and what is in which half beside it."""
    width, height = figure.get_size_inches()
    length = min(2.2, width - 1.9)
    bar = figure.add_axes((0.12 / width, 0.36 / height, length / width, 0.09 / height))
    figure.colorbar(colours, cax=bar, orientation="horizontal", ticks=[0, 30, 60, 90])
    bar.set_xlabel("angle (degrees)")
    note = "above the diagonal: global CCA\nbelow: mean displacement"
    figure.text((0.12 + length + 0.15) / width, 0.3 / height, note, va="center", linespacing=1.4)
