"""Medians of the sample-wise R², by label."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    draw_rows,
    group_by,
    legend,
    legend_height,
    model_handles,
    note_height,
    place_note,
)
from embedding_sensitivity.figures.style import COLUMN_IN, EffectAxis

PANELS = (("r2", "at the levels\nof the fit"), ("r2_heldout_levels", "at held-out\nlevels"))
NOTE = (
    "R² = 1 at the levels of the fit is an identity when d >= P-1 and the points are distinct, "
    "not a finding. At held-out levels any smooth course has a high R², along a direction or not."
)


def plot_samplewise(
    models: Sequence[str],
    labels: Sequence[str],
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
) -> Figure:
    """Median over clips of R² on their own directions, a row for each label, a symbol a model.

    At the levels of the fit, where 1 is no finding, and at held-out levels; lines reach from the
    5 % quantile of clips to the 95 % one. `rows` are of the table samplewise_r2.
    """
    found = group_by(rows, "model", "label")
    cells = {key: _quantiles(of_label) for key, of_label in found.items()}
    size, left, width = style["font_size"], 0.78, COLUMN_IN - 0.2
    handles, columns = model_handles(models, size, markersize=style["point_size"], linestyle="")
    chance = {"color": look.GREY, "linewidth": 0.9, "linestyle": ":"}
    handles.append(Line2D([], [], **chance, label="no course at all: below 1/P"))
    above = 0.08 + legend_height(len(handles), columns)
    figure, axes = look.grid(
        2, 2, COLUMN_IN, max(2, len(labels)) * (0.9 + 0.35 * len(models)) * size / 72,
        left=left, right=0.12, top=0.12 + 2.6 * size * 1.25 / 72,
        bottom=0.55 + above + note_height(NOTE, width), gap_x=0.16, gap_y=0,
    )  # fmt: skip
    look.heading(figure, [effect.name, "Sample-wise R²: median and 90 % of a label's clips"])
    for panel, (column, title) in zip(axes, PANELS, strict=True):
        if not draw_rows(panel, models, labels, cells, column, style["point_size"]):
            panel.text(0.5, 0.5, "not defined", transform=panel.transAxes, ha="center", va="center")
        panel.set_xlim(-0.04, 1.04)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
        names = [look.shorten(label, left - 0.12, size) for label in labels]
        panel.set_yticks(range(len(names)), names)
        panel.tick_params(axis="y", length=0, labelleft=panel is axes[0])
        panel.set_xlabel(f"R² {title}", linespacing=1.15)
    axes[1].axvline(1 / len(effect.levels), zorder=1, **chance)
    place_note(figure, NOTE, width, above)
    legend(figure, handles, columns)
    return figure


def _quantiles(rows: Sequence[Mapping]) -> dict[str, float]:
    """Median of each R² over clips, with quantiles as its ends; without those that are empty."""
    cell = {}
    for column, _ in PANELS:
        values = [float(row[column]) for row in rows if row[column]]
        if values:
            low, cell[column], high = np.quantile(values, (0.05, 0.5, 0.95))
            cell |= {f"{column}_low": low, f"{column}_high": high}
    return cell
