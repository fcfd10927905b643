"""The cells of the explorer's matrix: one number for each model and effect, by statistic."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from embedding_sensitivity.files.csv_files import parse_number

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class EffectInfo:
    """What the page needs to know of an effect; levels are strings in ascending order."""

    name: str
    parameter: str
    unit: str
    log_axis: bool
    neutral: float | None
    levels: Sequence[str]
    made: str = ""

    def format_level(self, value: float) -> str:
        return f"{format_number(value)} {self.unit}".strip()


@dataclass(frozen=True)
class Cell:
    """A number of a model and effect.

    Attributes
    ----------
    text : it for people; `between` is its interval, or empty
    shade : from 0 (the effect does little) to 1; None where nothing is known
    table, keys : the row that it comes from; a mean has several
    """

    model: str
    effect: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    between: str
    shade: float | None
    table: str
    keys: Mapping[str, str]


@dataclass(frozen=True)
class Statistic:
    """What the matrix can show.

    Attributes
    ----------
    name : in the page's address
    title, meaning : for people
    table, column : where it comes from
    make : ``make(tables, effects)`` yields the cells
    """

    name: str
    title: str
    meaning: str
    table: str
    column: str
    make: Callable[[Tables, Mapping[str, EffectInfo]], Iterable[Cell]]


def format_number(value: float) -> str:
    """Format a number to three significant digits, without an exponent where that is short."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def format_range(low: float | None, high: float | None, say=format_number) -> str:
    return "" if low is None or high is None else f"{say(low)} to {say(high)}"


def _make_thresholds(tables: Tables, effects: Mapping[str, EffectInfo]) -> Iterable[Cell]:
    """Make of both sides of an effect one cell, shaded by the side that loses clips sooner."""
    sides: dict[tuple[str, str], list[Row]] = {}
    for row in tables["threshold_90"]:
        sides.setdefault((row["model"], row["effect"]), []).append(row)
    for (model, name), rows in sides.items():
        effect = effects[name]
        if not any(row["responds"] == "1" for row in rows):
            yield Cell(
                *(model, name, None, None, None, "no response", "", 0.0),
                *("threshold_90", {"model": model, "effect": name}),
            )
            continue
        shades = [_share_lost(row, effect) for row in rows]
        worst = max(range(len(rows)), key=lambda n: shades[n])
        row = rows[worst]
        ranges = [describe_threshold_range(each, effect) for each in rows]
        yield Cell(
            model,
            name,
            parse_number(row["threshold_90"]),
            parse_number(row["threshold_90_low"]),
            parse_number(row["threshold_90_high"]),
            " / ".join(describe_threshold(each, effect) for each in rows),
            " / ".join(found or "no interval" for found in ranges) if any(ranges) else "",
            shades[worst],
            "threshold_90",
            {key: row[key] for key in ("model", "effect", "side")},
        )


def is_never_lost(row: Row, bound: str = "bound") -> bool:
    """Whether recall stays above .9 to the strongest level of a row's side."""
    return row[bound] == ("<" if row["side"] == "down" else ">")


def describe_threshold(row: Row, effect: EffectInfo) -> str:
    """Say where clips are lost on one side: a level, or beyond an end of the levels."""
    if not row["threshold_90"]:
        return "unknown"
    level = effect.format_level(float(row["threshold_90"]))
    if row["bound"] == "=":
        return level
    if is_never_lost(row):
        return f"not lost {'down' if row['side'] == 'down' else 'up'} to {level}"
    return f"lost from {level}"


def describe_threshold_range(row: Row, effect: EffectInfo) -> str:
    """Say between which levels the threshold lies; empty where there is no interval."""
    if not (row["threshold_90_low"] and row["threshold_90_high"]):
        return ""
    ends = [
        ("" if row[bound] == "=" else f"{row[bound]} ") + effect.format_level(float(row[end]))
        for end, bound in (("threshold_90_low", "bound_low"), ("threshold_90_high", "bound_high"))
    ]
    return " to ".join(dict.fromkeys(ends))


def _share_lost(row: Row, effect: EffectInfo) -> float:
    """Return which share of a side's levels, on the effect's scale, lies beyond the threshold."""
    if not row["threshold_90"] or is_never_lost(row):
        return 0.0
    if row["bound"] != "=":
        return 1.0
    levels = [float(level) for level in effect.levels]
    inside = effect.neutral is not None and levels[0] < effect.neutral < levels[-1]
    low, high = levels[0], levels[-1]
    if inside:
        low, high = (effect.neutral, high) if row["side"] == "up" else (low, effect.neutral)
    scale = math.log if effect.log_axis and low > 0 else float
    low, high, at = scale(low), scale(high), scale(float(row["threshold_90"]))
    share = (high - at) / (high - low) if high > low else 0.0
    return min(1.0, max(0.0, share if row["side"] == "up" else 1 - share))


