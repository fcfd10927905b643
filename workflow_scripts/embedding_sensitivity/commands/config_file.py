"""Read a config file, and reject text that YAML silently takes for something else.

YAML 1.1, which Snakemake uses too, takes the last of two equal keys, reads `0500` as an octal
number, `1:30` in base 60, and `no` as false.
"""

import codecs
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from embedding_sensitivity.experiment.settings import Settings, load_settings
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.declarations import locate_config_copy
from embedding_sensitivity.files.errors import InputError

OPTIONS = ("--configfile", "--configfiles")
# Longer marks first: a shorter one may be their beginning.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
# What YAML reads unquoted text as, by the end of its tag.
KINDS = {
    "bool": "true or false",
    "null": "nothing",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
}


def read_config(path: str) -> dict:
    """Return a config file's keys; only `experiment`, the name of a folder, is checked."""
    config = parse(read_text(path), path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: the file: found {config!r}, expected keys with their values")
    if "experiment" not in config:
        raise InputError(
            f"{path}: experiment: is missing: add it (config/demo.yaml has an example)"
        )
    name = config["experiment"]
    if not isinstance(name, str) or not name or name != os.path.basename(name) or name[0] == ".":
        raise InputError(f"{path}: experiment: found {name!r}, expected the name of a folder")
    return config


def read_settings(path: str) -> Settings:
    """Return a config file's settings, every key checked."""
    return load_settings(read_config(path), path)


def give_to_snakemake(path: str) -> str:
    """Check a config file; return its path, or that of a UTF-8 copy if it has another encoding."""
    text = read_text(path)
    parse(text, path)
    if find_encoding(Path(path).read_bytes()) in ("utf-8", "utf-8-sig"):
        return path
    copy = locate_config_copy(path)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with replacing(copy) as part:
        Path(part).write_text(text, encoding="utf-8")
    return str(copy)


def give_all_to_snakemake(arguments: Sequence[str]) -> list[str]:
    """Return Snakemake's arguments, with each config file checked and in UTF-8."""
    found, before = [], ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if argument.startswith("-"):
            before = option
            is_config = equals and option in OPTIONS
            found.append(f"{option}={give_to_snakemake(value)}" if is_config else argument)
        elif before in OPTIONS:
            found.append(give_to_snakemake(argument))
            before = "a config file"
        elif before == "a config file":
            raise InputError(
                f"--configfile takes {argument} for a second config file: write -- before the "
                "targets (one config file is enough, it is complete in itself)"
            )
        else:
            found.append(argument)
    return found


def check_as_written(path: str) -> None:
    """Check a file with `parse`; not a pipe, which can be read only once."""
    if Path(path).is_file():
        parse(read_text(path), path)


def check_part_as_written(config: dict, files: Iterable[str]) -> None:
    """Check a configuration that another workflow's files have, at the top or below a key."""
    for path in filter(os.path.isfile, files):
        tree = compose(read_text(path), path)
        values = load(tree, path)
        if values == config:
            check_tree(tree, path)
        elif isinstance(values, dict) and config in values.values():
            for key, value in tree.value:
                if values.get(key.value) == config:
                    check_tree(value, path, (key.value,))


def find_encoding(content: bytes) -> str:
    """Return a text's encoding by its byte order mark; without one, UTF-8."""
    return next((encoding for mark, encoding in MARKS if content.startswith(mark)), "utf-8")


def read_text(path: str | os.PathLike) -> str:
    """Read a config file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such config file: give the path of one") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give a config file") from None
    encoding = find_encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line}: byte 0x{content[error.start]:02x} is not {encoding.upper()}: "
            "save the file as UTF-8"
        ) from None


def parse(text: str, path: str | os.PathLike) -> Any:
    """Return the values of a text in YAML or JSON; `InputError` names a bad line."""
    tree = compose(text, path)
    check_tree(tree, path)
    return load(tree, path)


def compose(text: str, path: str | os.PathLike) -> yaml.Node | None:
    """Return the tree of a text; None for an empty text."""
    with _in_one_line(text, path):
        # Unlike YAML, JSON may be indented by tabs.
        return yaml.compose(text.expandtabs() if _is_json(text) else text, yaml.SafeLoader)


def load(tree: yaml.Node | None, path: str | os.PathLike) -> Any:
    """Return the values of a tree."""
    with _in_one_line("", path):
        return None if tree is None else yaml.SafeLoader("").construct_document(tree)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@contextmanager
def _in_one_line(text: str, path: str | os.PathLike) -> Iterator[None]:
    """Turn PyYAML's errors into an `InputError` with file and line."""
    try:
        yield
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"character {chr(error.character)!r} is not allowed: remove it, or save as UTF-8"
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1
        reason = ", ".join(filter(None, (error.context, error.problem)))
        if "'\\t'" in reason:
            reason = "a tab where YAML allows only spaces: replace it by spaces"
        else:
            reason += ": correct it (a quote, bracket or space may be missing above)"
    else:
        return
    raise InputError(f"{path}: line {line}: {reason}")


def check_tree(tree: yaml.Node | None, path: str | os.PathLike, keys: tuple[str, ...] = ()) -> None:
    """Raise `InputError` for the first key or value that YAML takes for something else.

    `keys` are those that lead to the tree.
    """
    for node, own, reason in _find_faults(tree, keys, set()):
        line = node.start_mark.line + 1
        raise InputError(f"{path}: line {line}: {'.'.join(own) or 'the file'}: {reason}")


def _find_faults(
    node: yaml.Node | None, keys: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[yaml.Node, tuple[str, ...], str]]:
    """Yield faults below a node, each with its node and the keys that lead to it."""
    if node is None or id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _find_faults(item, (*keys, str(index)), seen)
    elif isinstance(node, yaml.MappingNode):
        lines = {}
        for key, value in node.value:
            own = (*keys, str(key.value))
            if (first := lines.setdefault(own, key)) is not key:
                line = first.start_mark.line + 1
                yield key, own, f"is repeated, first in line {line}: remove one of them"
            if isinstance(key, yaml.ScalarNode) and (reason := _find_fault(key, own, True)):
                yield key, own, reason
            yield from _find_faults(value, own, seen)
    elif reason := _find_fault(node, keys, False):
        yield node, keys, reason


def _find_fault(node: yaml.ScalarNode, keys: tuple[str, ...], is_key: bool) -> str:
    """Return what YAML wrongly takes a key or value for; empty if it is right."""
    kind, text = node.tag.rpartition(":")[2], node.value
    if node.style is not None or kind not in KINDS:  # quoted, or text
        return ""
    digits = text.lstrip("+-").replace("_", "")
    if ":" in text and kind != "timestamp":
        return f"{text} is read in base 60, as {_read(node):g}: write the number, or quote the text"
    if kind == "int" and digits.isdecimal() and int(digits) != abs(_read(node)):
        return f"{text} is read as octal, {_read(node)}: drop the zero, or quote the text"
    is_label = keys[-2:-1] == ("labels",)
    is_word = kind == "bool" and text.lower() not in ("true", "false")
    if is_label or is_word or kind == "timestamp" or (is_key and kind == "bool"):
        meant = f", or write {str(_read(node)).lower()}" if is_word and not is_label else ""
        return f"{text} is read as {KINDS[kind]}, not as text: quote it{meant}"
    return ""


def _read(node: yaml.ScalarNode) -> Any:
    return yaml.SafeLoader("").construct_object(node)
