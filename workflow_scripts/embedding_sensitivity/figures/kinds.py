"""The figures of a run, from its tables: one function a kind, each returns a matplotlib figure.

Every function takes the rows of one model and effect (as `tables.read_table` gives them), the
labels to draw, the effect's axis and a style. One label makes a figure as wide as a column, in
the paper's layout; several make a panel each on the width of a page.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.styles import style_of
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

# Above this many points, a panel's points go into the PDF as pixels: it stays small and quick.
MOST_VECTOR_POINTS = 1500

METHOD_TEXT = {
    "none": "no debiasing",
    "global_cca": "global CCA",
    "samplewise_cca_svd": "sample-wise CCA SVD",
    "pca_absolute": "PCA, absolute",
    "pca_relative": "PCA, relative",
    "average_displacement": "average displacement",
    "lda": "LDA",
}
METHOD_LOOK = {
    "none": (look.BLACK, ""),
    "global_cca": (look.ORANGE, "o"),
    "samplewise_cca_svd": (look.BLUE, "^"),
    "pca_absolute": (look.GREEN, "s"),
    "pca_relative": (look.SKY_BLUE, "P"),
    "average_displacement": (look.VERMILION, "X"),
    "lda": (look.PURPLE, "D"),
}
DASHES = ("-", "--", ":", "-.")


def draw_all(
    kind: str,
    params,
    outputs: Iterable[str],
    draw: Callable[[str, list[str], EffectAxis, dict], Figure],
) -> int:
    """Draw and save every figure of a kind; returns how many there are.

    `params` has models, labels, single_labels, effects and style; `draw(model, labels, effect,
    style)` makes a figure, which goes to the outputs named ``<kind>_<model>_<effect>`` (all
    labels) and ``<kind>_<model>_<effect>_<label>`` (one of the single labels).
    """
    style = style_of(kind, params.style)
    with _saving(style, outputs) as save:
        for effect in map(EffectAxis.of, params.effects):
            for model in params.models:
                stem = f"{kind}_{model}_{effect.name}"
                save(draw(model, list(params.labels), effect, style), stem)
                for label in params.single_labels:
                    save(draw(model, [label], effect, style), f"{stem}_{label}")
    return len(params.effects) * len(params.models) * (1 + len(params.single_labels))


def draw_effects(
    kind: str, params, outputs: Iterable[str], draw: Callable[[EffectAxis, dict], Figure]
) -> int:
    """As `draw_all`, of a kind that has one figure of an effect, named ``<kind>_<effect>``."""
    style = style_of(kind, params.style)
    with _saving(style, outputs) as save:
        for effect in map(EffectAxis.of, params.effects):
            save(draw(effect, style), f"{kind}_{effect.name}")
    return len(params.effects)


@contextmanager
def _saving(style: Mapping, outputs: Iterable[str]) -> Iterator[Callable[[Figure, str], None]]:
    """Yield a function that saves a figure to the outputs of a stem, each of which must get one."""
    paths = defaultdict(list)
    for path in outputs:
        paths[Path(path).stem].append(path)
    with matplotlib.rc_context(look.rc_of(style)):
        yield lambda figure, stem: look.save_figure(figure, paths.pop(stem))
    if paths:
        raise ValueError(f"outputs that no figure belongs to: {sorted(paths)}")


def read_groups(paths: Iterable[str], table: str, *columns: str) -> dict:
    """Rows of a table's files, as `grouped` by `columns`; a group that has no row is empty."""
    rows = (row for path in paths for row in read_table(path, table))
    return defaultdict(list, grouped(rows, *columns))


def grouped(rows: Iterable[Mapping], *columns: str) -> dict:
    """Rows by the value of a column, or by the tuple of the values of several."""
    groups = defaultdict(list)
    for row in rows:
        key = tuple(row[column] for column in columns)
        groups[key if len(columns) > 1 else key[0]].append(row)
    return groups


def _columns(n: int) -> int:
    return n if n < 3 else 3 if n <= 6 else 4


def _titles(model: str, labels: Sequence[str], effect: EffectAxis, what: str) -> list[str]:
    """The heading's lines: a single-label figure names its label, one with panels what it shows."""
    subject = f"{look.model_title(model)}, {effect.name}"
    return [labels[0], subject] if len(labels) == 1 else [subject, what]


