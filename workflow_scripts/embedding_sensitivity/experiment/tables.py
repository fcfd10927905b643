"""Read and write tables: the same rows give the same bytes of CSV."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from embedding_sensitivity.experiment.measures import Table, describe, list_measures
from embedding_sensitivity.files.csv_files import read_rows, write_rows


def _describe_both(common: str, numbers: str, as_it_is: str = "") -> dict[str, str]:
    """Describe columns of experiments a and b, and for `numbers` also their difference."""
    columns = describe(common)
    for number in numbers.split():
        columns[f"{number}_a"] = f"{number} of experiment a"
        columns[f"{number}_b"] = f"{number} of experiment b"
        columns[f"{number}_difference"] = "b - a"
    for name in as_it_is.split():
        columns |= {f"{name}_{side}": f"{name} of experiment {side}" for side in "ab"}
    return columns


SIGNAL = {
    "snr_db": "signal-to-noise ratio of the change: the clip's power over that of effected clip "
    "less clip, in dB; `inf` of a clip that comes back as it was",
    "loudness_change_lu": "effected clip's loudness less the clip's (ITU-R BS.1770-4), in LU; "
    "empty where one has none: under 0.4 s, or -70 LUFS",
    "rms_change_db": "effected clip's RMS over the clip's, in dB",
    "log_spectral_distance_db": "root mean square over frequency of the difference of spectra in "
    "dB, mean over windows (Hann, 46 ms) and channels; bins 80 dB under the clip's loudest count "
    "as silent",
}
SIGNAL_QUANTILES = {
    f"{name}_q{percent}": f"{percent} % quantile of `{name}` over clips, one of their values"
    for name in SIGNAL
    for percent in (10, 50, 90)
}
# Tables that belong to no measure: of clips, of effected audio and of comparisons.
OTHERS = {
    table.name: table
    for table in (
        Table(
            "dropped_clips",
            {
                "clip": "clip id",
                "path": "its file",
                "reason": "why it is no valid clip",
            },
            ("clip",),
        ),
        Table(
            "recordings",
            {
                **describe("label"),
                "train_clips": "training clips",
                "test_clips": "test clips",
                "train_recordings": "recordings of the training clips",
                "test_recordings": "recordings of the test clips",
                "torn": "recordings with clips in both",
                "unnamed": "clips of which nothing says the recording: each counts as one",
                "shared": "recordings with clips of other labels too",
            },
            ("label",),
        ),
        Table(
            "signal_clips",
            {
                **describe("effect level clip label"),
                **SIGNAL,
                "unchanged": "1 where the clip comes back as it was",
            },
            ("effect", "level", "clip"),
        ),
        Table(
            "signal_change",
            {
                **describe("effect level"),
                "label": "label of the clips; empty: those of all labels",
                **{name: f"mean over clips where it is finite: {SIGNAL[name]}" for name in SIGNAL},
                **SIGNAL_QUANTILES,
                "unchanged": "share of clips that come back as they were",
                "n_clips": "clips that were measured: at most 20 a label",
            },
            ("effect", "level", "label"),
        ),
        Table(
            "paper_comparison",
            {
                "quantity": "`r2_mean` or `r2_std` of Table I, or `roc_auc` of Fig. 4",
                **describe("model effect label method threshold train test"),
                "paper": "the published number",
                "ours": "this run's",
                "difference": "ours - paper",
                "paper_std": "of `r2_mean`: the paper's standard deviation over labels",
                "difference_in_std": "difference / paper_std",
            },
            ("quantity", "model", "effect", "label", "method", "threshold", "train", "test"),
        ),
        Table(
            "comparison_global_r2",
            _describe_both("model effect label", "r2 r2_test", "saturated"),
            ("model", "effect", "label"),
        ),
        Table(
            "comparison_table1",
            _describe_both("model effect", "mean std mean_test std_test", "n_labels"),
            ("model", "effect"),
        ),
        Table(
            "comparison_auc",
            _describe_both("model effect label method threshold train test", "roc_auc"),
            ("model", "effect", "label", "method", "threshold", "train", "test"),
        ),
        Table(
            "comparison_summary",
            describe(
                "model effect",
                quantity="`r2`, `r2_test` or `roc_auc`",
                n_compared="rows of both experiments",
                n_only_a="rows that b lacks",
                n_only_b="rows that a lacks",
                n_saturated="rows left out, whose r2 is 1 by identity",
                mean_difference="mean of b - a",
                mean_absolute_difference="mean of its size",
                largest_absolute_difference="its largest size",
            ),
            ("model", "effect", "quantity"),
        ),
    )
}


def find_table(table: Table | str) -> Table:
    """Find a table by name: of a measure of the library, or of `OTHERS`."""
    if isinstance(table, Table):
        return table
    if table in OTHERS:
        return OTHERS[table]
    return next(
        found for measure in list_measures() for found in measure.tables if found.name == table
    )


def find_declarations(*tables: str) -> list[tuple[Path, tuple[str, ...]]]:
    """Find the files that declare tables of measures, for `source_code.find_code_files`."""
    wanted = set(tables)
    return [(m.file, ()) for m in list_measures() if wanted & {table.name for table in m.tables}]


def format_value(value) -> str:
    """Format a value: None and NaN as empty text, a float so that it reads back exactly."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if hasattr(value, "item"):  # a NumPy scalar
        return format_value(value.item())
    return repr(value) if isinstance(value, float) else str(value)


def sort_key(value) -> tuple:
    """Sort numbers by value, and before text, which is sorted by code point."""
    try:
        return (0, float(value), "")
    except (TypeError, ValueError):
        return (1, 0.0, "" if value is None else str(value))


def write_table(path: str | Path, table: Table | str, rows: Iterable[Mapping]) -> None:
    """Write `rows` (mappings from column to value; a missing column is empty) as CSV.

    Raises `ValueError` for a column that the table does not have.
    """
    table = find_table(table)
    rows = [dict(row) for row in rows]
    for row in rows:
        if unknown := set(row) - set(table.columns):
            raise ValueError(f"table {table.name} has no column {sorted(unknown)}")
    rows.sort(key=lambda row: [sort_key(row.get(column)) for column in table.keys])
    texts = ({column: format_value(row.get(column)) for column in table.columns} for row in rows)
    write_rows(path, table.columns, texts)


def read_table(path: str | Path, table: Table | str) -> list[dict[str, str]]:
    """Read a table; values stay text. Raises `InputError` if the file is damaged."""
    return read_rows(path, find_table(table).columns)


def concatenate(parts: Iterable[str | Path], path: str | Path, table: Table | str) -> None:
    """Write the rows of all `parts` into one table."""
    write_table(path, table, (row for part in parts for row in read_table(part, table)))
