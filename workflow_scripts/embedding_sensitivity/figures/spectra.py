"""Singular values of directions and originals (Fig. 3)."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    grouped,
    headings,
    legend,
    legend_height,
    make_panels,
    set_panel_title,
)
from embedding_sensitivity.figures.style import EffectAxis


def spectra_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 3: singular values of the sample-wise directions and of the centred originals.

    `rows` are of the table spectra; each curve is divided by its largest value already.
    """
    single = len(labels) == 1
    by_label = grouped(rows, "label")
    figure, axes, columns = make_panels(
        labels,
        headings(model, labels, effect, "Singular values, divided by the largest"),
        panel_height=1.9 if single else 1.2,
        bottom=0.36 + legend_height(2, 1),
        left=0.5,
    )
    curves = (
        ("directions", look.BLUE, "-", "sample-wise CCA directions"),
        ("random", look.GREY, ":", "as many random directions"),
        ("directions_f", look.GREEN, "-.", "fitted to the common course"),
        ("originals", look.VERMILION, "--", "centred original embeddings"),
    )
    for panel, label in zip(axes, labels, strict=True):
        found = by_label.get(label, ())
        for column, colour, dashes, _ in curves:
            line = sorted((int(r["index"]), float(r[column])) for r in found if r[column])
            panel.plot(
                *np.array(line).reshape(-1, 2).T,
                color=colour, linestyle=dashes, linewidth=style["line_width"],
            )  # fmt: skip
        if style["log_y"]:
            panel.set_yscale("log")
            panel.set_ylim(1e-3, 1.3)
        else:
            panel.set_ylim(0, 1.04)
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        set_panel_title(figure, panel, label, [], single)
    look.outer_labels(axes, columns, "index of the singular value", "relative size")
    look.share_y_ticks(axes, columns)
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=style["line_width"], label=text)
        for _, colour, dashes, text in curves
    ]
    legend(figure, handles, 2)
    return figure