def _panels(
    labels: Sequence[str],
    headings: Sequence[str],
    panel_height: float,
    bottom: float,
    title_lines: int = 1,
    gap_x: float = 0.3,
    left: float = 0.5,
) -> tuple[Figure, list, int]:
    """Figure, panels and number of columns: one column-wide panel, or a grid over the page.

    `bottom` is the room below the lowest axis, for its labels and a legend; panels get their
    label as a title, single ones have it in the heading.
    """
    single = len(labels) == 1
    line = matplotlib.rcParams["font.size"] * 1.25 / 72
    columns = _columns(len(labels))
    title = (title_lines - single) * line
    figure, axes = look.grid(
        len(labels),
        columns,
        COLUMN_IN if single else PAGE_IN,
        panel_height,
        left=left,
        right=0.12,
        top=0.12 + 2.5 * line + title,
        bottom=bottom,
        gap_x=gap_x,
        gap_y=0.3 + title,
    )
    look.heading(figure, headings)
    return figure, axes, columns


def _panel_title(figure: Figure, axes, label: str, lines: Sequence[str], single: bool) -> None:
    """A panel's title: its label (the heading has it in a single-label figure), then `lines`."""
    size = matplotlib.rcParams["font.size"]
    width = axes.get_position().width * figure.get_size_inches()[0]
    text = [] if single else [look.shorten(label, width, size)]
    if text or lines:
        # A given height spares matplotlib measuring every tick label for a title above them.
        axes.set_title("\n".join([*text, *lines]), loc="left", linespacing=1.15, y=1.0)


def legend(figure: Figure, handles: Sequence, columns: int) -> None:
    """A legend at the bottom of the figure."""
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=columns,
        bbox_to_anchor=(0.5, 0.02 / figure.get_size_inches()[1]),
        borderaxespad=0,
        borderpad=0.1,
    )


