"""Tables of two runs side by side."""

import csv
import re
from pathlib import Path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows without p-values adjusted over the run's models: a run with others has others."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {key: row[key] for key in row if not re.fullmatch("p_.+_adjusted", key)} for row in rows
    ]


def read_model_rows(path: Path, model: str) -> list[dict[str, str]]:
    """Those of `read_rows` that are of a model."""
    return [row for row in read_rows(path) if row.get("model") == model]