def find_strongest_displacements(tables: Tables) -> dict[tuple[str, str], tuple[str, list[Row]]]:
    """Find for each model and effect the level that moves clips most, and the labels' rows there.

    A label without a relative displacement is left out.
    """
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in tables["displacement"]:
        if (value := parse_number(row["relative"])) is not None and math.isfinite(value):
            levels = found.setdefault((row["model"], row["effect"]), {})
            levels.setdefault(row["level"], []).append(row)
    return {
        case: max(levels.items(), key=lambda each: mean_of(each[1], "relative"))
        for case, levels in found.items()
    }


def mean_of(rows: Iterable[Row], column: str) -> float:
    """Return the mean of a column over the rows that have a number in it."""
    return statistics.fmean(float(row[column]) for row in rows if row[column])


def _make_displacements(tables: Tables, effects: Mapping[str, EffectInfo]) -> Iterable[Cell]:
    found = find_strongest_displacements(tables)
    largest = max((mean_of(rows, "relative") for _, rows in found.values()), default=0.0)
    for (model, name), (level, rows) in found.items():
        value, low, high = (
            mean_of(rows, column) for column in ("relative", "relative_q05", "relative_q95")
        )
        at = effects[name].format_level(float(level))
        yield Cell(
            model,
            name,
            value,
            low,
            high,
            f"{format_number(value)} at {at}",
            f"{format_range(low, high)} for 90 % of clips",
            value / largest if largest else 0.0,
            "displacement",
            {"model": model, "effect": name, "level": level},
        )


def _from_means(table: str, column: str, ends: str, full: float = 1.0) -> Callable:
    """Return a function that makes a cell of a table's first row that has the column.

    `ends` begins the names of the interval's columns; the shade is 1 at `full`. All rows of a model
    and effect have the same in that column.
    """

    def make(tables: Tables, effects: Mapping[str, EffectInfo]) -> Iterable[Cell]:
        rows: dict[tuple[str, str], Row] = {}
        for row in tables.get(table, ()):
            case = row["model"], row["effect"]
            if case not in rows or (row[column] and not rows[case][column]):
                rows[case] = row
        for (model, effect), row in rows.items():
            value = parse_number(row[column])
            low, high = parse_number(row[f"{ends}_low"]), parse_number(row[f"{ends}_high"])
            keys = {key: row[key] for key in ("model", "effect", "method") if key in row}
            yield Cell(
                model,
                effect,
                value,
                low,
                high,
                "not known" if value is None else format_number(value),
                format_range(low, high),
                None if value is None else min(1.0, max(0.0, value / full)),
                table,
                keys,
            )

    return make


STATISTICS = (
    Statistic(
        "threshold",
        "Where a clip is lost",
        "The level, counted from no effect, at which fewer than 90 % of test clips find their own "
        "original among 32, or as many as there are. Darker: lost nearer to no effect, as a share "
        "of the levels tried. Lost from: at all levels tried. The range is a 95 % interval over "
        "recordings.",
        "threshold_90",
        "threshold_90",
        _make_thresholds,
    ),
    Statistic(
        "displacement",
        "Displacement",
        "How far clips move at the level that moves them most, a mean over labels: 1 is the "
        "distance between labels. The range holds 90 % of clips; it is no interval of the mean.",
        "displacement",
        "relative",
        _make_displacements,
    ),
    Statistic(
        "correlation",
        "Correlation with the level",
        "How well one direction, fitted to training clips, puts test clips in the order of "
        "levels: Spearman's rho, a mean over labels with its 95 % interval over recordings.",
        "table1",
        "mean_rho_ridge",
        _from_means("table1", "mean_rho_ridge", "rho_ridge"),
    ),
    Statistic(
        "equivariance",
        "Equivariance",
        "Which share of what the effect does is the same for all clips. 1: it adds one vector a "
        "level; 0: each clip goes its own way. A mean over labels with its 95 % interval.",
        "equivariance_mean",
        "equivariance",
        _from_means("equivariance_mean", "equivariance", "equivariance"),
    ),
    Statistic(
        "auc",
        "AUC drop",
        "What the effect costs a classifier of labels: ROC AUC within originals less that of all "
        "levels in one ranking, a mean over labels with its 95 % interval.",
        "recovery_mean",
        "headroom",
        _from_means("recovery_mean", "headroom", "headroom", 0.5),
    ),
)


def make_matrix(tables: Tables, effects: Mapping[str, EffectInfo]) -> dict[str, list[Cell]]:
    """Make the cells of each statistic."""
    return {each.name: list(each.make(tables, effects)) for each in STATISTICS}