def legend_height(handles: int, columns: int) -> float:
    """Inches that a legend takes."""
    return 0.05 + -(-handles // columns) * matplotlib.rcParams["legend.fontsize"] * 1.32 / 72


def trajectories_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 1: the two-dimensional trajectories, coloured by the level's rank; x = original.

    `rows` are of the table trajectories.
    """
    single = len(labels) == 1
    clips = grouped(rows, "label", "clip")
    figure, axes, columns = _panels(
        labels,
        _titles(model, labels, effect, "Trajectories of the embeddings of single clips (UMAP)"),
        panel_height=2.6 if single else 1.5,
        bottom=0.85,
        gap_x=0.25,
        left=0.3,
    )
    colours = look.truncated(style["colour_map"])
    rank = {level: index for index, level in enumerate(effect.levels)}
    norm = Normalize(0, max(1, len(rank) - 1))
    for panel, label in zip(axes, labels, strict=True):
        lines, points, originals = [], [], []
        for (of, _), clip in clips.items():
            if of != label:
                continue
            line = [(rank[r["level"]], float(r["x"]), float(r["y"])) for r in clip
                    if r["level"] in rank]  # fmt: skip
            line.sort()
            points += line
            lines.append([point[1:] for point in line])
            originals += [(float(r["x"]), float(r["y"])) for r in clip if r["level"] == ORIGINAL]
        panel.add_collection(LineCollection(lines, colors="#BBBBBB", linewidths=0.5, zorder=1))
        ranks, x, y = np.array(points).reshape(-1, 3).T
        size = style["point_size"] * (2 if single else 1)
        panel.scatter(x, y, s=size, c=colours(norm(ranks)), linewidths=0, zorder=2)
        panel.scatter(
            *np.array(originals).reshape(-1, 2).T,
            s=2.5 * size, c=look.BLACK, marker="x", linewidths=0.7, zorder=3,
        )  # fmt: skip
        panel.margins(0.06)
        panel.set(xticks=[], yticks=[])
        _panel_title(figure, panel, label, [], single)
    look.outer_labels(axes, columns, "UMAP 1", "UMAP 2")
    _level_bar(figure, effect, ScalarMappable(norm, colours), "x: original audio")
    return figure


def _level_bar(figure: Figure, effect: EffectAxis, colours: ScalarMappable, note: str) -> None:
    """A colour bar of the levels at the bottom of the figure, and a note beside it."""
    width, height = figure.get_size_inches()
    length = min(3.2, width - 1.6)
    bar = figure.add_axes((0.3 / width, 0.45 / height, length / width, 0.09 / height))
    figure.colorbar(colours, cax=bar, orientation="horizontal")
    ticks = effect.rank_ticks(6)
    bar.set_xticks(ticks, [look.format_level(effect.values[tick]) for tick in ticks])
    bar.set_xlabel(effect.label)
    if effect.neutral_rank is not None:
        bar.axvline(effect.neutral_rank, color=look.BLACK, linewidth=1.0)
        note += f"\n| no effect ({neutral_text(effect)})"
    figure.text((0.3 + length + 0.15) / width, 0.5 / height, note, va="center", linespacing=1.4)


def neutral_text(effect: EffectAxis) -> str:
    return f"{look.format_level(effect.neutral)} {effect.unit}".rstrip()


def correlation_figure(
    model: str,
    labels: list[str],
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
    r2: Iterable[Mapping],
) -> Figure:
    """Fig. 2: the level, by rank, against <u, x> on the global CCA direction u.

    `rows` are of the table projections, `r2` of global_r2. Training clips lie a little below
    their level's rank and test clips above, so that both are seen. The median of the test clips is
    drawn as a line. Each panel gives R², its interval over recordings and its null; where the
    training fit is saturated it says so.
    """
    single = len(labels) == 1
    points = grouped(rows, "label", "split")
    r2_of = {row["label"]: row for row in r2}
    lines = {label: _r2_lines(r2_of[label], single) for label in labels}
    figure, axes, columns = _panels(
        labels,
        _titles(
            model,
            labels,
            effect,
            "Level against the projection on the global direction, and R²",
        ),
        panel_height=2.1 if single else 1.35,
        bottom=0.36 + legend_height(2 if single else 1, 1),
        title_lines=1 + max(map(len, lines.values())),
        left=0.52,
        gap_x=0.42,
    )
    rank = {level: index for index, level in enumerate(effect.levels)}
    # Rows of points must not run into each other where there are many levels.
    size = style["point_size"] * (1.25 if single else 1) * min(1, (12 / len(rank)) ** 0.5)
    for panel, label in zip(axes, labels, strict=True):
        saturated = _true(r2_of[label]["saturated"])
        for split, colour, shift in (
            ("train", "#BFD9EA" if saturated else look.SKY_BLUE, -0.18),
            ("test", look.VERMILION, 0.18),
        ):
            found = [(float(r["projection"]), rank[r["level"]])
                     for r in points.get((label, split), ()) if r["level"] in rank]  # fmt: skip
            if not found:
                continue
            x, y = np.array(found).T
            panel.plot(
                x, y + shift,
                linestyle="", marker="o", color=colour, markeredgewidth=0, markersize=size,
                rasterized=len(x) > MOST_VECTOR_POINTS, zorder=1 + (split == "test"),
            )  # fmt: skip
            if split == "test":
                medians = [np.median(x[y == level]) for level in range(len(rank))]
                panel.plot(
                    medians, np.arange(len(rank)) + shift,
                    color=look.BLACK, linewidth=0.8, zorder=3,
                )  # fmt: skip
        if effect.neutral_rank is not None:
            panel.axhline(effect.neutral_rank, color=look.GREY, linewidth=0.7, linestyle=":")
        ticks = effect.rank_ticks(7 if single else 6)
        panel.set_yticks(ticks, [look.format_level(effect.values[tick]) for tick in ticks])
        panel.set_ylim(-0.6, len(rank) - 0.4)
        panel.xaxis.set_major_locator(MaxNLocator(4 if not single else 6))
        _panel_title(figure, panel, label, lines[label], single)
    look.outer_labels(axes, columns, "projection <u, x>", f"{effect.label}, by rank")
    handles = [
        _dot(look.SKY_BLUE, "training clips"),
        _dot(look.VERMILION, "test clips"),
        Line2D([], [], color=look.BLACK, linewidth=0.8, label="median of the test clips"),
    ]
    if effect.neutral_rank is not None:
        text = f"no effect ({neutral_text(effect)})"
        handles.append(Line2D([], [], color=look.GREY, linewidth=0.7, linestyle=":", label=text))
    legend(figure, handles, 2 if single else 4)
    return figure


def _dot(colour: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="", marker="o", markersize=3, color=colour, label=label)


def _true(cell: str) -> bool:
    return cell == "1"


def _number(cell: str, digits: int = 3) -> str:
    return f"{float(cell):.{digits}f}" if cell else "-"


def _r2_lines(row: Mapping, single: bool) -> list[str]:
    """What a panel says of R²: of other clips first, and of the training clips what it is worth."""
    prefix = "R²: " if single else ""
    lines = [
        f"{prefix}test {_with_interval(row, 'r2_test')}",
        f"held-out levels {_number(row['r2_heldout_levels'])}",
    ]
    if _true(row["saturated"]):
        null = f"test null, high {_number(row['r2_test_null_high'])}"
        return [*lines, null, "training fit saturated:", "R² = 1 by identity"]
    null = f"null {_number(row['r2_null_mean'])}, high {_number(row['r2_null_high'])}"
    return [*lines, f"train {_with_interval(row, 'r2')}", null]


def _with_interval(row: Mapping, column: str) -> str:
    """A number and its interval, which the table may lack."""
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    interval = f" [{_number(low)}, {_number(high)}]" if low and high else ""
    return _number(row[column]) + interval


def spectra_figure(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 3: singular values of the sample-wise directions and of the centred originals.

    `rows` are of the table spectra; each curve is divided by its largest value already.
    """
    single = len(labels) == 1
    by_label = grouped(rows, "label")
    figure, axes, columns = _panels(
        labels,
        _titles(model, labels, effect, "Singular values, divided by the largest"),
        panel_height=1.9 if single else 1.2,
        bottom=0.36 + legend_height(1, 1),
        left=0.5,
    )
    curves = (
        ("directions", look.BLUE, "-", "sample-wise CCA directions"),
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
        _panel_title(figure, panel, label, [], single)
    look.outer_labels(axes, columns, "index of the singular value", "relative size")
    look.share_y_ticks(axes, columns)
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=style["line_width"], label=text)
        for _, colour, dashes, text in curves
    ]
    legend(figure, handles, 2)
    return figure


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
    figure, axes, columns = _panels(
        labels,
        _titles(model, labels, effect, "Sample-wise R²: share of clips with at most this R²"),
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
        _panel_title(figure, panel, label, lines, single)
    look.outer_labels(axes, columns, "sample-wise R²", "share of clips")
    look.share_y_ticks(axes, columns)
    note = "R² = 1 is an identity when d >= P - 1 and the points are distinct, not a finding."
    width, height = figure.get_size_inches()
    y = (0.08 + legend_height(1, 1)) / height
    figure.text(0.1 / width, y, _wrapped(note, width), va="bottom", color="#333333")
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=style["line_width"], label=text)
        for _, colour, dashes, text in curves
    ]
    legend(figure, handles, 2)
    return figure


