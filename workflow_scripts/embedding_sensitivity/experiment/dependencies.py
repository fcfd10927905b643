"""Find the library modules that a script imports, directly or through each other."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

LIBRARY = "embedding_sensitivity"


def library_of(folder: Path, script: str, *chosen: str) -> set[Path]:
    """Return a script and all library modules that it depends on.

    Parameters
    ----------
    folder : folder of the scripts, with the library below it
    script, chosen : files below `folder`, without ending; `chosen` are the modules that the script
        picks by name when it runs (``embedding_sensitivity/models/logmel``)
    """
    found = {folder / f"{name}.py" for name in (script, *chosen)}
    waiting = list(found)
    while waiting:
        new = imported_by(folder, waiting.pop()) - found
        found |= new
        waiting += new
    return found


@functools.cache
def imported_by(folder: Path, path: Path) -> frozenset[Path]:
    """Return the library modules below `folder` that a Python file names in its imports."""
    found = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            target = folder.joinpath(*name.split("."))
            if name.startswith(f"{LIBRARY}."):
                found |= {target.with_suffix(".py"), target / "__init__.py"}
    return frozenset(path for path in found if path.exists())


def _statements(body: list[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements with those inside them; expressions, most of a module, hold no import."""
    for node in body:
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, block, []))
