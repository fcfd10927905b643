"""How the workflow's own Snakemake reads YAML: as data.

Snakemake reads configuration files and profiles with the package yte, which runs Python that such a
file holds (what begins with `?`, where the file says `__use_yte__: true`) before the workflow has
seen it. A config that somebody sends along must not. This module takes the place of that package's
own `yte/__init__.py` in `.venv` (see the Makefile). One question is answered, without running any
code, for the profiles ask it: whether a module is installed here.
"""

import re
from importlib.util import find_spec

import yaml

INSTALLED = re.compile(r'\?if __import__\("importlib\.util"\)\.util\.find_spec\("(\w+)"\)')

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
    if is_template:
        document = answered(document)
    if not require_use_yte or (is_template and has_code(document)):
        raise SystemExit(
            f"error: {name}: code in YAML (__use_yte__) is not run here: write the values out"
        )
    if outfile is None:
        return document
    yaml.safe_dump(document, outfile, sort_keys=False)
    return None


def answered(document: dict) -> dict:
    """The document with what it says for modules that are installed, and less that of others."""
    answers = {}
    for key, value in document.items():
        if isinstance(value, dict) and (asked := INSTALLED.fullmatch(str(key))):
            answers |= value if find_spec(asked[1]) else {}
        else:
            answers[key] = value
    return answers


def has_code(value: object) -> bool:
    """Whether anything in it begins as code does."""
    if isinstance(value, dict):
        return any(has_code(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(has_code, value))
    return isinstance(value, str) and value.startswith("?")


def values_of(node: yaml.Node | None, counted: dict[int, int]) -> int:
    """How many values a node stands for; `counted` has those of the nodes that are done."""
    if id(node) not in counted:
        counted[id(node)] = 1  # one that holds itself
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        inner = [part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,))]
        counted[id(node)] = 1 + sum(values_of(part, counted) for part in inner)
    return counted[id(node)]