def _wrapped(text: str, width_in: float) -> str:
    """`text` on as many lines as `width_in` inches ask for."""
    words, lines = text.split(), [""]
    most = width_in * 72 / (0.56 * matplotlib.rcParams["font.size"])
    for word in words:
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


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
        line.set_label(f"no effect ({neutral_text(effect)})")
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
    look.heading(figure, _titles(model, labels, effect, what))
    for index, label in enumerate(labels):
        pair = axes[2 * index : 2 * index + 2]
        for panel, forwards in zip(pair, (True, False), strict=True):
            for (method, threshold), (_, line) in methods.items():
                _auc_curve(panel, cells, effect, label, method, threshold, line, forwards)
            effect.set_x(panel, ticks=5 if single else 4)
            panel.yaxis.set_major_locator(MaxNLocator(5 if single else 4))
            train, test = ("original", "effected") if forwards else ("effected", "original")
            _panel_title(figure, panel, label, [f"train {train}, test {test}"], single)
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


def table1_figure(
    models: Sequence[str],
    effects: Sequence[str],
    style: Mapping,
    rows: Iterable[Mapping],
    r2: Iterable[Mapping],
) -> Figure:
    """Table I: mean ± standard deviation over labels of the global R² x 100, train and test.

    Below the training R² its null, below the test R² its interval and that of held-out levels.
    `rows` are of table1, `r2` of global_r2: a dagger marks means with saturated fits in them.
    """
    cells = {(row["model"], row["effect"]): row for row in rows}
    saturated = defaultdict(int)
    for row in r2:
        saturated[row["model"], row["effect"]] += _true(row["saturated"])
    size = style["font_size"]
    step = size * 1.6 / 72
    first = max(len(look.model_title(model)) for model in models) * 0.62 * size / 72 + 0.25
    first = min(first, 2.6)
    split = 7.4 * size / 72
    width = max(COLUMN_IN, first + split + 1.05 * len(effects) + 0.2)
    notes = [
        _wrapped(text, width)
        for text in (
            "R² × 100, mean ± standard deviation over labels: squared Spearman correlation of the "
            "projection with the level.",
            "Null: training R² if levels are permuted within clips (labels above 95 % of it). "
            "95 %: interval of the mean test R², over recordings. New levels: test clips at levels "
            "left out of the fit.",
        )
    ]
    if any(saturated.values()):
        notes.append(_wrapped("† training fit saturated for at least one label: R² = 1 there by "
                              "identity, so read the test rows.", width))  # fmt: skip
    note_lines = "\n".join(notes).count("\n") + 1
    height = (len(TABLE1_ROWS) * len(models) + 1.3 + 0.86 * note_lines) * step + 0.25
    figure = Figure(figsize=(width, height))

    def put(x: float, y: float, text: str, **how) -> None:
        figure.text(x / width, 1 - y / height, text, va="center", size=size, **how)

    def rule(y: float, thickness: float) -> None:
        figure.add_artist(
            Line2D([0.1 / width, 1 - 0.1 / width], [1 - y / height] * 2, color=look.BLACK,
                   linewidth=thickness)
        )  # fmt: skip

    def column(index: int) -> float:
        return 0.1 + first + split + (index + 0.5) * (width - first - split - 0.2) / len(effects)

    y = 0.1 + step / 2
    rule(0.1, 1.0)
    put(0.15, y, "Model", **look.BOLD)
    put(0.1 + first, y, "R²", **look.BOLD)
    for index, effect in enumerate(effects):
        put(column(index), y, look.shorten(effect, 1.0, size), **look.BOLD, ha="center")
    y += step / 2
    rule(y, 0.6)
    for model in models:
        put(0.15, y + step / 2, look.shorten(look.model_title(model), first - 0.1, size))
        for what, text_of in TABLE1_ROWS.items():
            put(0.1 + first, y + step / 2, what)
            for index, effect in enumerate(effects):
                row = cells.get((model, effect))
                text = text_of(row) if row else "-"
                if what == "train" and saturated[model, effect]:
                    text += "†"
                put(column(index), y + step / 2, text, ha="center")
            y += step
        rule(y, 1.0 if model == models[-1] else 0.3)
    figure.text(
        0.1 / width, 1 - (y + 0.08) / height, "\n".join(notes), va="top", size=size - 1,
        linespacing=1.4,
    )  # fmt: skip
    return figure


def _mean_std(mean: str, std: str) -> str:
    if not mean:
        return "-"
    return f"{100 * float(mean):.2f}" + (f" ± {100 * float(std):.2f}" if std else "")


def _null_text(row: Mapping) -> str:
    mean = _mean_std(row["mean_null"], "")
    return f"{mean} ({row['n_above_null']} of {row['n_labels']})" if row["mean_null"] else mean


def _interval_text(row: Mapping) -> str:
    low, high = row["mean_test_low"], row["mean_test_high"]
    return f"{_mean_std(low, '')} to {_mean_std(high, '')}" if low and high else "-"


# What Table I has of each model, from a row of the table table1.
TABLE1_ROWS = {
    "train": lambda row: _mean_std(row["mean"], row["std"]),
    "null": _null_text,
    "test": lambda row: _mean_std(row["mean_test"], row["std_test"]),
    "95 %": _interval_text,
    "new levels": lambda row: _mean_std(row["mean_heldout_levels"], ""),
}
