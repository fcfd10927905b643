"""ROC AUC against the level, before and after debiasing (Fig. 4)."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
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
    order_variants,
    set_panel_title,
    wrap,
)
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

DASHES = ("-", "--", ":", "-.")
# Methods whose AUCs differ by less than this in every cell shown are drawn as one curve.
SAME = 1e-3
BAND = "#E4E4E4"
CHANCE = 0.5
AT_CHANCE = {"color": look.GREY, "linewidth": 0.7, "linestyle": ":"}

Variant = tuple[str, str]


def plot_auc(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 4: ROC AUC against level for every debiasing method, in both training directions.

    `rows` are of the table auc. All panels have one scale. Methods that are alike in every cell are
    one curve and one entry of the legend. The band is the 95 % interval without debiasing. Trained
    and tested on originals is the neutral point: drawn at the neutral level of an effect that has
    one, else as a dashed line for `none`.
    """
    single = len(labels) == 1
    rows = [row for row in rows if row["roc_auc"] and row["label"] in labels]
    cells = {
        (row["label"], row["method"], row["threshold"], row["train"], row["test"]): row
        for row in rows
    }
    lowest = min((float(row["low"] or row["roc_auc"]) for row in rows), default=CHANCE)
    alike = find_alike(order_variants(rows, style), cells)
    width, legend_columns = (COLUMN_IN, 1) if single else (PAGE_IN, 2)
    room = width / legend_columns - 0.6
    looks = _method_looks(alike, style["line_width"])
    handles = [
        Line2D([], [], label=wrap(describe_alike(same), room), markersize=3,
               **{**line, "markevery": None})
        for same, line in zip(alike, looks, strict=True)
    ]  # fmt: skip
    handles += _other_handles(effect, cells, lowest)
    n_lines = [handle.get_label().count("\n") + 1 for handle in handles]
    half = -(-len(handles) // legend_columns)
    columns = 2 if single else 4
    line_height = matplotlib.rcParams["font.size"] * 1.25 / 72
    figure, axes = look.grid(
        2 * len(labels),
        columns,
        width,
        1.6 if single else 1.15,
        left=0.45,
        right=0.12,
        top=0.12 + 2.5 * line_height + (1 if single else 2) * line_height,
        bottom=0.4 + legend_height(max(sum(n_lines[:half]), sum(n_lines[half:])), 1),
        gap_x=0.2,
        gap_y=0.3 + 2 * line_height,
    )
    what = "ROC AUC of a label against the rest, before and after debiasing"
    look.heading(figure, headings(model, labels, effect, what))
    for index, label in enumerate(labels):
        pair = axes[2 * index : 2 * index + 2]
        for panel, forwards in zip(pair, (True, False), strict=True):
            for same, line in zip(alike, looks, strict=True):
                _draw_curve(panel, cells, effect, label, same[0], line, forwards)
            effect.set_x(panel, ticks=5 if single else 4)
            train, test = ("original", "effected") if forwards else ("effected", "original")
            set_panel_title(figure, panel, label, [f"train {train}, test {test}"], single)
    for panel in axes:
        panel.set_ylim(lowest - 0.02, 1.01)
        panel.yaxis.set_major_locator(MaxNLocator(5 if single else 4))
        panel.axhline(CHANCE, zorder=0, **AT_CHANCE)
    look.label_outer_axes(axes, columns, effect.label, "ROC AUC")
    look.share_y_ticks(axes, columns)
    legend(figure, handles, legend_columns)
    return figure


def find_alike(variants: Sequence[Variant], cells: Mapping) -> list[list[Variant]]:
    """Methods in groups whose AUCs are the same in every cell, up to `SAME`, in their order.

    cells : rows of table auc by label, method, threshold, training and test set
    """
    curves: dict[Variant, dict] = {variant: {} for variant in variants}
    for (label, *variant, train, test), row in cells.items():
        if tuple(variant) in curves:
            curves[tuple(variant)][label, train, test] = float(row["roc_auc"])
    groups: list[list[Variant]] = []
    for variant, curve in curves.items():
        for group in groups:
            first = curves[group[0]]
            if first.keys() == curve.keys() and all(
                abs(curve[cell] - first[cell]) < SAME for cell in curve
            ):
                group.append(variant)
                break
        else:
            groups.append([variant])
    return groups


def describe_alike(same: Sequence[Variant]) -> str:
    """The methods of one curve, as the legend names them."""
    thresholds: dict[str, list[str]] = {}
    for method, threshold in same:
        thresholds.setdefault(method, []).append(threshold)
    return " = ".join(
        METHOD_TEXT[method] + (f", t = {', '.join(found)}" if found[0] else "")
        for method, found in thresholds.items()
    )


def _other_handles(effect: EffectAxis, cells: Mapping, lowest: float) -> list:
    """The legend's entries of what is no method's curve."""
    if effect.neutral is None:
        drawn = {"linewidth": 0.8, "linestyle": (0, (4, 2))}
        text = "no effect, no debiasing"
    else:
        drawn = {"linestyle": "", "marker": "o", "markersize": 4, "markerfacecolor": "white"}
        text = f"no effect ({describe_neutral(effect)})"
    if any(row["low"] for row in cells.values()):
        band = Patch(color=BAND, label="95 % interval of no debiasing, over recordings")
    else:
        band = Line2D([], [], linestyle="", label="too few test recordings for 95 % intervals")
    neutral = Line2D([], [], color=look.GREY, label=text, **drawn)
    chance = [Line2D([], [], **AT_CHANCE, label="chance")] if lowest - 0.02 < CHANCE else []
    return [neutral, *chance, band]


def _method_looks(alike: Sequence[Sequence[Variant]], line_width: float) -> list[dict]:
    """The line of each group of methods, that of its first: `none` first, below the others."""
    thresholds = [threshold for same in alike for _, threshold in same if threshold]
    looks = []
    for index, ((method, threshold), *_) in enumerate(alike):
        colour, marker = METHOD_LOOK[method]
        dashes = DASHES[thresholds.index(threshold) % len(DASHES)] if threshold else "-"
        plain = method == "none"
        looks.append({
            "color": colour, "marker": marker, "linestyle": dashes,
            "linewidth": (2.6 if plain else 1) * line_width, "markeredgewidth": 0,
            "alpha": 0.35 if plain else 1.0, "markevery": (index, 9),
        })  # fmt: skip
    return looks


def _draw_curve(
    panel, cells: Mapping, effect: EffectAxis, label, variant: Variant, line, forwards: bool
) -> None:
    """One method's curve in one panel, with its neutral point if the effect has one."""

    def cell(train: str, test: str) -> Mapping | None:
        return cells.get((label, *variant, train, test))

    curve = {}
    for level, value in zip(effect.levels, effect.values, strict=True):
        if row := cell(ORIGINAL, level) if forwards else cell(level, ORIGINAL):
            curve[value] = row
    neutral = cell(ORIGINAL, ORIGINAL)
    if neutral and effect.neutral is not None:
        curve[effect.neutral] = neutral
        panel.plot(
            [effect.neutral], [float(neutral["roc_auc"])],
            marker="o", markersize=3.6, markerfacecolor="white", linestyle="",
            color=line["color"], markeredgewidth=0.8, zorder=4,
        )  # fmt: skip
    elif neutral and variant[0] == "none":
        panel.axhline(
            float(neutral["roc_auc"]),
            color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)), label="no effect",
        )  # fmt: skip
    levels = sorted(curve)
    if variant[0] == "none" and all(curve[level]["low"] for level in levels):
        ends = ([float(curve[level][end]) for level in levels] for end in ("low", "high"))
        panel.fill_between(levels, *ends, color=BAND, linewidth=0, zorder=0)
    line = {**line, "markevery": 1 if len(curve) <= 12 else line["markevery"]}
    panel.plot(levels, [float(curve[level]["roc_auc"]) for level in levels], markersize=2.2, **line)
