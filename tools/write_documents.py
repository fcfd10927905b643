"""Write documents' lists of measures, tables and figures from declarations (`make schema`).

Each list is between the comments ``<!-- NAME, written by make schema -->`` and ``<!-- end -->``.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from embedding_sensitivity.experiment.measures import (  # noqa: E402  (needs the path set above)
    COMMON,
    Table,
    list_measures,
)
from embedding_sensitivity.experiment.settings import collect_kinds  # noqa: E402
from embedding_sensitivity.experiment.tables import OTHERS  # noqa: E402


def all_tables() -> list[Table]:
    """Return the tables of the results folder, in the order of the report's sections."""
    measured = [table for m in list_measures() for table in m.tables if table.is_result]
    others = ("dropped_clips", "recordings", "signal_change", "paper_comparison")
    return [*measured, *(OTHERS[name] for name in others)]


def rows(*cells: Iterable[str]) -> str:
    """Format rows as a Markdown table, the first as its head."""
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in cells)
    head, *body = (f"| {' | '.join(row)} |" for row in escaped)
    return "\n".join([head, "|" + "---|" * len(cells[0]), *body])


def write_columns() -> str:
    """List the columns of each table with their meanings."""
    tables = rows(("table", "columns"), *((t.name, ", ".join(t.columns)) for t in all_tables()))
    common = [("`" + name + "`", meaning) for name, meaning in COMMON.items()]
    parts = [tables, "What columns of several tables mean:", rows(("column", "is"), *common)]
    for table in all_tables():
        own = [
            (f"`{name}`", what) for name, what in table.columns.items() if COMMON.get(name) != what
        ]
        keys = ", ".join(table.keys)
        head = textwrap.fill(f"`{table.name}.csv`, a row for each {keys}:", 100)
        parts += [head, rows(("column", "is"), *own)]
    return "\n\n".join(parts)


def write_measures() -> str:
    """List the measures."""
    return rows(
        ("measure", "section of the report", "tables", "figures"),
        *(
            (
                f"[{measure.title}](../workflow_scripts/embedding_sensitivity/measures/{measure.name}.py)",
                measure.section.partition(". ")[2],
                ", ".join(f"`{table.name}`" for table in measure.tables if table.is_result),
                ", ".join(f"`{kind.name}`" for kind in measure.figures),
            )
            for measure in list_measures()
        ),
    )


def write_sides() -> str:
    """What each measure does with a parameter that has two sides."""
    body = ((f"`{measure.name}`", measure.two_sided) for measure in list_measures())
    return rows(("measure", "a neutral level between others"), *body)


def write_figures() -> str:
    """List the kinds of figures with their style keys."""

    def format_value(value) -> str:
        return str(value).lower() if isinstance(value, bool) else f"{value}"

    endings = {
        "model": "_<model>_<effect>",
        "effect": "_<effect>",
        "all effects": "_<model>",
        "run": "",
    }
    return rows(
        ("figure", "paper", "shows", "style keys (default)"),
        *(
            (
                f"`{kind.name}{endings[kind.per]}`",
                kind.paper,
                kind.shows,
                ", ".join(
                    f"`{key}` ({format_value(value)})" for key, value in kind.defaults.items()
                ),
            )
            for kind in collect_kinds(list_measures()).values()
        ),
    )


PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "results/README.md": {"columns": write_columns},
    "docs/measures.md": {"index": write_measures, "sides": write_sides},
    "docs/figures.md": {"kinds": write_figures},
}


def render(name: str) -> str:
    """Return a document's text with its lists up to date."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for part, write in PARTS[name].items():
        begin = f"<!-- {part}, written by make schema -->"
        pattern = re.compile(f"{re.escape(begin)}.*?<!-- end -->", re.S)
        if not pattern.search(text):
            raise ValueError(f"{name} has no part {begin}")
        text = pattern.sub(lambda _, w=write, b=begin: f"{b}\n\n{w()}\n\n<!-- end -->", text)
    return text


if __name__ == "__main__":
    for document in PARTS:
        (ROOT / document).write_text(render(document), encoding="utf-8")
