"""Table I: how well one direction gives the level, of every model and effect."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from embedding_sensitivity.experiment.measures import FALSE_DISCOVERY_RATE
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    legend,
    legend_height,
    note_height,
    place_note,
)
from embedding_sensitivity.figures.style import COLUMN_IN

CANNOT_TELL = "?"
# Where columns are, in inches: the panel of rho from its left to its right, then centres of texts.
NAMES, PANEL = 0.12, (0.72, 1.4)
RHO, P_VALUES, TRAIN, TEST = 1.61, (1.91, 2.19, 2.48), 2.88, 3.31
NULLS = {"effect": "p_recording", "order": "p_common", "shared": "p_reversal"}
# Columns of table1 that are drawn, with their symbols.
SYMBOLS = (
    ("mean_rho_within", look.ORANGE, "D", "ρ within clips"),
    ("mean_rho_across", look.VERMILION, "|", "ρ, directions of other labels"),
    ("mean_rho_ridge", look.BLUE, "o", "ρ of test clips, 95 % interval"),
)
NOTE = (
    "ρ: Spearman correlation of level and projection on the regularised direction, mean over "
    "labels. p: is there an effect, is it the order of levels, is the direction shared? Adjusted "
    f"for all rows, grey above {FALSE_DISCOVERY_RATE:g}; {CANNOT_TELL}: cannot tell. R²: the "
    "paper's, of the exact fit, mean ± deviation over labels."
)
SATURATED = (
    "† Training fit saturated for at least one label: R² = 1 there by identity, and test R² "
    "measures rounding. Read ρ."
)


def plot_table1(
    models: Sequence[str],
    effects: Sequence[str],
    style: Mapping,
    rows: Iterable[Mapping],
    r2: Iterable[Mapping],
) -> Figure:
    """Table I, as wide as a column: rho of the regularised direction, its nulls, the paper's R².

    `rows` are of table1, `r2` of global_r2: a dagger marks means with saturated fits in them. A row
    is an effect, below its model's name.
    """
    cells = {(row["model"], row["effect"]): row for row in rows}
    saturated = defaultdict(int)
    for row in r2:
        saturated[row["model"], row["effect"]] += row["saturated"] == "1"
    size = style["font_size"] - 0.5
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4, label=text,
               markerfacecolor="white" if marker == "D" else colour,
               linestyle="-" if marker == "o" else "", linewidth=0.9)
        for _, colour, marker, text in SYMBOLS
    ]  # fmt: skip
    note = f"{NOTE} {SATURATED}" if any(saturated.values()) else NOTE
    room, columns = COLUMN_IN - 0.2, 1
    above = 0.06 + legend_height(len(handles), columns)
    bottom = above + note_height(note, room) + 0.31
    n_rows = len(models) * (len(effects) + 1)
    figure, (panel,) = look.grid(
        1, 1, COLUMN_IN, n_rows * 1.75 * size / 72, left=PANEL[0], right=COLUMN_IN - PANEL[1],
        top=0.06 + 3.2 * size / 72, bottom=bottom, gap_x=0, gap_y=0,
    )  # fmt: skip
    across = blended_transform_factory(figure.dpi_scale_trans, panel.transData)

    def put(x: float, place: float, text: str, **how) -> None:
        panel.text(x, place, text, transform=across, va="center", size=size, **how)

    def rule(place: float, thickness: float) -> None:
        ends = [0.1, COLUMN_IN - 0.1]
        panel.plot(ends, [place] * 2, transform=across, color=look.BLACK, linewidth=thickness,
                   clip_on=False)  # fmt: skip

    def put_heads(texts: Iterable[tuple[float, str]], place: float) -> None:
        for x, text in texts:
            put(x, place, text, ha="center")

    put_heads(((1.2, "ρ, test clips"), (P_VALUES[1], "p"), ((TRAIN + TEST) / 2, "R² × 100")), -1.7)
    put_heads(zip((*P_VALUES, TRAIN, TEST), (*NULLS, "train", "test"), strict=True), -0.9)
    rule(-2.25, 1.0)
    drawn = []
    for index, model in enumerate(models):
        place = index * (len(effects) + 1)
        rule(place - 0.5, 0.6 if index == 0 else 0.3)
        name = look.shorten(look.model_title(model), COLUMN_IN - 0.3, size)
        put(NAMES, place, name, **look.BOLD)
        for number, effect in enumerate(effects, start=place + 1):
            put(NAMES + 0.06, number, look.shorten(effect, PANEL[0] - NAMES - 0.1, size))
            row = cells.get((model, effect), {})
            drawn += _draw_rho(panel, row, number)
            put(RHO, number, _number(row, "mean_rho_ridge", ".2f"), ha="center")
            for x, column in zip(P_VALUES, NULLS.values(), strict=True):
                text, clear = _p_text(row.get(f"{column}_adjusted", ""))
                put(x, number, text, ha="center", color=look.BLACK if clear else look.GREY)
            mark = "†" if saturated[model, effect] else ""
            put(TRAIN, number, _train_text(row) + mark, ha="center")
            put(TEST, number, _number(row, "mean_test", ".1f", 100), ha="center")
    rule(n_rows - 0.5, 0.6)
    panel.set_ylim(n_rows - 0.5, -0.5)
    panel.set_xlim(min([0.0, *drawn]) - 0.03, 1.03)
    panel.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    panel.set_yticks([])
    panel.set_xlabel("ρ")
    panel.spines["left"].set_visible(False)
    panel.grid(axis="x", color="#DDDDDD", linewidth=0.5)
    panel.set_axisbelow(True)
    place_note(figure, note, room, above)
    legend(figure, handles, columns)
    return figure


def _draw_rho(panel, row: Mapping, place: float) -> list[float]:
    """Draw a row's correlations; return what is drawn."""
    drawn = []
    low, high = (row.get(f"rho_ridge_{end}") for end in ("low", "high"))
    if low and high:
        drawn += [float(low), float(high)]
        panel.plot(drawn, [place] * 2, color=look.BLUE, linewidth=0.9, solid_capstyle="butt")
    for column, colour, marker, _ in SYMBOLS:
        if row.get(column):
            drawn.append(float(row[column]))
            panel.plot(
                drawn[-1], place,
                color=colour, marker=marker, linestyle="", clip_on=False, zorder=3,
                markersize={"|": 6, "D": 4.2, "o": 3}[marker], markeredgewidth=0.8,
                markerfacecolor="white" if marker == "D" else colour,
            )  # fmt: skip
    return drawn


def _number(row: Mapping, column: str, digits: str, times: float = 1) -> str:
    return format(times * float(row[column]), digits) if row.get(column) else "-"


def _train_text(row: Mapping) -> str:
    """The paper's mean and deviation; only 1 where all fits are exact."""
    if not row.get("std") or float(row["mean"]) == 1:
        return _number(row, "mean", ".3g", 100)
    return f"{100 * float(row['mean']):.1f}±{100 * float(row['std']):.1f}"


def _p_text(value: str) -> tuple[str, bool]:
    """A p-value, and whether it is at most `FALSE_DISCOVERY_RATE`; an empty one can't tell."""
    if not value:
        return CANNOT_TELL, False
    p = float(value)
    text = "<.001" if p < 0.0005 else "1" if p > 0.9995 else f"{p:.3f}".removeprefix("0")
    return text, p <= FALSE_DISCOVERY_RATE
