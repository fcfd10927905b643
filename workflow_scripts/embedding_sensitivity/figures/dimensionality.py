"""In how many directions an effect moves the clips of each label."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import draw_rows, legend, legend_height, model_handles
from embedding_sensitivity.figures.style import COLUMN_IN

PANELS = (
    ("participation_ratio", "participation\nratio", True),
    ("n_directions_90", "directions\nfor 90 %", True),
    ("mean_displacement_share", "share of the\nmean", False),
)


def plot_dimensionality(
    models: Sequence[str],
    labels: Sequence[str],
    effect: str,
    style: Mapping,
    rows: Iterable[Mapping],
) -> Figure:
    """The three measures of the table dimensionality, a row for each label, a symbol a model.

    As wide as a column. Counts of directions are on a logarithmic axis; a tick beside the
    participation ratio is what as many clips give, each with a direction of its own.
    """
    cells = {(row["model"], row["label"]): row for row in rows}
    size, left = style["font_size"], 0.78
    handles, columns = model_handles(models, size, markersize=style["point_size"], linestyle="")
    handles.append(
        Line2D([], [], color=look.GREY, linestyle="", marker="|", label="each clip its own")
    )
    figure, axes = look.grid(
        len(PANELS),
        len(PANELS),
        COLUMN_IN,
        len(labels) * 2.0 * size / 72,
        left=left,
        right=0.12,
        top=0.12 + 2.6 * size * 1.25 / 72,
        bottom=0.52 + legend_height(len(handles), columns),
        gap_x=0.16,
        gap_y=0,
    )
    look.heading(figure, [effect, "Dimensionality of the displacements of each label"])
    for panel, (column, title, logarithmic) in zip(axes, PANELS, strict=True):
        seen = draw_rows(panel, models, labels, cells, column, style["point_size"])
        if logarithmic:
            if column == "participation_ratio":
                seen += _mark_own_directions(panel, models, labels, cells)
            most = max([10, *seen])
            panel.set_xscale("log")
            panel.set_xlim(0.8, most * 1.3)
            ticks = [1, 10, 100, 1000] if most > 60 else [1, 3, 10, 30]
            panel.xaxis.set_major_locator(FixedLocator(ticks))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        else:
            panel.set_xlim(0, 1)
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        names = [look.shorten(label, left - 0.12, size) for label in labels]
        panel.set_yticks(range(len(labels)), names)
        panel.tick_params(axis="y", length=0, labelleft=panel is axes[0])
        panel.set_xlabel(title)
    legend(figure, handles, columns)
    return figure


def _mark_own_directions(panel, models, labels, cells) -> list[float]:
    """Draw, and return, the participation ratio where each clip has a direction of its own."""
    seen = []
    for model, (colour, _) in look.model_looks(models).items():
        rows = [cells.get((model, label), {}) for label in labels]
        values = np.array([float(row.get("participation_ratio_own") or "nan") for row in rows])
        positions = np.arange(len(labels))
        panel.vlines(values, positions - 0.3, positions + 0.3, color=colour, linewidth=0.7)
        seen += [value for value in values if value == value]
    return seen
