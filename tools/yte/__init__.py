"""How the workflow's own Snakemake reads YAML: as data.

Snakemake reads configuration files and profiles with the package yte, which runs Python that such a
file holds (what begins with `?`, where the file says `__use_yte__: true`) before the workflow has
seen it. A config that somebody sends along must not. This module takes the place of that package's
own `yte/__init__.py` in `.venv` (see the Makefile). Only the workflow's own profiles may hold code.
"""

from pathlib import Path

import yaml

from yte.code_handler import CodeHandler
from yte.context import Context
from yte.document import Document
from yte.process import SKIP, _process_yaml_value

# The workflow's own, as trustworthy as its Makefile: they may choose by what is installed.
PROFILES = Path(__file__).resolve().parents[2] / "profiles"
# Of a whole document, what its aliases refer to counted each time: a few lines can stand for
# billions of values, which whoever walks through them never ends doing.
MOST_VALUES = 100_000


def process_yaml(file_or_str, outfile=None, variables=None, require_use_yte=False, **_):
    """Read a YAML document; one that is a template to be filled in by code is refused.

    Only plain values are read: no tag makes an object. What is refused ends the run in one line, as
    the workflow's own refusals do; bad syntax raises `yaml.YAMLError`, which Snakemake words.
    """
    name = getattr(file_or_str, "name", "the YAML document")
    try:
        node = yaml.compose(file_or_str, Loader=yaml.SafeLoader)
        if values_of(node, {}) > MOST_VALUES:
            raise SystemExit(
                f"error: {name}: more than {MOST_VALUES} values, aliases counted: too many"
            )
        document = yaml.constructor.SafeConstructor().construct_document(node) if node else None
    except yaml.constructor.ConstructorError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SystemExit(
            f"error: {name}{where}: {error.problem}: only plain values are read: remove it"
        ) from None
    except RecursionError:
        raise SystemExit(
            f"error: {name}: nested too deeply: a config file has a few levels"
        ) from None
    is_template = isinstance(document, dict) and document.pop("__use_yte__", None)
    if is_template and PROFILES in Path(name).resolve().parents:
        return filled_in(document)
    if is_template or not require_use_yte:
        raise SystemExit(
            f"error: {name}: code in YAML (__use_yte__) is not run here: write the values out"
        )
    if outfile is None:
        return document
    yaml.safe_dump(document, outfile, sort_keys=False)
    return None


def filled_in(document: dict) -> dict:
    """A template with the values of its expressions, by the package's own means."""
    variables = {"_process_yaml_value": _process_yaml_value, "SKIP": SKIP}
    variables["doc"] = variables["this"] = Document()
    return _process_yaml_value(document, variables, Context(), frozenset(), CodeHandler())


def values_of(node: yaml.Node | None, counted: dict[int, int]) -> int:
    """How many values a node stands for; `counted` has those of the nodes that are done."""
    if id(node) not in counted:
        counted[id(node)] = 1  # one that holds itself
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        inner = [part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,))]
        counted[id(node)] = 1 + sum(values_of(part, counted) for part in inner)
    return counted[id(node)]
