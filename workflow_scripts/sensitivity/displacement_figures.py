"""The figure of how far each level of an effect moves embeddings, every model in one."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sensitivity import figure_style as look
from sensitivity.figure_style import COLUMN_IN, EffectAxis
from sensitivity.figures import legend, legend_height, neutral_text

# Columns of the table that compare models, and their axis labels.
PANELS = (
    ("cosine", "cosine\ndisplacement"),
    ("relative", "displacement /\nlabel distance"),
    ("cka", "CKA with\noriginals"),
)


def displacement_figure(
    models: Sequence[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Three measures that compare models against the level, as wide as a column.

    `rows` are of the table displacement. A line is the mean over labels, its band reaches from
    the lowest label to the highest.
    """
    found: dict[tuple, list[float]] = {}
    for row in rows:
        for column, _ in PANELS:
            if row[column]:
                key = (row["model"], row["level"], column)
                found.setdefault(key, []).append(float(row[column]))
    looks = look.model_looks(models)
    size = style["font_size"]
    columns = 2 if max(len(look.model_title(model)) for model in models) < 22 else 1
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=3, linewidth=style["line_width"],
               label=look.shorten(look.model_title(model), 1.3 if columns == 2 else 2.8, size))
        for model, (colour, marker) in looks.items()
    ]  # fmt: skip
    if effect.neutral_rank is not None:
        text = f"no effect ({neutral_text(effect)})"
        handles.append(Line2D([], [], color=look.GREY, linewidth=0.7, linestyle=":", label=text))
    figure, axes = look.grid(
        len(PANELS),
        1,
        COLUMN_IN,
        0.95,
        left=0.72,
        right=0.12,
        top=0.12 + 2.6 * size * 1.25 / 72,
        bottom=0.42 + legend_height(len(handles), columns),
        gap_x=0,
        gap_y=0.12,
    )
    look.heading(figure, [effect.name, "How far each level moves embeddings"])
    for panel, (column, title) in zip(axes, PANELS, strict=True):
        for model, (colour, marker) in looks.items():
            points = [
                (value, *_mean_and_range(found[model, level, column]))
                for level, value in zip(effect.levels, effect.values, strict=True)
                if (model, level, column) in found
            ]
            if not points:
                continue
            x, mean, low, high = np.array(points).T
            panel.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            panel.plot(
                x, mean,
                color=colour, marker=marker, markersize=2.6, markeredgewidth=0,
                markevery=max(1, len(x) // 8), linewidth=style["line_width"],
            )  # fmt: skip
        effect.set_x(panel)
        if effect.neutral_rank is not None:
            panel.axvline(effect.neutral, color=look.GREY, linewidth=0.7, linestyle=":", zorder=0)
        if column == "cka":
            panel.set_ylim(top=1 + 0.05 * (1 - panel.get_ylim()[0]))
        else:
            panel.set_ylim(bottom=0)
        panel.locator_params(axis="y", nbins=4)
        panel.set_ylabel(title)
        panel.yaxis.set_label_coords(-0.145, 0.5)
        panel.tick_params(labelbottom=panel is axes[-1])
    axes[-1].set_xlabel(effect.label)
    legend(figure, handles, columns)
    return figure


def _mean_and_range(values: Sequence[float]) -> tuple[float, float, float]:
    return float(np.mean(values)), min(values), max(values)
