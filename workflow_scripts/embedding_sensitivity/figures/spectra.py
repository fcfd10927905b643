"""Singular values of directions and originals (Fig. 3)."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    group_by,
    headings,
    legend,
    legend_height,
    make_panels,
    note_height,
    place_note,
    set_panel_title,
)
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

BAND = "#E4E4E4"
CURVES = (
    ("directions_f", look.GREEN, "-", 1.6, "clips' directions, fitted to their common course"),
    ("directions", look.BLUE, "-.", 1.0, "clips' directions, fitted to the rank (the paper's)"),
    ("originals", look.VERMILION, "--", 1.0, "original embeddings, centred"),
    ("random", look.BLACK, ":", 1.0, "random directions"),
)
NOTE = (
    "The paper's curve (dash-dotted) is flat wherever a response is curved, along one line too: it "
    "can't tell one direction from many. The solid one can: near 0, clips share a direction; as "
    "flat as random ones, each has its own."
)


def plot_spectra(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 3: singular values of the sample-wise directions and of the centred originals.

    `rows` are of the table spectra; each curve is divided by its largest value already. The grey
    band is where the values of random directions lie (Marchenko and Pastur).
    """
    single = len(labels) == 1
    by_label = group_by(rows, "label")
    compared = any(row["originals"] for found in by_label.values() for row in found)
    curves = [curve for curve in CURVES if compared or curve[0] != "originals"]
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=width * style["line_width"],
               label=text)
        for _, colour, dashes, width, text in curves
    ]  # fmt: skip
    handles.append(Patch(color=BAND, label="their range (Marchenko and Pastur)"))
    columns_of_legend = 1 if single else 3
    note_in = (COLUMN_IN if single else PAGE_IN) - 0.2
    above = 0.08 + legend_height(len(handles), columns_of_legend)
    figure, axes, columns = make_panels(
        labels,
        headings(model, labels, effect, "Singular values, divided by the largest"),
        panel_height=1.9 if single else 1.2,
        bottom=0.36 + above + note_height(NOTE, note_in),
        left=0.5,
    )
    for panel, label in zip(axes, labels, strict=True):
        found = by_label.get(label, ())
        random = [float(row["random"]) for row in found if row["random"]]
        if random:
            panel.axhspan(min(random), 1, color=BAND, linewidth=0, zorder=0)
        for column, colour, dashes, width, _ in curves:
            line = sorted((int(r["index"]), float(r[column])) for r in found if r[column])
            panel.plot(
                *np.array(line).reshape(-1, 2).T,
                color=colour, linestyle=dashes, linewidth=width * style["line_width"],
            )  # fmt: skip
        if style["log_y"]:
            panel.set_yscale("log")
            panel.set_ylim(1e-3, 1.3)
        else:
            panel.set_ylim(0, 1.04)
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        set_panel_title(figure, panel, label, [], single)
    look.label_outer_axes(axes, columns, "index of the singular value", "singular value / largest")
    look.share_y_ticks(axes, columns)
    place_note(figure, NOTE, note_in, above)
    legend(figure, handles, columns_of_legend)
    return figure
