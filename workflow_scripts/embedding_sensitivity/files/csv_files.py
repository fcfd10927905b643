"""CSV files of the workflow: written whole, read back only if they are whole."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping]) -> None:
    """Write a header of `columns`, then the rows: text as it is, None as an empty cell."""
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a file that `write_rows` wrote; cells stay text.

    Raises `InputError` if the header is not `columns` or the file is truncated.
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
    return rows


def parse_number(cell: str | None) -> float | None:
    """Return the number in a cell; None for an empty cell, and for a row without that column."""
    return float(cell) if cell else None
