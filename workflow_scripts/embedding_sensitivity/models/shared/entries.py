"""Check the keys of an entry of a config's `models` that `hub` or `onnx` reads."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.files.safe_names import find_text_fault
from embedding_sensitivity.models import AUTO


def check_keys(where: str, entry: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise `InputError` for a key that is not known; `where` is the key of the entry."""
    for key in entry:
        if key not in known:
            raise InputError(f"{where}.{key}: {say_unknown('key', key, known)}")


def check_text(where: str, value: Any, expected: str) -> None:
    """Raise `InputError` for what is no text, or can't be part of a path or a table."""
    if type(value) is not str or not value:
        raise InputError(f"{where}: is {value!r}, expected {expected}")
    if reason := find_text_fault(value):
        raise InputError(f"{where}: {value!r} {reason}: rename or correct it")


def choose_word(where: str, entry: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    """Return one of some words, by default the first."""
    value = entry.get(key, allowed[0])
    if value not in allowed:
        raise InputError(f"{where}.{key}: is {value!r}, expected {' or '.join(allowed)}")
    return value


def choose_number(where: str, entry: Mapping[str, Any], key: str, default: Any, least: int) -> Any:
    """Return a whole number of at least `least`, or the default."""
    value = entry.get(key, default)
    if value != default and (type(value) is not int or value < least):
        also = "auto or " if default == AUTO else ""
        raise InputError(f"{where}.{key}: is {value!r}, expected {also}a number from {least} up")
    return value


def choose_seconds(
    where: str, entry: Mapping[str, Any], key: str, default: float, least: float, most: float
) -> float:
    """Return a number of seconds between two."""
    value = entry.get(key, default)
    if type(value) not in (int, float) or not least <= value <= most:
        raise InputError(f"{where}.{key}: is {value!r}, expected {least:g} to {most:g} s")
    return float(value)
