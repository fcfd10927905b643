"""Angles between the directions of labels."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.style import PAGE_IN


def plot_principal_angles(
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
