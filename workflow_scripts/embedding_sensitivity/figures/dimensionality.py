"""In how many directions an effect moves the clips of each label."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import legend, legend_height
from embedding_sensitivity.figures.style import COLUMN_IN

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
