"""Write docs/api.md from the docstrings of the public API, without importing it (`make schema`)."""

import ast
import inspect
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow_scripts" / "embedding_sensitivity"
TITLE = re.compile(r"^(\w+)\n-+\n", re.MULTILINE)
INTRODUCTION = """\
# The library

`make schema` writes this page from the docstrings of `embedding_sensitivity/api.py`.

`pip install .` in a checkout gives `import embedding_sensitivity` (Python 3.11 or later, NumPy
and SciPy) and the command `embedding-sensitivity`. Extras bring what some functions need:
`pip install '.[stores]'` (h5py, to read and write stores), `.[audio]` (rendering, log-mel),
`.[torch]` (networks), `.[figures]`, `.[workflow]` (Snakemake, all subcommands). In a checkout
`.venv` has the command already. The notebook `docs/first_curve.ipynb` opens a store and draws a
curve.

The examples begin with

```python
import numpy as np
from embedding_sensitivity import *
```

Shapes: P levels, N clips, d dimensions. Bad input raises `InputError`, one line.
"""


def read_names() -> list[str]:
    """Read the public names, in their order."""
    tree = ast.parse((LIBRARY / "__init__.py").read_text(encoding="utf-8"))
    assigned = {n.targets[0].id: n.value for n in tree.body if isinstance(n, ast.Assign)}
    return ast.literal_eval(assigned["__all__"])


def format_section(title: str, text: str) -> str:
    """Format a section of a numpydoc docstring as Markdown."""
    if title == "Examples":
        return f"```pycon\n{text}\n```"
    if title not in ("Parameters", "Raises"):
        return wrap(f"**{title}** {text}")
    entries = []
    for line in text.splitlines():
        if line.startswith(" "):
            entries[-1].append(line)
        else:
            name, _, kind = line.partition(" : ")
            entries.append([f"`{name}` {kind}".strip()])
    raises = "**Raises** " if title == "Raises" else "- "
    joined = (f"{first}{': ' if rest else ''}{' '.join(rest)}" for first, *rest in entries)
    return "\n".join(wrap(f"{raises}{entry}", "  ") for entry in joined)


def wrap(text: str, indent: str = "") -> str:
    text = " ".join(text.split())
    return textwrap.fill(text, 120, subsequent_indent=indent, break_on_hyphens=False)


def describe(function: ast.FunctionDef) -> str:
    """Format a function's signature and docstring."""
    start, *rest = TITLE.split(inspect.cleandoc(ast.get_docstring(function)))
    sections = zip(rest[::2], rest[1::2], strict=True)
    formatted = [format_section(title, text.strip("\n")) for title, text in sections]
    for argument in ast.walk(function.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    signature = f"{function.name}({ast.unparse(function.args)})"
    return "\n\n".join([f"## `{signature}`", start.strip(), *formatted])


def make_page() -> str:
    tree = ast.parse((LIBRARY / "api.py").read_text(encoding="utf-8"))
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    described = [describe(functions[name]) for name in read_names() if name in functions]
    return "\n\n".join([INTRODUCTION.rstrip(), *described]) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "api.md").write_text(make_page(), encoding="utf-8")
