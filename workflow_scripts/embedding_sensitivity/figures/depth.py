"""Every measure against the layer that an embedding is of."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import group_by, legend, legend_height, model_handles
from embedding_sensitivity.figures.style import PAGE_IN


def plot_depth(
    titles: Mapping[str, str], effect: str, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """A panel for each measure of `titles`, a line for each network, over the page.

    `rows` are of the table depth. Bands are 95 % intervals, where a measure has one.
    """
    lines = group_by(rows, "measure", "network")
    networks = sorted({network for _, network in lines})
    handles, n_columns = model_handles(
        networks, style["font_size"], linewidth=style["line_width"], markersize=style["point_size"]
    )
    line = style["font_size"] * 1.25 / 72
    columns = 4
    figure, axes = look.grid(
        len(titles), columns, PAGE_IN, 1.15,
        left=0.42, right=0.12, top=0.12 + 4.6 * line, bottom=0.42 + legend_height(
            len(handles), n_columns), gap_x=0.42, gap_y=0.3 + 2.2 * line,
    )  # fmt: skip
    look.heading(figure, [effect, "How deep in the network is the effect felt?"])
    looks = look.model_looks(networks)
    for panel, (measure, title) in zip(axes, titles.items(), strict=True):
        panel.set_title(title, loc="left", linespacing=1.15, y=1.0)
        for network in networks:
            _draw_line(panel, lines.get((measure, network), []), looks[network], style)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
        panel.locator_params(axis="y", nbins=4)
    look.label_outer_axes(axes, columns, "layer", "")
    legend(figure, handles, n_columns)
    return figure


def _draw_line(panel, rows: Iterable[Mapping], looks: tuple[str, str], style: Mapping) -> None:
    """One network's line in a panel, with its band; a gap where there is no number."""
    cells = sorted(rows, key=lambda row: int(row["layer"]))
    layers = [int(row["layer"]) for row in cells]
    value, low, high = (
        np.array([float(row[name] or "nan") for row in cells]) for name in ("value", "low", "high")
    )
    colour, marker = looks
    if np.isfinite(low).any():
        panel.fill_between(layers, low, high, color=colour, alpha=0.15, linewidth=0)
    panel.plot(
        layers, value, color=colour, marker=marker,
        linewidth=style["line_width"], markersize=style["point_size"],
    )  # fmt: skip
