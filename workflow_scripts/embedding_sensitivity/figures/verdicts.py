"""Whether each debiasing method helps each model."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_findings,
    describe_variant,
    draw_rows,
    legend,
    legend_height,
    model_handles,
    order_variants,
    wrap,
)
from embedding_sensitivity.figures.style import COLUMN_IN

DIRECTIONS = (
    (("original", "effected"), "train original,\ntest effected"),
    (("effected", "original"), "train effected,\ntest original"),
)
UNSEEN = "#E4E4E4"


def plot_verdicts(
    models: Sequence[str], effect: str, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Gains of each method, and the share of cells it helps and harms; as wide as a column.

    `rows` are of the table verdicts, of one effect. A row is a method, a symbol a model. Above:
    the mean gain over cells, its line from the lowest to the highest; within the grey band no gain
    could be clear. Below, where any is: the share of cells helped (right) and harmed (left).
    """
    rows = list(rows)
    variants = order_variants(rows, style)
    names = [describe_variant(variant) for variant in variants]
    cells = {
        sides: {
            (row["model"], describe_variant((row["method"], row["threshold"]))): _cell(row)
            for row in rows
            if (row["train"], row["test"]) == sides
        }
        for sides, _ in DIRECTIONS
    }
    clear, tested = (
        sum(int(row[column]) for row in rows for column in columns)
        for columns in (("helps", "harms"), ("helps", "harms", "neither"))
    )
    detectable = [float(row["detectable_gain"]) for row in rows if row["detectable_gain"]]
    said = wrap(
        describe_findings(clear, tested, detectable, of_cells=False), 0.82 * COLUMN_IN
    ).split("\n")

    size = style["font_size"]
    handles, columns = model_handles(models, size, markersize=style["point_size"], linestyle="")
    handles.append(Line2D([], [], color=look.GREY, linewidth=0.8, label="from lowest to highest"))
    if detectable:
        handles.append(Patch(color=UNSEEN, label="too small to be seen"))
    kinds = (_draw_gains, _draw_shares) if clear else (_draw_gains,)
    figure, axes = look.grid(
        2 * len(kinds), 2, COLUMN_IN, max(1, len(names)) * (0.9 + 0.35 * len(models)) * size / 72,
        left=0.1 + 0.53 * size / 72 * max(map(len, names), default=1), right=0.12,
        top=0.12 + (2.5 + len(said) + 2.2) * size * 1.25 / 72,
        bottom=0.42 + legend_height(len(handles), columns), gap_x=0.24, gap_y=0.5,
    )  # fmt: skip
    look.heading(figure, [effect, "Does debiasing help? Change in ROC AUC", *said])
    for number, draw in enumerate(kinds):
        pair = axes[2 * number : 2 * number + 2]
        for panel, (sides, title) in zip(pair, DIRECTIONS, strict=True):
            draw(panel, models, names, cells[sides], style["point_size"])
            panel.axvline(0, color=look.BLACK, linewidth=0.6)
            panel.set_yticks(range(len(names)), names)
            panel.tick_params(axis="y", length=0, labelleft=panel is pair[0])
            if not number:
                panel.set_title(title, loc="left", linespacing=1.15, y=1.0)
    _share_gains(axes[:2], detectable)
    legend(figure, handles, columns)
    return figure


def _cell(row: Mapping) -> dict[str, float | str]:
    """What is drawn of a row; `draw_rows` draws columns with ends as a point and a line."""
    n_cells = sum(int(row[count]) for count in ("helps", "harms", "neither", "untested"))
    return {
        "gain": row["mean_gain"],
        "gain_low": row["lowest_gain"],
        "gain_high": row["highest_gain"],
        "helped": 100 * int(row["helps"]) / n_cells,
        "harmed": -100 * int(row["harms"]) / n_cells,
    }


def _draw_gains(panel, models, names, cells, point_size: float) -> None:
    draw_rows(panel, models, names, cells, "gain", point_size)
    panel.locator_params(axis="x", nbins=4)
    panel.set_xlabel("mean gain in AUC")


def _draw_shares(panel, models, names, cells, point_size: float) -> None:
    for column in ("helped", "harmed"):
        draw_rows(panel, models, names, cells, column, point_size)
    panel.set_xlim(-104, 104)
    panel.set_xticks([-100, -50, 0, 50, 100], ["100", "", "0", "", "100"])
    panel.set_xlabel("% harmed | helped")


def _share_gains(panels: Sequence, detectable: Sequence[float]) -> None:
    """One scale of gains for both panels, and the band in which none could be clear."""
    reach = max(abs(end) for panel in panels for end in panel.get_xlim())
    seen = min((gain for gain in detectable if gain > 0), default=0.0)
    for panel in panels:
        panel.set_xlim(-reach, reach)
        if seen:
            panel.axvspan(-seen, seen, color=UNSEEN, linewidth=0, zorder=-1)
