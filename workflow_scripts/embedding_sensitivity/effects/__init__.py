"""The audio effects: the contract, and those there are. One file of this folder is one effect.

Imported for the plan, in Snakemake's own environment, which has no NumPy: what computes is imported
by the functions that compute. A user's own effect is such a file too, named in the config.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from embedding_sensitivity.files.declarations import discover, load_declaration
from embedding_sensitivity.files.errors import InputError


@dataclass(frozen=True)
class Effect:
    """An effect and the parameter whose values are its levels, declared as a module's `EFFECT`.

    Attributes
    ----------
    parameter, unit : of a level, as axes are labelled; the unit may be empty
    decimals : of a level string
    range : accepted levels, first and last
    make : ``make(level, samplerate, **options)`` returns a function from one clip, float32 (frames,
        channels), to the effected clip of that shape, float32 or float64
    scale : of an axis of levels
    neutral : the level at which the effect does nothing
    mild_end : of an effect without: the end of the levels at which it does least
    options : fixed ones, given to `make`
    find_fault_at : why a level in the range isn't accepted at a sample rate, or None if it is
    stateful : what `make` returns goes on from clip to clip, and has a method ``reset()``
    needs_seed : `make` gets an integer `seed` too, the same for a clip at all levels
    keeps_length : if not, effected clips are cut, or padded with silence, to the clip's length
    max_channels : that the effect accepts
    packages : distributions whose version can change samples
    version : raised by hand when samples change
    computes_with : modules of the library whose code touches samples, besides this file
    environment : the stem of a file in ``envs/`` that it is rendered in, or the path of a YAML file
    seconds : of one core for a clip of 3 s in stereo (docs/cost.md); None: not measured
    name, file : of the declaration; known when it is found
    """

    parameter: str
    unit: str
    decimals: int
    range: tuple[float, float]
    make: Callable[..., Callable]
    scale: Literal["linear", "log"] = "linear"
    neutral: float | None = None
    mild_end: Literal["low", "high"] | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    find_fault_at: Callable[[float, int], str | None] | None = None
    stateful: bool = False
    needs_seed: bool = False
    keeps_length: bool = True
    max_channels: int | None = None
    packages: tuple[str, ...] = ()
    version: int = 1
    computes_with: tuple[str, ...] = ()
    environment: str = "audio"
    seconds: float | None = None
    name: str = ""
    file: Path = Path()

    def __post_init__(self) -> None:
        low, high = self.range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(f"range: is {self.range}, expected two finite numbers that ascend")
        if self.scale not in ("linear", "log"):
            raise InputError(f"scale: is {self.scale!r}, expected linear or log")
        if self.mild_end not in (None, "low", "high"):
            raise InputError(f"mild_end: is {self.mild_end!r}, expected low, high or None")
        if self.scale == "log" and low <= 0:
            raise InputError(f"range: is {self.range}, but a log scale has positive levels alone")
        if self.stateful and self.needs_seed:
            raise InputError("needs_seed: a stateful effect goes on from clip to clip: unset one")

    def build(self, level: float, samplerate: int, **seed: int) -> Callable:
        """Return the function that applies a level to one clip."""
        return self.make(level, samplerate, **self.options, **seed)

    def find_fault(
        self, level: float, samplerate: int | None = None, channels: int | None = None
    ) -> str | None:
        """Why `level` is not accepted for audio of that form, or None if it is.

        What depends on a sample rate or a number of channels is left unchecked where that is not
        given.
        """
        unit = f" {self.unit}" if self.unit else ""
        low, high = self.range
        if not (math.isfinite(level) and low <= level <= high):
            return f"{self.parameter} {level:g}{unit} is outside {low:g} to {high:g}{unit}"
        if self.decimals == 0 and not float(level).is_integer():
            return f"{self.parameter} {level:g}{unit} is not a whole number"
        if self.max_channels and channels and channels > self.max_channels:
            return (
                f"{self.name} takes at most {self.max_channels} channels, the clips have {channels}"
            )
        return self.find_fault_at(level, samplerate) if self.find_fault_at and samplerate else None


EFFECTS: dict[str, Effect] = discover(__name__, "EFFECT", leave_out=("levels", "rendering"))


def effect_named(name: str, file: str | None = None) -> Effect:
    """The effect called `name`, which a user's `file` may declare.

    Raises `InputError` that lists the known ones if there is none, or for a file that is none.
    """
    if file:
        if name in EFFECTS:
            raise InputError(
                f"effects.{name}: {name} is one of the workflow's own effects: "
                f"give that of {file} another name"
            )
        return load_declaration(name, file, f"effects.{name}.file", "EFFECT", Effect)
    if name not in EFFECTS:
        raise InputError(f"effect {name!r} is unknown: the effects are {', '.join(EFFECTS)}")
    return EFFECTS[name]
