"""The figures that set results side by side: a run and the paper, or two experiments.

As in `figures`, every function returns a matplotlib figure and takes rows as `tables.read_table`
gives them.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.paper import NEUTRAL, R2_MEAN, R2_STD, ROC_AUC
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import METHOD_TEXT, group_by, legend, legend_height
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

# Fig. 4 has two sets of methods; each method and threshold has its colour and symbol in both.
FIG4_METHODS = (
    (("none", ""), ("average_displacement", ""), ("samplewise_cca_svd", "0.4"),
     ("pca_absolute", "")),
    (("none", ""), ("samplewise_cca_svd", "0.3"), ("samplewise_cca_svd", "0.4"),
     ("samplewise_cca_svd", "0.5")),
)  # fmt: skip
FIG4_LOOK = {
    ("none", ""): (look.BLACK, "o"),
    ("average_displacement", ""): (look.VERMILION, "X"),
    ("pca_absolute", ""): (look.GREEN, "s"),
    ("samplewise_cca_svd", "0.3"): (look.ORANGE, "v"),
    ("samplewise_cca_svd", "0.4"): (look.BLUE, "^"),
    ("samplewise_cca_svd", "0.5"): (look.PURPLE, "D"),
}


def _number(cell: str) -> float:
    return float(cell) if cell else np.nan


def _line_height() -> float:
    return matplotlib.rcParams["font.size"] * 1.25 / 72


def plot_paper_table1(style: Mapping, rows: Iterable[Mapping]) -> Figure:
    """Table I, published and of this run: mean and standard deviation over labels of the global R².

    Right of it, the difference of the means in units of the paper's standard deviation. `rows` are
    of the table paper_comparison.
    """
    cells = {(row["quantity"], row["effect"], row["model"]): row for row in rows}
    means = sorted((effect, model) for quantity, effect, model in cells if quantity == R2_MEAN)
    step = style["font_size"] * 1.75 / 72
    effects = group_by(({"effect": effect, "model": model} for effect, model in means), "effect")
    n_lines = len(means) + len(effects)
    handles = [
        Line2D([], [], color=look.BLACK, marker="s", markersize=3.6, markerfacecolor="white",
               linewidth=0.9, label="paper"),
        Line2D([], [], color=look.VERMILION, marker="o", markersize=3.6, linewidth=0.9,
               label="this run"),
        Patch(color="#DDDDDD", label="± the paper's deviation"),
    ]  # fmt: skip
    left, right, gap = 0.72, 0.12, 0.2
    top = 0.12 + 2.5 * _line_height()
    bottom = 0.55 + legend_height(len(handles), 3)
    height = top + n_lines * step + bottom
    figure = Figure(figsize=(COLUMN_IN, height))
    width = (COLUMN_IN - left - right - gap) / 2
    size = (width / COLUMN_IN, n_lines * step / height)
    values = figure.add_axes((left / COLUMN_IN, bottom / height, *size))
    differences = figure.add_axes(((left + width + gap) / COLUMN_IN, bottom / height, *size))
    look.heading(figure, ["Table I", "Global R², mean ± standard deviation over labels"])

    line, ticks, furthest = 0.0, {}, 2.0
    for effect, models in effects.items():
        figure.text(0.06 / COLUMN_IN, 1 - (top + (line + 0.5) * step) / height, effect, va="center")
        line += 1
        for model in (row["model"] for row in models):
            mean, std = (cells[quantity, effect, model] for quantity in (R2_MEAN, R2_STD))
            unit = _number(mean["paper_std"])
            difference = _number(mean["difference_in_std"])
            for panel, shift, number, deviation, colour, marker, face in (
                (values, -0.16, mean["paper"], std["paper"], look.BLACK, "s", "white"),
                (values, 0.16, mean["ours"], std["ours"], look.VERMILION, "o", look.VERMILION),
                (differences, 0, difference, _number(std["ours"]) / unit, look.VERMILION, "o",
                 look.VERMILION),
            ):  # fmt: skip
                if number == "" or number != number:
                    continue
                panel.errorbar(
                    float(number), line + 0.5 + shift, xerr=np.nan_to_num(_number(deviation)),
                    color=colour, marker=marker, markersize=3.2, markerfacecolor=face,
                    markeredgewidth=0.8, linewidth=0.9,
                )  # fmt: skip
            reach = abs(difference) + np.nan_to_num(_number(std["ours"]) / unit)
            furthest = max(furthest, np.nan_to_num(reach))
            ticks[line + 0.5] = model
            line += 1
    differences.axvspan(-1, 1, color="#DDDDDD", linewidth=0, zorder=0)
    differences.axvline(0, color=look.GREY, linewidth=0.6, zorder=0.5)
    differences.set_xlim(-1.05 * furthest, 1.05 * furthest)
    for panel in (values, differences):
        panel.set_ylim(n_lines, 0)
        panel.set_yticks(list(ticks), ticks.values())
        panel.tick_params(axis="y", length=0)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.grid(axis="y", color="#EEEEEE", linewidth=0.5)
        panel.set_axisbelow(True)
    differences.set_yticks(list(ticks), [""] * len(ticks))
    values.set_xlabel("R²")
    differences.set_xlabel("(this run - paper)\n/ paper's deviation")
    legend(figure, handles, 3)
    return figure


def plot_paper_auc(
    label: str,
    model: str,
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
    ours: Iterable[Mapping],
) -> Figure:
    """A row of Fig. 4: published ROC AUCs as symbols, and this run's as lines.

    Both sets of methods in the two training directions. `rows` are of the table paper_comparison
    and `ours` of auc, of one model, effect and label. What was trained and tested without the
    effect is drawn where the paper draws it (`paper.NEUTRAL`).
    """
    paper = _auc_cells(rows, "paper")
    own = _auc_cells(ours, "roc_auc")
    handles = []
    for key in dict.fromkeys(key for keys in FIG4_METHODS for key in keys):
        colour, marker = FIG4_LOOK[key]
        text = METHOD_TEXT[key[0]] + (f", t = {key[1]}" if key[1] else "")
        handles.append(
            Line2D([], [], color=colour, marker=marker, markersize=3, linewidth=0.9, label=text)
        )
    handles += [
        Line2D([], [], color=look.GREY, linewidth=style["line_width"], label="line: this run"),
        Line2D([], [], color=look.GREY, linestyle="", marker="o", markersize=3,
               label="symbols: paper"),
    ]  # fmt: skip
    figure, axes = look.grid(
        4, 2, COLUMN_IN, 1.35,
        left=0.48, right=0.12, top=0.12 + 3.7 * _line_height(),
        bottom=0.42 + legend_height(len(handles), 2), gap_x=0.16, gap_y=0.22,
    )  # fmt: skip
    look.heading(figure, [label, f"{look.model_title(model)}, {effect.name}: this run and Fig. 4"])
    for index, panel in enumerate(axes):
        forwards = index % 2 == 0
        for key in FIG4_METHODS[index // 2]:
            colour, marker = FIG4_LOOK[key]
            for cells, look_of in (
                (own, {"linewidth": style["line_width"]}),
                (paper, {"linestyle": "", "marker": marker, "markersize": style["point_size"],
                         "markeredgewidth": 0, "alpha": 0.75}),
            ):  # fmt: skip
                curve = cells.get((label, *key, forwards), {})
                points = sorted((_place(level, effect.name), auc) for level, auc in curve.items())
                if points:
                    panel.plot(*zip(*points, strict=True), color=colour, **look_of)
        _set_x(panel, effect)
        panel.yaxis.set_major_locator(MaxNLocator(4))
        if index < 2:
            train, test = ("original", "effected") if forwards else ("effected", "original")
            panel.set_title(f"train {train}, test {test}", loc="left", y=1.0)
    for pair in (axes[:2], axes[2:]):
        low = min(panel.get_ylim()[0] for panel in pair)
        high = max(panel.get_ylim()[1] for panel in pair)
        for panel in pair:
            panel.set_ylim(low, high)
        pair[1].tick_params(labelleft=False)
    for panel in axes[:2]:
        panel.tick_params(labelbottom=False)
    look.label_outer_axes(axes, 2, effect.label, "ROC AUC")
    legend(figure, handles, 2)
    return figure


def _auc_cells(rows: Iterable[Mapping], column: str) -> dict[tuple, dict[str, float]]:
    """Curves by label, method, threshold and direction: level, or `original`, to ROC AUC."""
    cells = {}
    for row in rows:
        if not row[column] or row.get("quantity", ROC_AUC) != ROC_AUC:
            continue
        curve = (row["label"], row["method"], row["threshold"])
        if row["train"] == ORIGINAL:
            cells.setdefault((*curve, True), {})[row["test"]] = float(row[column])
        if row["test"] == ORIGINAL:
            cells.setdefault((*curve, False), {})[row["train"]] = float(row[column])
    return cells


def _place(level: str, effect: str) -> float:
    return NEUTRAL[effect] if level == ORIGINAL else float(level)


def _set_x(panel, effect: EffectAxis) -> None:
    """The effect's axis, wide enough for where the paper draws "no effect"."""
    effect.set_x(panel, ticks=5)
    low, high = panel.get_xlim()
    place = NEUTRAL[effect.name]
    if effect.log_axis:
        panel.set_xlim(min(low, place / 1.08), max(high, place * 1.08))
    else:
        margin = 0.03 * (high - low)
        panel.set_xlim(min(low, place - margin), max(high, place + margin))


