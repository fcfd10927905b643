"""The distribution of the sample-wise R²."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    grouped,
    headings,
    legend,
    legend_height,
    make_panels,
    set_panel_title,
    wrap,
)
from embedding_sensitivity.figures.style import EffectAxis


def samplewise_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """The distribution over clips of R² on their own sample-wise directions.

    At the levels of the fit, where the panel says that 1 is no finding, and at held-out levels.
    `rows` are of the table samplewise_r2.
    """
    single = len(labels) == 1
    by_label = grouped(rows, "label")
    curves = (
        ("r2", look.BLUE, "-", "levels of the fit"),
        ("r2_heldout_levels", look.VERMILION, "--", "held-out levels"),
    )
    r2 = {
        (label, column): np.sort(
            [float(row[column]) for row in by_label.get(label, ()) if row[column]]
        )
        for label in labels
        for column, *_ in curves
    }
    lowest = min((values[0] for values in r2.values() if len(values)), default=0.0)
    left = min(0.9, np.floor(lowest * 10) / 10)
    note_in = 0.34 if single else 0.24
    figure, axes, columns = make_panels(
        labels,
        headings(model, labels, effect, "Sample-wise R²: share of clips with at most this R²"),
        panel_height=1.9 if single else 1.2,
        bottom=0.36 + legend_height(1, 1) + note_in,
        title_lines=3,
        left=0.5,
    )
    for panel, label in zip(axes, labels, strict=True):
        for column, colour, dashes, _ in curves:
            values = r2[label, column]
            if not len(values):
                continue
            panel.step(
                np.concatenate([[0.0], values, [1.05]]),
                np.concatenate([[0.0], np.arange(1, len(values) + 1) / len(values), [1.0]]),
                where="post", color=colour, linestyle=dashes, linewidth=style["line_width"],
            )  # fmt: skip
        panel.set_xlim(left, 1 + 0.04 * (1 - left))
        panel.set_ylim(0, 1.04)
        panel.set_xticks([left, (left + 1) / 2, 1])
        panel.xaxis.set_major_formatter("{x:.4g}")
        values, heldout = r2[label, "r2"], r2[label, "r2_heldout_levels"]
        ones = int(np.sum(values >= 1 - 1e-9))
        share = "all" if ones == len(values) else f"{ones} of"
        lines = [f"R² = 1 in {share} {len(values)} clips"]
        if len(heldout):
            lines.append(f"held-out: median {np.median(heldout):.3f}")
        set_panel_title(figure, panel, label, lines, single)
    look.outer_labels(axes, columns, "sample-wise R²", "share of clips")
    look.share_y_ticks(axes, columns)
    note = "R² = 1 is an identity when d >= P - 1 and the points are distinct, not a finding."
    width, height = figure.get_size_inches()
    y = (0.08 + legend_height(1, 1)) / height
    figure.text(0.1 / width, y, wrap(note, width), va="bottom", color="#333333")
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=style["line_width"], label=text)
        for _, colour, dashes, text in curves
    ]
    legend(figure, handles, 2)
    return figure
