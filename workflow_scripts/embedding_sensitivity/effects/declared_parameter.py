"""A parameter that nobody renders here: its name, unit, scale and neutral level are the config's.

Its audio, or its embeddings, were made elsewhere.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from embedding_sensitivity.effects import EFFECTS, Effect, Instance, Parameter
from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.files.safe_names import find_text_fault

# Levels of a parameter of which nothing is known.
MAX_LEVEL = 1e12
MAX_PARAMETER = 32
MAX_UNIT = 16
# The least level on a logarithmic axis of an effect that accepts 0 too.
MIN_LOG_LEVEL = 1e-6
NEEDED = {"unit": "text, which may be empty", "scale": "linear or log"}
KIND = "declared in the config"


def declare(name: str, entry: Mapping[str, Any], is_new: bool = False) -> Effect:
    """Return the effect whose levels were made elsewhere, or one of the workflow's own.

    Parameters
    ----------
    name : its key in the config's `effects`
    entry : those of `parameter`, `unit`, `scale` and `neutral` that are given
    is_new : whether the entry says that the parameter is new; else the name may be a mistake

    Raises
    ------
    InputError
        in one line that names the key: unit or scale of a new parameter that isn't given, a value
        that isn't accepted
    """
    where = f"effects.{name}"
    effect = EFFECTS.get(name) or _make_new(where, name, entry, is_new)
    if (parameter := entry.get("parameter")) is not None:
        check_text(f"{where}.parameter", parameter, MAX_PARAMETER)
        effect = replace(effect, parameter=parameter)
    return describe(where, effect, entry)


def _make_new(where: str, name: str, entry: Mapping[str, Any], is_new: bool) -> Effect:
    if not is_new and not any(entry.get(key) is not None for key in NEEDED):
        raise InputError(
            f"effects: {say_unknown('effect', name, EFFECTS)}; of a parameter of your own, give "
            f"unit and scale in {where}"
        )
    for key, expected in NEEDED.items():
        if entry.get(key) is None:
            raise InputError(
                f"{where}.{key}: is missing, and {name} is none of the workflow's own effects: add "
                f"{key} ({expected}), as in {{unit: dB, scale: linear, neutral: null}}"
            )
    return Effect(
        parameter=name.replace("_", " "),
        unit="",
        decimals=None,
        range=(1 / MAX_LEVEL if entry["scale"] == "log" else -MAX_LEVEL, MAX_LEVEL),
        make=_refuse,
        name=name,
        instance=Instance(KIND),
    )


def _refuse(level: float, samplerate: int) -> Callable:
    raise InputError(f"level {level:g} was made elsewhere, and cannot be rendered here")


def describe(where: str, effect: Effect, given: Mapping[str, Any]) -> Effect:
    """Return the effect with the unit, scale and neutral level that a config gives.

    Raises `InputError` that names the key, below `where`, of a value that isn't accepted.
    """
    if "unit" in given:
        check_text(f"{where}.unit", given["unit"], MAX_UNIT)
        effect = replace(effect, unit=given["unit"])
    if "scale" in given:
        low, high = effect.range
        if given["scale"] not in ("linear", "log"):
            raise InputError(f"{where}.scale: is {given['scale']!r}, expected linear or log")
        if given["scale"] == "log" and low < 0:
            raise InputError(
                f"{where}.scale: is log, but levels from {low:g} to {high:g} aren't all positive: "
                "set linear"
            )
        if given["scale"] == "log":
            effect = replace(effect, range=(low or MIN_LOG_LEVEL, high))
        effect = replace(effect, scale=given["scale"])
    if "neutral" in given:
        neutral = given["neutral"]
        if neutral is not None:
            neutral = check_number(where, "neutral", effect.level, given)
        effect = replace(effect, neutral=neutral)
    if effect.scale == "log" and effect.neutral is not None and effect.neutral <= 0:
        key = "neutral" if "neutral" in given else "scale"
        raise InputError(
            f"{where}.{key}: the neutral level {effect.neutral:g} has no place on a logarithmic "
            "scale: set scale: linear, or neutral: null"
        )
    return effect


def check_text(key: str, text: Any, most: int) -> None:
    """Raise `InputError` that names `key` for what can't be written beside an axis."""
    if not isinstance(text, str) or len(text) > most or find_text_fault(text or "-"):
        raise InputError(f"{key}: is {text!r}, expected at most {most} printable characters")


def check_number(
    where: str,
    key: str,
    parameter: Parameter | None,
    given: Mapping[str, Any],
    needed: str | None = None,
) -> float:
    """Return the number that `given` has for a parameter, or raise `InputError`.

    `needed` is what varies, where it has to be there.
    """
    if key not in given:
        raise InputError(f"{where}.{key}: is missing: {needed} varies, so give its value")
    value = given[key]
    if type(value) not in (int, float) or not math.isfinite(value):
        raise InputError(f"{where}.{key}: is {value!r}, expected a number")
    if parameter and (fault := parameter.find_fault(value)):
        raise InputError(f"{where}.{key}: {fault}")
    return float(value)
