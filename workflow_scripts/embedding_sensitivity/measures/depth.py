"""Every measure against depth, of models whose layers are analysed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from embedding_sensitivity.experiment.measures import (
    ANSWERS,
    FigureKind,
    Measure,
    Table,
    describe,
)

# What `test` and `train` of the table auc are where no effect is.
ORIGINAL = "original"
Rows = list[Mapping[str, str]]
# Of rows of one layer and effect, as text: a number, and the ends of its interval.
Summary = Callable[[Rows], tuple[float | None, float | None, float | None]]


def _one(column: str, low: str = "", high: str = "") -> Summary:
    """A number that the only row has."""

    def summarise(rows: Rows) -> tuple:
        return tuple(_number(rows[0].get(name)) for name in (column, low, high))

    return summarise


def _number(text: str | None) -> float | None:
    from embedding_sensitivity.files.csv_files import parse_number

    return parse_number(text)


def _by_level(rows: Rows, key: str, column: str) -> dict[str, float]:
    """The mean over labels of a column, by level."""
    found = defaultdict(list)
    for row in rows:
        if (number := _number(row[column])) is not None:
            found[row[key]].append(number)
    return {level: sum(numbers) / len(numbers) for level, numbers in found.items()}


def _least_recall(rows: Rows) -> tuple:
    means = _by_level(rows, "level", "recall_1")
    return min(means.values(), default=None), None, None


def _largest_displacement(rows: Rows) -> tuple:
    means = _by_level(rows, "level", "relative")
    return max(means.values(), default=None), None, None


def _auc_drop(rows: Rows) -> tuple:
    plain = [row for row in rows if row["method"] == "none" and row["train"] == ORIGINAL]
    means = _by_level(plain, "test", "roc_auc")
    whole = means.pop(ORIGINAL, None)
    if whole is None or not means:
        return None, None, None
    return whole - min(means.values()), None, None


# By the name of the measure: the table it is of, the summary, and what an axis says.
SUMMARIES: dict[str, tuple[str, Summary, str]] = {
    "recall_1": ("retrieval", _least_recall, "originals found,\nlowest of levels"),
    "relative": ("displacement", _largest_displacement, "relative displacement,\nlargest"),
    "rho_ridge": (
        "table1",
        _one("mean_rho_ridge", "rho_ridge_low", "rho_ridge_high"),
        "regularised\ncorrelation",
    ),
    "rho_heldout_levels": (
        "samplewise_mean",
        _one("rho_heldout_levels", "rho_heldout_levels_low", "rho_heldout_levels_high"),
        "sample-wise,\nlevels held out",
    ),
    "equivariance": (
        "equivariance_mean",
        _one("equivariance", "equivariance_low", "equivariance_high"),
        "equivariance",
    ),
    "energy_3": (
        "dimensionality_mean",
        _one("energy_3", "energy_3_low", "energy_3_high"),
        "energy in\n3 directions",
    ),
    "auc_drop": ("auc", _auc_drop, "drop of the AUC,\nlargest"),
    "recovered": (
        "recovery_best",
        _one("recovered", "recovered_low", "recovered_high"),
        "recovered share,\nbest remedy",
    ),
}
MEASURE = Measure(
    title="every measure against depth",
    two_sided="those of the measures: the worst level counts, whichever side it is on",
    section=ANSWERS,
    needs_layers=True,
    tables=(
        Table(
            "depth",
            describe(
                "model effect",
                measure="`recall_1`: the least mean over labels of `retrieval.recall_1`, of all "
                "levels; `relative`: the largest of `displacement.relative`; `auc_drop`: of "
                "`auc.roc_auc`, trained on originals without debiasing, that of originals less the "
                "least of a level; others: that column of `table1` (`mean_rho_ridge`), "
                "`samplewise_mean`, `equivariance_mean`, `dimensionality_mean`, `recovery_best`",
                network="the model that the layer is of",
                layer="number of the layer: 0 is what enters the first block",
                value="its value, a mean over labels",
                low="lower end of its 95 % interval over recordings, where the measure has one",
                high="upper end",
            ),
            ("model", "effect", "measure"),
            in_report=True,
            derived_from=tuple(sorted({table for table, *_ in SUMMARIES.values()})),
            derive="collect_layers",
        ),
    ),
    figures=(
        FigureKind(
            "depth",
            "every measure against the layer, a line for each model whose layers are analysed",
            ("depth",),
            per="effect",
            style={"line_width": 1.1, "point_size": 3.0},
        ),
    ),
)


def collect_layers(tables: Mapping[str, Iterable[Mapping[str, str]]]) -> list[dict]:
    """Rows of the table depth, from rows of others as text."""
    return [row for name in SUMMARIES for row in _collect(name, tables)]


def _collect(name: str, tables: Mapping[str, Iterable[Mapping[str, str]]]) -> Iterator[dict]:
    from embedding_sensitivity.models import LAYER_MARK

    table, summarise, _ = SUMMARIES[name]
    cells = defaultdict(list)
    for row in tables[table]:
        if LAYER_MARK in row["model"]:
            cells[row["model"], row["effect"]].append(row)
    for (model, effect), rows in cells.items():
        network, _, layer = model.partition(LAYER_MARK)
        value, low, high = summarise(rows)
        yield {
            "model": model,
            "effect": effect,
            "measure": name,
            "network": network,
            "layer": int(layer),
            "value": value,
            "low": low,
            "high": high,
        }


def draw(tables, subject, style):
    from embedding_sensitivity.figures.depth import plot_depth

    titles = {name: title for name, (_, _, title) in SUMMARIES.items()}
    return plot_depth(titles, subject.effect.name, style, tables["depth"])
