"""ROC AUC against the level, before and after debiasing (Fig. 4)."""

from collections.abc import Iterable, Mapping

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    METHOD_LOOK,
    METHOD_TEXT,
    describe_neutral,
    headings,
    legend,
    legend_height,
    set_panel_title,
)
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

DASHES = ("-", "--", ":", "-.")


def auc_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 4: ROC AUC against level for every debiasing method, in both training directions.

    `rows` are of the table auc. Trained and tested on originals is the neutral point: drawn at
    the neutral level of an effect that has one, else as a dashed line for `none`.
    """
    single = len(labels) == 1
    cells = {
        (row["label"], row["method"], row["threshold"], row["train"], row["test"]): float(
            row["roc_auc"]
        )
        for row in rows
        if row["roc_auc"]
    }
    methods = _method_looks({key[1:3] for key in cells}, style)
    handles = [
        Line2D([], [], label=text, markersize=3, **{**line, "markevery": None})
        for text, line in methods.values()
    ]
    if effect.neutral is None:
        line = Line2D([], [], color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)))
        line.set_label("no effect, no debiasing")
    else:
        line = Line2D(
            [], [], color=look.GREY, linestyle="", marker="o", markersize=4, markerfacecolor="white"
        )
        line.set_label(f"no effect ({describe_neutral(effect)})")
    handles.append(line)

    pairs = 1 if len(labels) == 1 else 2
    legend_columns = 2 if single else 4
    line_height = matplotlib.rcParams["font.size"] * 1.25 / 72
    figure, axes = look.grid(
        2 * len(labels),
        2 * pairs,
        COLUMN_IN if single else PAGE_IN,
        1.6 if single else 1.15,
        left=0.45,
        right=0.12,
        top=0.12 + 2.5 * line_height + (1 if single else 2) * line_height,
        bottom=0.4 + legend_height(len(handles), legend_columns),
        gap_x=0.3,
        gap_y=0.3 + 2 * line_height,
    )
    what = "ROC AUC of a label against the rest, before and after debiasing"
    look.heading(figure, headings(model, labels, effect, what))
    for index, label in enumerate(labels):
        pair = axes[2 * index : 2 * index + 2]
        for panel, forwards in zip(pair, (True, False), strict=True):
            for (method, threshold), (_, line) in methods.items():
                _auc_curve(panel, cells, effect, label, method, threshold, line, forwards)
            effect.set_x(panel, ticks=5 if single else 4)
            panel.yaxis.set_major_locator(MaxNLocator(5 if single else 4))
            train, test = ("original", "effected") if forwards else ("effected", "original")
            set_panel_title(figure, panel, label, [f"train {train}, test {test}"], single)
        low = min(panel.get_ylim()[0] for panel in pair)
        high = max(panel.get_ylim()[1] for panel in pair)
        for panel in pair:
            panel.set_ylim(low, high)
        pair[1].tick_params(labelleft=False)
    look.outer_labels(axes, 2 * pairs, effect.label, "ROC AUC")
    legend(figure, handles, legend_columns)
    return figure


def _method_looks(found: set[tuple[str, str]], style: Mapping) -> dict:
    """Text and line of every (method, threshold) to draw: `none` first, below the others."""
    order = list(METHOD_TEXT)
    found = sorted(
        (key for key in found if key[0] not in style["hide"]),
        key=lambda key: (order.index(key[0]), float(key[1] or 0)),
    )
    thresholds = [threshold for method, threshold in found if threshold]
    looks = {}
    for index, (method, threshold) in enumerate(found):
        colour, marker = METHOD_LOOK[method]
        text = METHOD_TEXT[method]
        dashes = "-"
        if threshold:
            text += f", t = {threshold}"
            dashes = DASHES[thresholds.index(threshold) % len(DASHES)]
        # Curves that no method moves lie on each other: a wide one below thin ones shows all.
        width = 2.6 * style["line_width"] if method == "none" else style["line_width"]
        looks[method, threshold] = (
            text,
            {"color": colour, "marker": marker, "linestyle": dashes, "linewidth": width,
             "markeredgewidth": 0, "alpha": 0.35 if method == "none" else 1.0,
             "markevery": (index, 9)},
        )  # fmt: skip
    return looks


def _auc_curve(
    panel, cells: Mapping, effect: EffectAxis, label, method, threshold, line, forwards: bool
) -> None:
    """One method's curve in one panel, with its neutral point if the effect has one."""

    def cell(train: str, test: str) -> float | None:
        return cells.get((label, method, threshold, train, test))

    curve = {}
    for level, value in zip(effect.levels, effect.values, strict=True):
        auc = cell(ORIGINAL, level) if forwards else cell(level, ORIGINAL)
        if auc is not None:
            curve[value] = auc
    neutral = cell(ORIGINAL, ORIGINAL)
    if neutral is not None and effect.neutral is not None:
        curve[effect.neutral] = neutral
        panel.plot(
            [effect.neutral], [neutral],
            marker="o", markersize=3.6, markerfacecolor="white", linestyle="",
            color=line["color"], markeredgewidth=0.8, zorder=4, label=f"neutral {method}",
        )  # fmt: skip
    elif neutral is not None and method == "none":
        panel.axhline(
            neutral, color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)), label="no effect"
        )
    if curve:
        line = {**line, "markevery": 1 if len(curve) <= 12 else line["markevery"]}
        panel.plot(*zip(*sorted(curve.items()), strict=True), markersize=2.2, **line)
