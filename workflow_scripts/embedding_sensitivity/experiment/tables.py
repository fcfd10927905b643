"""The tables: their columns, and CSV that has the same bytes for the same rows."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from embedding_sensitivity.files.csv_files import read_rows, write_rows

# How many leading columns identify a row; tables are sorted by them.
KEYS = {
    "global_r2": 3,
    "table1": 2,
    "samplewise_r2": 3,
    "spectra": 4,
    "n_directions": 4,
    "dimensionality": 3,
    "principal_angles": 4,
    "auc": 7,
    "auc_gain": 7,
    "verdicts": 4,
    "displacement": 4,
    "displacement_order": 3,
    "projections": 6,
    "trajectories": 5,
    "paper_comparison": 8,
    "dropped_clips": 1,
    "comparison_global_r2": 3,
    "comparison_table1": 2,
    "comparison_auc": 7,
    "comparison_summary": 3,
}
# Columns that identify a row too, though they came after others: a table only grows at its end.
LATER_KEYS = {"principal_angles": ("method", "index"), "verdicts": ("train", "test")}
COLUMNS = {
    "global_r2": (
        "model", "effect", "label", "r2", "r2_test", "saturated", "r2_null_mean", "r2_null_high",
        "r2_low", "r2_high", "r2_heldout_levels", "n_clips", "n_levels", "r2_test_low",
        "r2_test_high", "r2_test_null_high", "n_groups", "n_groups_test",
    ),
    "table1": (
        "model", "effect", "mean", "std", "mean_test", "std_test", "n_labels", "mean_null",
        "n_above_null", "mean_test_low", "mean_test_high", "mean_heldout_levels",
    ),
    "samplewise_r2": (
        "model", "effect", "clip", "label", "r2", "n_distinct_points", "r2_heldout_levels",
    ),
    "spectra": ("model", "effect", "label", "index", "directions", "originals"),
    "n_directions": ("model", "effect", "label", "threshold", "n_directions"),
    "dimensionality": (
        "model", "effect", "label", "participation_ratio", "n_directions_90",
        "mean_displacement_share",
    ),
    "principal_angles": ("model", "effect", "label_a", "label_b", "angle_deg", "method", "index"),
    "auc": (
        "model", "effect", "label", "method", "threshold", "train", "test", "roc_auc", "best_c",
        "n_tied_c", "n_train", "n_test",
    ),
    "auc_gain": (
        "model", "effect", "label", "method", "threshold", "train", "test", "gain", "low", "high",
        "p", "p_adjusted", "n_groups",
    ),
    "verdicts": (
        "model", "effect", "method", "threshold", "helps", "harms", "neither", "mean_gain",
        "train", "test", "untested", "lowest_gain", "highest_gain",
    ),
    "displacement": (
        "model", "effect", "level", "label", "cosine", "euclidean", "relative", "frechet", "cka",
        "cosine_q05", "cosine_q50", "cosine_q95", "euclidean_q05", "euclidean_q50",
        "euclidean_q95", "relative_q05", "relative_q50", "relative_q95", "n_clips",
    ),
    "displacement_order": (
        "model", "effect", "label", "spearman_cosine", "spearman_euclidean", "spearman_frechet",
        "spearman_cka", "n_levels",
    ),
    # <u, x> of every clip and level: what Fig. 2 draws. Not a table of the results folder.
    "projections": ("model", "effect", "label", "split", "clip", "level", "projection"),
    # The points of Fig. 1, at every level and `original`. Not a table of the results folder either.
    "trajectories": ("model", "effect", "label", "clip", "level", "x", "y"),
    "paper_comparison": (
        "quantity", "model", "effect", "label", "method", "threshold", "train", "test", "paper",
        "ours", "difference", "paper_std", "difference_in_std",
    ),
    "dropped_clips": ("clip", "path", "reason"),
    # Two experiments, a and b: the tables of results/comparisons/<a>/<b>/.
    "comparison_global_r2": (
        "model", "effect", "label", "r2_a", "r2_b", "r2_difference", "r2_test_a", "r2_test_b",
        "r2_test_difference", "saturated_a", "saturated_b",
    ),
    "comparison_table1": (
        "model", "effect", "mean_a", "mean_b", "mean_difference", "std_a", "std_b",
        "std_difference", "mean_test_a", "mean_test_b", "mean_test_difference", "std_test_a",
        "std_test_b", "std_test_difference", "n_labels_a", "n_labels_b",
    ),
    "comparison_auc": (
        "model", "effect", "label", "method", "threshold", "train", "test", "roc_auc_a",
        "roc_auc_b", "roc_auc_difference",
    ),
    "comparison_summary": (
        "model", "effect", "quantity", "n_compared", "n_only_a", "n_only_b", "n_saturated",
        "mean_difference", "mean_absolute_difference", "largest_absolute_difference",
    ),
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
    columns = COLUMNS[table]
    keys = (*columns[: KEYS[table]], *LATER_KEYS.get(table, ()))
    rows = [dict(row) for row in rows]
    for row in rows:
        if unknown := set(row) - set(columns):
            raise ValueError(f"table {table} has no column {sorted(unknown)}")
    rows.sort(key=lambda row: [sort_key(row.get(column)) for column in keys])
    cells = ({column: format_value(row.get(column)) for column in columns} for row in rows)
    write_rows(path, columns, cells)


def read_table(path: str | Path, table: str) -> list[dict[str, str]]:
    """Read a table written by `write_table`; cells stay text. Raises `InputError` if damaged."""
    return read_rows(path, COLUMNS[table])


def concatenate(parts: Iterable[str | Path], path: str | Path, table: str) -> None:
    """Write one table with the rows of all `parts`."""
    write_table(path, table, (row for part in parts for row in read_table(part, table)))


def summarise_r2(rows: Iterable[Mapping[str, str]]) -> list[dict]:
    """Table I: mean and standard deviation (ddof 1) of R2 over labels, from ``global_r2`` rows.

    Labels whose R2 is empty (a constant projection has none) are left out and not counted.
    `n_above_null` counts those with an R2 above its high null. The interval of the mean test R2
    adds the distances to the labels' interval ends in quadrature, since labels have recordings of
    their own (MOVER: Zou and Donner 2008, doi:10.1002/sim.3095); it is empty if a label has none.
    """
    found = defaultdict(list)
    for row in rows:
        found[row["model"], row["effect"]].append(row)
    summary = []
    for (model, effect), labels in found.items():
        train = _numbers(labels, "r2")
        test = _numbers(labels, "r2_test")
        summary.append(
            {
                "model": model,
                "effect": effect,
                "mean": _mean(train),
                "std": _deviation(train),
                "mean_test": _mean(test),
                "std_test": _deviation(test),
                "n_labels": len(train),
                "mean_null": _mean(_numbers(labels, "r2_null_mean")),
                "n_above_null": sum(
                    float(row["r2"]) > float(row["r2_null_high"])
                    for row in labels
                    if row["r2"] and row["r2_null_high"]
                ),
                "mean_test_low": _end_of_mean(labels, "r2_test_low"),
                "mean_test_high": _end_of_mean(labels, "r2_test_high"),
                "mean_heldout_levels": _mean(_numbers(labels, "r2_heldout_levels")),
            }
        )
    return summary


def _numbers(rows: Iterable[Mapping[str, str]], column: str) -> list[float]:
    return [float(row[column]) for row in rows if row[column]]


def _mean(values: list[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _deviation(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _end_of_mean(rows: Iterable[Mapping[str, str]], column: str) -> float | None:
    """One end of the interval of the mean test R2, from the same end of each label's."""
    rows = [row for row in rows if row["r2_test"]]
    if not rows or not all(row[column] for row in rows):
        return None
    distances = [float(row[column]) - float(row["r2_test"]) for row in rows]
    sign = -1 if column.endswith("_low") else 1
    return _mean(_numbers(rows, "r2_test")) + sign * math.hypot(*distances) / len(rows)
