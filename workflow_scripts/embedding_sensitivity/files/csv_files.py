"""CSV files that the workflow wrote itself."""

import csv
from collections.abc import Sequence
from pathlib import Path

from embedding_sensitivity.files.cells import unescaped_row
from embedding_sensitivity.files.errors import InputError


def read_rows(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a file with the header `columns`; `InputError` for another, or one cut short.

    Cells are text, as it was before it was escaped (`embedding_sensitivity.files.cells`).
    """
    with open(path, encoding="utf-8", newline="") as file:
        lines = file.readlines()
    reader = csv.DictReader(lines)
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise InputError(
            f"{path}: the columns are {reader.fieldnames}, expected {list(columns)}: "
            "delete the file and run again"
        )
    rows = list(reader)
    short = next((n for n, row in enumerate(rows, 1) if None in (*row, *row.values())), None)
    if short is None and not lines[-1].endswith("\n"):
        short = len(rows)
    if short is not None:
        raise InputError(
            f"{path}: row {short} is not whole, the file is damaged: delete it and run again"
        )
    return [unescaped_row(row) for row in rows]
