"""What each debiasing method takes away of an effect, and what classifiers regain by it."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedding_sensitivity.experiment.measures import BASELINES, FALSE_DISCOVERY_RATE
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_findings,
    describe_variant,
    headings,
    legend,
    legend_height,
    order_variants,
    wrap,
)
from embedding_sensitivity.figures.style import PAGE_IN, EffectAxis
from embedding_sensitivity.files.csv_files import parse_number

FADED = "#AAAAAA"
# Energy below it is drawn at the edge: the map adds to displacements.
LOWEST_ENERGY = -0.5
TITLES = {
    "energy_removed": "displacement\nenergy removed",
    "residual": "level left\n(rho, refitted)",
    "pooled_auc": "AUC, all levels\nin one ranking",
    "gain": "gain in\nthat AUC",
    "level_auc": "mean AUC\nwithin levels",
}


def plot_recovery(
    model: str,
    labels: Sequence[str],
    effect: EffectAxis,
    style: Mapping,
    rows: Iterable[Mapping],
    best: Iterable[Mapping] = (),
) -> Figure:
    """A row for each method, a panel for each question; over the page.

    `rows` are of the table recovery_mean, or of recovery for one label, `best` of recovery_best.
    Gains that are not clear after correction are grey; the heading says where none is.
    """
    rows = list(rows)
    said = [describe_gains(rows), *map(describe_best, best)]
    said = [line for text in said for line in wrap(text, 0.8 * PAGE_IN).split("\n")]
    variants = order_variants(rows, style)
    cells = {(row["method"], row["threshold"]): row for row in rows}
    names = [describe_variant(variant) for variant in variants]
    size = style["font_size"]
    handles = [
        Line2D([], [], color=look.BLACK, marker="o", linestyle="", markersize=3,
               label="the paper's methods"),
        Line2D([], [], color=look.BLUE, marker="s", linestyle="", markersize=3,
               label="other maps and training sets"),
        Line2D([], [], color=look.VERMILION, marker="|", linestyle="", markersize=5,
               label="a random subspace of as many directions"),
        Line2D([], [], color=look.GREY, linestyle="--", linewidth=0.8, label="no debiasing"),
        Line2D([], [], color=look.GREEN, linestyle="--", linewidth=0.8,
               label="within originals: all that could be regained"),
        Line2D([], [], color=FADED, marker="o", linestyle="-", markersize=3,
               label="gain not clear once adjusted (95 % interval)"),
    ]  # fmt: skip
    figure, axes = look.grid(
        len(TITLES), len(TITLES), PAGE_IN, max(1, len(variants)) * 1.6 * size / 72,
        left=0.1 + 0.53 * size / 72 * max(map(len, names), default=1), right=0.12,
        top=0.12 + (3.0 + len(said)) * size * 1.25 / 72,
        bottom=0.52 + legend_height(len(handles), 3), gap_x=0.2, gap_y=0,
    )  # fmt: skip
    what = "What debiasing takes away and regains"
    look.heading(figure, [*headings(model, labels, effect, what), *said])
    for panel, (column, title) in zip(axes, TITLES.items(), strict=True):
        _draw_column(panel, column, variants, cells, style["point_size"])
        panel.set_ylim(len(variants) - 0.5, -0.5)
        panel.set_yticks(range(len(names)), names)
        panel.tick_params(axis="y", length=0, labelleft=panel is axes[0])
        panel.grid(axis="x", color="#DDDDDD", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.locator_params(axis="x", nbins=4)
        panel.set_xlabel(title)
    axes[0].set_xlim(LOWEST_ENERGY - 0.05, 1.05)
    axes[1].set_xlim(-1.05, 1.05)
    legend(figure, handles, 3)
    return figure


def describe_gains(rows: Sequence[Mapping]) -> str:
    """Whether any gain is clear, and if none is, the smallest that could have been seen."""
    tested = [row for row in rows if row["p_adjusted"]]
    detectable = [float(row["detectable_gain"]) for row in tested if row["detectable_gain"]]
    return describe_findings(sum(map(_is_clear, tested)), len(tested), detectable)


def describe_best(row: Mapping) -> str:
    """What share of the headroom the paper's best method recovers, of table recovery_best."""
    chosen = describe_variant((row["method"], row["threshold"]))
    start = f"Of the paper's methods {chosen} was chosen on training recordings"
    if not row["recovered"]:
        return f"{start}; there is no headroom to recover."
    if not float(row["recovered"]) and not row["recovered_low"]:
        return f"{start}: it orders all test clips as before."
    said = f"{start}: it recovers {100 * float(row['recovered']):.0f} % of the headroom"
    if not row["recovered_low"]:
        return f"{said}, which is not clear itself."
    ends = (100 * float(row[f"recovered_{end}"]) for end in ("low", "high"))
    return f"{said} [{', '.join(f'{end:.0f}' for end in ends)}]."


def _is_clear(row: Mapping) -> bool:
    p = parse_number(row.get("p_adjusted"))
    return p is not None and p <= FALSE_DISCOVERY_RATE


def _draw_column(panel, column: str, variants: Sequence, cells: Mapping, point_size: float) -> None:
    """Points, intervals and marks of one column of the table."""
    for place, variant in enumerate(variants):
        row = cells[variant]
        value = parse_number(row.get(column))
        if value is None:
            if column == "pooled_auc":
                panel.text(0.5, place, row["undefined"], color=look.GREY, ha="center",
                           va="center", transform=panel.get_yaxis_transform())  # fmt: skip
            continue
        own = variant[0] in BASELINES
        colour = look.BLUE if own else look.BLACK
        if column == "gain" and not _is_clear(row):
            colour = FADED
        marker = "s" if own else "o"
        if column == "energy_removed" and value < LOWEST_ENERGY:
            value, marker = LOWEST_ENERGY, "<"
        ends = [parse_number(row.get(f"{column}_{end}")) for end in ("low", "high")]
        if None not in ends and column == "gain":
            panel.hlines(place, *ends, color=colour, linewidth=0.8)
        panel.plot(value, place, marker=marker, color=colour, linestyle="",
                   markersize=point_size, markeredgewidth=0, clip_on=False, zorder=3)  # fmt: skip
        if column == "pooled_auc" and (random := parse_number(row.get("random_auc"))) is not None:
            panel.plot(random, place, marker="|", color=look.VERMILION, markersize=7, zorder=4)
    none = cells.get(("none", ""), {})
    start = 0.0 if column == "gain" else parse_number(none.get(column))
    if start is not None and column != "energy_removed":
        panel.axvline(start, color=look.GREY, linestyle="--", linewidth=0.8, zorder=1)
    heads = [parse_number(row.get("headroom")) for row in cells.values()]
    heads = [head for head in heads if head is not None]
    if heads and column in ("gain", "pooled_auc") and start is not None:
        panel.axvline(start + heads[0], color=look.GREEN, linestyle="--", linewidth=0.8, zorder=1)
