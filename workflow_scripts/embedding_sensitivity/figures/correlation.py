"""The level against the projection on a direction: the regularised one and the paper's (Fig. 2)."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_neutral,
    group_by,
    headings,
    legend,
    legend_height,
    note_height,
    place_note,
    set_panel_title,
)
from embedding_sensitivity.figures.style import COLUMN_IN, PAGE_IN, EffectAxis

# Above this many points, a panel's points go into the PDF as pixels: it stays small and quick.
MAX_VECTOR_POINTS = 1500
SATURATED = (
    "† The training fit is saturated: R² = 1 by identity, and test R² measures rounding. Read ρ."
)
# What is projected on, by column of the table projections.
AXES = {
    "projection_regularised": "projection <w, x>",
    "projection": "projection <u, x>",
}


def plot_correlation(
    model: str,
    labels: list[str],
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
    r2: Iterable[Mapping],
    regularised: Iterable[Mapping],
) -> Figure:
    """Fig. 2: the level, by rank, against the projection; two panels a label.

    Left on the regularised direction w, with rho of the test clips; right, as in the paper, on the
    global CCA direction u, drawn so that training clips' levels rise to the right. `rows` are of
    the table projections, `r2` of global_r2, `regularised` of the table of that name. Training
    clips lie a little below their level's rank and test clips above, so that both are seen; the
    line is the median of the test clips.
    """
    single = len(labels) == 1
    points = group_by(rows, "label", "split")
    r2_of = {row["label"]: row for row in r2}
    rho_of = {row["label"]: row for row in regularised}
    handles = _handles(effect)
    legend_columns = 2 if single else 4
    width = COLUMN_IN if single else PAGE_IN
    above = 0.08 + legend_height(len(handles), legend_columns)
    notes = [SATURATED] if any(r2_of[label]["saturated"] == "1" for label in labels) else []
    note_in = sum(note_height(note, width - 0.2) for note in notes)
    columns = 2 if single else 4
    line = matplotlib.rcParams["font.size"] * 1.25 / 72
    figure, axes = look.grid(
        2 * len(labels), columns, width, 2.0 if single else 1.25,
        left=0.5, right=0.12, top=0.12 + (5.5 if single else 6.5) * line,
        bottom=0.36 + above + note_in, gap_x=0.34, gap_y=0.3 + 4 * line,
    )  # fmt: skip
    what = "Level against the projection on the regularised direction (left) and the paper's"
    look.heading(figure, headings(model, labels, effect, what))
    # Rows of points must not run into each other where there are many levels.
    size = style["point_size"] * (1.25 if single else 1) * min(1, (12 / len(effect.levels)) ** 0.5)
    for index, label in enumerate(labels):
        of_label = {split: points.get((label, split), ()) for split in ("train", "test")}
        lines = (_rho_lines(rho_of.get(label, {})), _r2_lines(r2_of[label]))
        for panel, column, texts in zip(axes[2 * index : 2 * index + 2], AXES, lines, strict=True):
            _draw_points(panel, of_label, column, effect, size)
            ticks = effect.rank_ticks(7 if single else 6)
            panel.set_yticks(ticks, [look.format_level(effect.values[tick]) for tick in ticks])
            panel.set_ylim(-0.6, len(effect.levels) - 0.4)
            panel.tick_params(labelleft=column != "projection")
            panel.xaxis.set_major_locator(MaxNLocator(3))
            set_panel_title(figure, panel, label, texts, single)
    look.label_outer_axes(axes, columns, "", f"{effect.label}, by rank")
    for panel, column in zip(axes, list(AXES) * len(labels), strict=True):
        panel.set_xlabel(AXES[column])
    for note in notes:
        place_note(figure, note, width - 0.2, above)
    legend(figure, handles, legend_columns)
    return figure


def _draw_points(
    panel, points: Mapping[str, Iterable[Mapping]], column: str, effect: EffectAxis, size: float
) -> None:
    """Draw both splits' projections of one column, training clips' rising with the level."""
    rank = {level: index for index, level in enumerate(effect.levels)}
    found = {
        split: np.array(
            [(float(r[column]), rank[r["level"]]) for r in rows if r["level"] in rank]
        ).reshape(-1, 2)
        for split, rows in points.items()
    }
    x, y = found["train"].T
    sign = -1.0 if ((y - y.mean()) * x).sum() < 0 else 1.0
    for split, colour, shift in (("train", look.SKY_BLUE, -0.18), ("test", look.VERMILION, 0.18)):
        x, y = found[split].T
        panel.plot(
            sign * x, y + shift,
            linestyle="", marker="o", color=colour, markeredgewidth=0, markersize=size,
            rasterized=len(x) > MAX_VECTOR_POINTS, zorder=1 + (split == "test"),
        )  # fmt: skip
    if len(x):
        medians = [sign * np.median(x[y == level]) for level in range(len(rank))]
        panel.plot(medians, np.arange(len(rank)) + 0.18, color=look.BLACK, linewidth=0.8, zorder=3)
    if effect.neutral_rank is not None:
        panel.axhline(effect.neutral_rank, color=look.GREY, linewidth=0.7, linestyle=":")


def _handles(effect: EffectAxis) -> list[Line2D]:
    handles = [
        _dot(look.SKY_BLUE, "training clips"),
        _dot(look.VERMILION, "test clips"),
        Line2D([], [], color=look.BLACK, linewidth=0.8, label="median of the test clips"),
    ]
    if effect.neutral_rank is not None:
        text = f"no effect ({describe_neutral(effect)})"
        handles.append(Line2D([], [], color=look.GREY, linewidth=0.7, linestyle=":", label=text))
    return handles


def _dot(colour: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="", marker="o", markersize=3, color=colour, label=label)


def _rho_lines(row: Mapping) -> Sequence[str]:
    """What a panel says of the regularised direction, all of it of test clips."""
    rho = f"ρ {_with_interval(row, 'rho_ridge')}"
    return "regularised direction", rho, f"within clips {_number(row, 'rho_within')}"


def _r2_lines(row: Mapping) -> Sequence[str]:
    """What a panel says of the paper's direction."""
    test = f"R² test {_with_interval(row, 'r2_test')}"
    if row["saturated"] == "1":
        return "the paper's direction†", "R² train 1 by identity", test
    train = f"R² train {_number(row, 'r2')}, null {_number(row, 'r2_null_mean')}"
    return "the paper's direction", train, test


def _number(row: Mapping, column: str) -> str:
    return f"{float(row[column]):.2f}" if row.get(column) else "-"


def _with_interval(row: Mapping, column: str) -> str:
    """A number and its interval, which the table may lack."""
    low, high = (_number(row, f"{column}_{end}") for end in ("low", "high"))
    return _number(row, column) + (f" [{low}, {high}]" if "-" not in (low, high) else "")