def plot_comparison_r2(names: Sequence[str], what: str, rows: Iterable[Mapping]) -> Figure:
    """How far the global R² moves from a to b: a panel an effect, training clips above, test below.

    `names` are the experiments a and b, `what` says how they differ, `rows` are of the table
    comparison_global_r2. A point is a label: across, its R² in a. Saturated fits are left out:
    they are 1 by identity.
    """
    rows = list(rows)
    by_effect = group_by(rows, "effect")
    effects, models = sorted(by_effect), sorted({row["model"] for row in rows})
    looks = look.model_looks(models)
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=4,
               label=look.model_title(model))
        for model, (colour, marker) in looks.items()
    ]  # fmt: skip
    columns = len(effects)
    figure, axes = _comparison_grid(
        "Move of the global R², a point a label", names, what, 2 * columns, columns, handles, 1
    )
    for index, panel in enumerate(axes):
        effect = effects[index % columns]
        column, clips = (("r2", "training"), ("r2_test", "test"))[index // columns]
        drawn = False
        for row in by_effect[effect]:
            if column == "r2" and "1" in (row["saturated_a"], row["saturated_b"]):
                continue
            if row[f"{column}_difference"]:
                colour, marker = looks[row["model"]]
                panel.plot(
                    float(row[f"{column}_a"]), float(row[f"{column}_difference"]),
                    marker=marker, color=colour, markersize=3.4, alpha=0.8, markeredgewidth=0,
                    linestyle="",
                )  # fmt: skip
                drawn = True
        if drawn:
            panel.axhline(0, color=look.GREY, linewidth=0.7, zorder=0)
            panel.margins(0.08, 0.12)
            panel.xaxis.set_major_locator(MaxNLocator(4))
            panel.yaxis.set_major_locator(MaxNLocator(4))
        else:
            panel.set(xticks=[], yticks=[])
            text = "saturated in every label:\nR² = 1 by identity" if column == "r2" else "none"
            panel.text(0.5, 0.5, text, ha="center", va="center", transform=panel.transAxes)
        panel.set_title(f"{effect}, {clips} clips", loc="left", y=1.0)
    look.label_outer_axes(axes, columns, "R² in a", "R², b - a")
    return figure


def plot_comparison_auc(names: Sequence[str], what: str, rows: Iterable[Mapping]) -> Figure:
    """How far ROC AUC without debiasing moves from a to b, against level.

    A panel a model and effect: the mean over labels, and from the lowest to the highest label a
    band, in both training directions. `names` and `what` are as of the R² figure, `rows` of the
    table comparison_auc.
    """
    cells = group_by(
        (row for row in rows if row["method"] == "none" and row["roc_auc_difference"]),
        "model",
        "effect",
    )
    models, effects = (sorted({key[axis] for key in cells}) for axis in (0, 1))
    curves = (
        (True, look.BLUE, "-", "train original, test at the level"),
        (False, look.VERMILION, "--", "train at the level, test original"),
    )
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.1, label=text)
        for _, colour, dashes, text in curves
    ]
    handles += [
        Patch(color="#DDDDDD", label="lowest to highest label"),
        Line2D([], [], color=look.BLACK, linestyle=":", linewidth=0.9, label="no effect"),
    ]
    title = "ROC AUC without debiasing: mean move"
    columns = len(effects)
    figure, axes = _comparison_grid(title, names, what, len(models) * columns, columns, handles, 2)
    for index, panel in enumerate(axes):
        model, effect = models[index // columns], effects[index % columns]
        moves = group_by(cells.get((model, effect), ()), "train", "test")
        levels = sorted({end for key in moves for end in key} - {ORIGINAL}, key=float)
        for forwards, colour, dashes, _ in curves:
            line = []
            for level in levels:
                cell = (ORIGINAL, level) if forwards else (level, ORIGINAL)
                if labels := [float(row["roc_auc_difference"]) for row in moves.get(cell, ())]:
                    line.append((float(level), np.mean(labels), min(labels), max(labels)))
            if line:
                x, mean, low, high = np.array(line).T
                panel.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
                panel.plot(x, mean, color=colour, linestyle=dashes, linewidth=1.1)
        if unmoved := moves.get((ORIGINAL, ORIGINAL)):
            mean = np.mean([float(row["roc_auc_difference"]) for row in unmoved])
            panel.axhline(mean, color=look.BLACK, linestyle=":", linewidth=0.9)
        panel.axhline(0, color="#BBBBBB", linewidth=0.5, zorder=0)
        axis = _axis(effect, levels)
        if levels:
            axis.set_x(panel, ticks=4)
        panel.yaxis.set_major_locator(MaxNLocator(4))
        size = matplotlib.rcParams["font.size"]
        room = panel.get_position().width * figure.get_size_inches()[0] + 0.3
        name = look.shorten(look.model_title(model), room, size)
        panel.set_title(f"{name}\n{effect}", loc="left", linespacing=1.15, y=1.0)
        if index % columns == 0:
            panel.set_ylabel("ROC AUC, b - a")
        if index + columns >= len(axes):
            panel.set_xlabel(axis.label)
    return figure


def _comparison_grid(
    title: str,
    names: Sequence[str],
    what: str,
    n: int,
    columns: int,
    handles: Sequence,
    title_lines: int,
) -> tuple[Figure, list]:
    """Figure and panels of two experiments' comparison, with its heading and legend.

    One column of panels is as wide as a column of the paper, several as a page; `what` is wrapped.
    """
    width = PAGE_IN if columns > 1 else COLUMN_IN
    legend_columns = 4 if columns > 1 else 1
    characters = int((width - 0.12) * 72 / (0.62 * (matplotlib.rcParams["font.size"] + 0.5)))
    lines = [title, f"a: {names[0]}, b: {names[1]}", *textwrap.wrap(what, characters)]
    figure, axes = look.grid(
        n, columns, width, 1.2,
        left=0.6, right=0.12, top=0.12 + (len(lines) + 1.2 + title_lines) * _line_height(),
        bottom=0.42 + legend_height(len(handles), legend_columns), gap_x=0.47,
        gap_y=0.3 + title_lines * _line_height(),
    )  # fmt: skip
    look.heading(figure, lines)
    legend(figure, handles, legend_columns)
    return figure, axes


def _axis(effect: str, levels: Sequence[str]) -> EffectAxis:
    """The axis of an effect: a plain one of a user's own, of which tables have the name alone."""
    if effect not in EFFECTS:
        return EffectAxis(effect, "level", "", False, None, tuple(levels))
    entry = EFFECTS[effect]
    log = entry.scale == "log"
    return EffectAxis(effect, entry.parameter, entry.unit, log, None, tuple(levels))
