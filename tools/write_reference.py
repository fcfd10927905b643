"""Write docs/config_keys.md and docs/command_line.md (`make schema`)."""

import argparse
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from embedding_sensitivity.cli import make_parser
from embedding_sensitivity.experiment.settings import schema

ROOT = Path(__file__).resolve().parents[1]
# A config's two forms, then the sections that their keys refer to.
FIRST = ("Settings", "ImportSettings")
KEYS_PAGE = """\
# The keys of a config

`make schema` writes this page from the model that checks configs. A key that isn't listed is an
error. The comments in `config.yaml` say what changing a key costs. Effects and their options are in
docs/effects.md, models and theirs in docs/models.md, styles in docs/figures.md.
"""
COMMANDS_PAGE = """\
# The command line

`make schema` writes this page from the command's help. `embedding-sensitivity` is in `.venv/bin`,
and comes with `pip install '.[workflow]'`. The `make` targets of the same names call it.
"""


def format_type(key: Mapping) -> str:
    """Return a JSON schema's type in words."""
    if "$ref" in key:
        name = key["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in key and "type" not in key:
            return " or ".join(dict.fromkeys(format_type(each) for each in key[several]))
    if "enum" in key or "const" in key:
        return ", ".join(f"`{value}`" for value in key.get("enum", [key.get("const")]))
    found = key.get("type", "any")
    if found == "array":
        return f"list of {format_type(key.get('items', {}))}"
    if found == "object" and isinstance(key.get("additionalProperties"), Mapping):
        return f"mapping to {format_type(key['additionalProperties'])}"
    return found


def format_default(key: Mapping, required: bool) -> str:
    """Return a key's default as JSON; long ones are in the schema."""
    if required:
        return "required"
    text = json.dumps(key.get("default"))
    return f"`{text}`" if len(text) < 60 else "see the schema"


def write_keys() -> str:
    """List each section's keys."""
    sections = schema()["$defs"]
    parts = [KEYS_PAGE]
    for name in (*FIRST, *sorted(set(sections) - set(FIRST))):
        section = sections[name]
        parts.append(f"## {name}\n\n{section.get('description', '').strip()}\n")
        lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
        for key, value in section.get("properties", {}).items():
            required = key in section.get("required", ())
            cells = (f"`{key}`", format_type(value), format_default(value, required))
            meaning = value.get("description", "")
            if not meaning and "$ref" in value:
                meaning = sections[value["$ref"].rpartition("/")[2]]["description"].split("\n")[0]
            line = " | ".join(cell.replace("|", r"\|") for cell in (*cells, meaning))
            lines.append(f"| {line} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def list_commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its subcommands."""
    yield parser
    for action in parser._actions:  # argparse has no public way
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def write_commands() -> str:
    """Show the help of each command."""
    parts = [COMMANDS_PAGE]
    for parser in list_commands(make_parser()):
        parser.formatter_class = partial(argparse.HelpFormatter, width=90)
        parts.append(f"## {parser.prog}\n\n```\n{parser.format_help().strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    for name, text in (("config_keys", write_keys()), ("command_line", write_commands())):
        (ROOT / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
