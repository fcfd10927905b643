"""How much of new clips' displacements the first directions of others hold."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import group_by, legend, legend_height, model_handles
from embedding_sensitivity.figures.style import COLUMN_IN, EffectAxis

# The number of directions that the table of means is of.
SHOWN = 3


def plot_energy(
    models: Sequence[str],
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
    means: Iterable[Mapping],
) -> Figure:
    """Held-out energy against the number of directions, as wide as a column.

    `rows` are of the table heldout_energy, `means` of dimensionality_mean. A line is the mean over
    labels, its band reaches from the lowest label to the highest; the bar at 3 is the 95 % interval
    of the mean. A dotted line is that of random directions.
    """
    cells = group_by(rows, "model", "k")
    counts = sorted({int(k) for _, k in cells}) or [1]
    handles, columns = model_handles(models, style["font_size"], linewidth=style["line_width"])
    handles.append(Line2D([], [], color=look.GREY, linestyle=":", linewidth=1.0,
                          label="random directions"))  # fmt: skip
    figure, (panel,) = look.grid(
        1, 1, COLUMN_IN, 1.6, left=0.45, right=0.12,
        top=0.12 + 2.6 * style["font_size"] * 1.25 / 72,
        bottom=0.42 + legend_height(len(handles), columns), gap_x=0, gap_y=0,
    )  # fmt: skip
    look.heading(figure, [effect.name, "Displacements of new clips in directions of others"])
    means = {row["model"]: row for row in means}
    for index, (model, (colour, marker)) in enumerate(look.model_looks(models).items()):
        found = [(k, cells[model, str(k)]) for k in counts if (model, str(k)) in cells]
        if not found:
            continue
        values = [[float(row["energy"]) for row in of_k] for _, of_k in found]
        x, mean = [k for k, _ in found], [np.mean(of_k) for of_k in values]
        panel.fill_between(
            x, [min(v) for v in values], [max(v) for v in values],
            color=colour, alpha=0.15, linewidth=0,
        )  # fmt: skip
        panel.plot(
            x, mean,
            color=colour, marker=marker, markersize=2.8, markeredgewidth=0,
            markevery=[i for i, k in enumerate(x) if k in (1, 2, 3, 5, 10, 20, 32)],
            linewidth=style["line_width"],
        )  # fmt: skip
        chance = [np.mean([float(row["energy_random"]) for row in of_k]) for _, of_k in found]
        panel.plot(x, chance, color=colour, linestyle=":", linewidth=1.0)
        row = means.get(model, {})
        if row.get("energy_3_low"):
            at = SHOWN * (1 + 0.03 * (index - (len(models) - 1) / 2))
            ends = [float(row["energy_3_low"]), float(row["energy_3_high"])]
            panel.plot([at, at], ends, color=colour, linewidth=1.6, solid_capstyle="butt")
    panel.set_xscale("log")
    panel.set_xlim(0.93, max(counts[-1], 3) * 1.07)
    panel.xaxis.set_major_locator(FixedLocator([1, 2, 3, 5, 10, 20, 30]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_ylim(0, 1.02)
    panel.set_xlabel("directions, k")
    panel.set_ylabel("share of the energy")
    legend(figure, handles, columns)
    return figure
