"""The tables: their columns, and CSV that has the same bytes for the same rows."""

import csv
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from sensitivity.errors import InputError
from sensitivity.files import replacing

# How many leading columns identify a row; tables are sorted by them.
KEYS = {
    "global_r2": 3,
    "table1": 2,
    "samplewise_r2": 3,
    "spectra": 4,
    "n_directions": 4,
    "auc": 7,
    "projections": 6,
    "trajectories": 5,
}
COLUMNS = {
    "global_r2": (
        "model", "effect", "label", "r2", "r2_test", "saturated", "r2_null_mean", "r2_null_high",
        "r2_low", "r2_high", "r2_heldout_levels", "n_clips", "n_levels",
    ),
    "table1": ("model", "effect", "mean", "std", "mean_test", "std_test", "n_labels"),
    "samplewise_r2": (
        "model", "effect", "clip", "label", "r2", "n_distinct_points", "r2_heldout_levels",
    ),
    "spectra": ("model", "effect", "label", "index", "directions", "originals"),
    "n_directions": ("model", "effect", "label", "threshold", "n_directions"),
    "auc": (
        "model", "effect", "label", "method", "threshold", "train", "test", "roc_auc", "best_c",
        "n_tied_c", "n_train", "n_test",
    ),
    # <u, x> of every clip and level: what Fig. 2 draws. Not a table of the results folder.
    "projections": ("model", "effect", "label", "split", "clip", "level", "projection"),
    # The points of Fig. 1, at every level and `original`. Not a table of the results folder either.
    "trajectories": ("model", "effect", "label", "clip", "level", "x", "y"),
}  # fmt: skip


def format_value(value) -> str:
    """A cell: empty for None and NaN, the shortest text that reads back exactly for a float."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if hasattr(value, "item"):  # a NumPy scalar
        return format_value(value.item())
    return repr(value) if isinstance(value, float) else str(value)


def sort_key(value) -> tuple:
    """Order for one key cell: numbers by value, before text by code point."""
    try:
        return (0, float(value), "")
    except (TypeError, ValueError):
        return (1, 0.0, "" if value is None else str(value))


def write_table(path: str | Path, table: str, rows: Iterable[Mapping]) -> None:
    """Write `rows` (mappings from column to value; a missing column is empty) as CSV.

    Raises `ValueError` for a column that the table doesn't have: a fault of the caller.
    """
    columns, n_keys = COLUMNS[table], KEYS[table]
    rows = [dict(row) for row in rows]
    for row in rows:
        if unknown := set(row) - set(columns):
            raise ValueError(f"table {table} has no column {sorted(unknown)}")
    rows.sort(key=lambda row: [sort_key(row.get(column)) for column in columns[:n_keys]])
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([format_value(row.get(column)) for column in columns])


def read_table(path: str | Path, table: str) -> list[dict[str, str]]:
    """Read a table written by `write_table`; cells stay text."""
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS[table]:
            raise InputError(
                f"{path}: the columns are {reader.fieldnames}, expected {list(COLUMNS[table])}: "
                "delete the file and run again"
            )
        return list(reader)


def concatenate(parts: Iterable[str | Path], path: str | Path, table: str) -> None:
    """Write one table with the rows of all `parts`."""
    write_table(path, table, (row for part in parts for row in read_table(part, table)))


def summarise_r2(rows: Iterable[Mapping[str, str]]) -> list[dict]:
    """Table I: mean and standard deviation (ddof 1) of R2 over labels, from ``global_r2`` rows.

    Labels whose R2 is empty (a constant projection has none) are left out and not counted.
    """
    found = defaultdict(lambda: ([], []))
    for row in rows:
        train, test = found[row["model"], row["effect"]]
        train += [float(row["r2"])] if row["r2"] else []
        test += [float(row["r2_test"])] if row["r2_test"] else []

    def mean_and_deviation(values: list[float]) -> tuple[float | None, float | None]:
        mean = statistics.fmean(values) if values else None
        return mean, statistics.stdev(values) if len(values) > 1 else None

    summary = []
    for (model, effect), (train, test) in found.items():
        (mean, std), (mean_test, std_test) = map(mean_and_deviation, (train, test))
        summary.append(
            {
                "model": model,
                "effect": effect,
                "mean": mean,
                "std": std,
                "mean_test": mean_test,
                "std_test": std_test,
                "n_labels": len(train),
            }
        )
    return summary
