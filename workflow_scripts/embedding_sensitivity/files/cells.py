"""Text in CSV cells: written so that a spreadsheet takes none for a formula, and read back.

A spreadsheet evaluates a cell that begins with one of a few characters (OWASP, CSV Injection), and
clips and labels have names that others gave them. Such a cell gets an apostrophe in front, which
spreadsheets take as the sign of text. Numbers, levels such as ``-40.0`` too, stay as they are.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n]")
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)", re.ASCII | re.IGNORECASE
)
Value = TypeVar("Value")


def escaped(value: Value) -> Value | str:
    """A cell to write: text that would be a formula with an apostrophe in front."""
    if not isinstance(value, str) or not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def unescaped(cell: Value) -> Value | str:
    """What `escaped` was given, from the cell that was written."""
    return cell[1:] if isinstance(cell, str) and _ESCAPED.match(cell) else cell


def escaped_row(row: Mapping[str, object]) -> dict[str, object]:
    """`escaped` for each cell of a row."""
    return {column: escaped(value) for column, value in row.items()}


def unescaped_row(row: Mapping[str, object]) -> dict[str, object]:
    """`unescaped` for each cell of a row."""
    return {column: unescaped(value) for column, value in row.items()}
