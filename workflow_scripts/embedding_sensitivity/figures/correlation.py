"""The level against the projection on the global direction (Fig. 2)."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_neutral,
    grouped,
    headings,
    legend,
    legend_height,
    make_panels,
    set_panel_title,
)
from embedding_sensitivity.figures.style import EffectAxis

# Above this many points, a panel's points go into the PDF as pixels: it stays small and quick.
MAX_VECTOR_POINTS = 1500


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
    figure, axes, columns = make_panels(
        labels,
        headings(
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
                rasterized=len(x) > MAX_VECTOR_POINTS, zorder=1 + (split == "test"),
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
        set_panel_title(figure, panel, label, lines[label], single)
    look.outer_labels(axes, columns, "projection <u, x>", f"{effect.label}, by rank")
    handles = [
        _dot(look.SKY_BLUE, "training clips"),
        _dot(look.VERMILION, "test clips"),
        Line2D([], [], color=look.BLACK, linewidth=0.8, label="median of the test clips"),
    ]
    if effect.neutral_rank is not None:
        text = f"no effect ({describe_neutral(effect)})"
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
