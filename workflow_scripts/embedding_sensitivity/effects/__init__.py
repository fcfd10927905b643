"""The audio effects: the contract, and those there are. One file of this folder is one effect.

Imported for the plan, in Snakemake's own environment, which has no NumPy: what computes is imported
by the functions that compute. A user's own effect is such a file too, named in the config.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from embedding_sensitivity.files.declarations import discover
from embedding_sensitivity.files.errors import InputError


@dataclass(frozen=True)
class Parameter:
    """A number that an effect takes besides the one that levels are of.

    Attributes
    ----------
    label, unit : as axes are labelled; the unit may be empty
    range : accepted values, first and last
    scale, neutral, mild_end, decimals : as of an `Effect`, where a config lets this one vary
    below_nyquist : whether it is a frequency, which half the sample rate bounds
    """

    label: str
    unit: str
    range: tuple[float, float]
    scale: Literal["linear", "log"] = "linear"
    neutral: float | None = None
    mild_end: Literal["low", "high"] | None = None
    decimals: int | None = None
    below_nyquist: bool = False

    def find_fault(self, value: float, samplerate: int | None = None) -> str | None:
        """Why a value isn't accepted, at a sample rate where that is given; None if it is."""
        unit = f" {self.unit}" if self.unit else ""
        low, high = self.range
        if self.scale == "log" and value <= 0:
            return f"{self.label} {value:g}{unit} is not above 0, as a logarithmic scale needs"
        if not (math.isfinite(value) and low <= value <= high):
            return f"{self.label} {value:g}{unit} is outside {low:g} to {high:g}{unit}"
        if self.decimals == 0 and not float(value).is_integer():
            return f"{self.label} {value:g}{unit} is not a whole number"
        if self.below_nyquist and samplerate and value >= samplerate / 2:
            return (
                f"{self.label} {value:g}{unit} is not below half the sample rate, "
                f"{samplerate / 2:g} Hz: lower it"
            )
        return None


@dataclass(frozen=True)
class Effect:
    """An effect and the parameter whose values are its levels, declared as a module's `EFFECT`.

    Attributes
    ----------
    parameter, unit : of a level, as axes are labelled; the unit may be empty
    decimals : of a level string, 0 of whole numbers; None: a level is named as it is written
    range : accepted levels, first and last
    make : ``make(level, samplerate, **options)`` returns a function from one clip, float32 (frames,
        channels), to the effected clip of that shape, float32 or float64
    scale : of an axis of levels
    neutral : the level at which the effect returns its input; it may lie between others
    mild_end : of an effect without: the end of the levels at which it does least
    options : numbers, words and switches given to `make`; a config may give other values
    choices : the words that an option may be
    parameters : limits of options that are numbers; a config may let one vary in the level's place
    paths : options that name a file or folder of the user's, whose content an identity has
    find_fault_at : why a level in the range isn't accepted at a sample rate, or None if it is
    below_nyquist : whether levels are frequencies, which half the sample rate bounds
    stateful : what `make` returns goes on from clip to clip, and has a method ``reset()``
    needs_seed : `make` gets an integer `seed` too, of the clip's id, the same at all levels
    needs_other : `make` gets `other` too, the samples of a clip of another recording
    other_seed : the config's `seed` where there is such a clip: another number picks another clip
    frames_at : ``frames_at(level, frames)`` is the length of an effected clip; None: the clip's
    keeps_length : if not, effected clips are cut, or padded with silence, to that length
    min_channels, max_channels : that the effect accepts
    packages : distributions whose version can change samples
    version : raised by hand when samples change
    computes_with : modules of the library whose code touches samples, besides this file
    environment : the stem of a file in ``envs/`` that it is rendered in, or the path of a YAML
        file, from the folder of the declaration
    seconds : of one core for a clip of 3 s in stereo (docs/cost.md); None: not measured
    name, file : of the declaration; known when it is found
    instance : what a config changes of the declaration (`effects.entries`); nothing of most
    """

    parameter: str
    unit: str
    decimals: int | None
    range: tuple[float, float]
    make: Callable[..., Callable]
    scale: Literal["linear", "log"] = "linear"
    neutral: float | None = None
    mild_end: Literal["low", "high"] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    find_fault_at: Callable[[float, int], str | None] | None = None
    below_nyquist: bool = False
    stateful: bool = False
    needs_seed: bool = False
    needs_other: bool = False
    other_seed: int = 0
    frames_at: Callable[[float, int], int] | None = None
    keeps_length: bool = True
    min_channels: int = 1
    max_channels: int | None = None
    packages: tuple[str, ...] = ()
    version: int = 1
    computes_with: tuple[str, ...] = ()
    environment: str = "audio"
    seconds: float | None = None
    name: str = ""
    file: Path = Path()
    instance: "Instance | None" = None

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
        if self.needs_other and not self.needs_seed:
            raise InputError("needs_other: the other clip is drawn: set needs_seed too")
        for what in ("choices", "parameters", "paths"):
            for key in getattr(self, what):
                if key not in self.options:
                    raise InputError(f"{what}: {key} is no option: give its value in options")

    @property
    def level(self) -> Parameter:
        """The parameter that levels are of."""
        return Parameter(
            self.parameter,
            self.unit,
            self.range,
            self.scale,
            self.neutral,
            self.mild_end,
            self.decimals,
            self.below_nyquist,
        )

    @property
    def level_key(self) -> str:
        """The name of the parameter that levels are of, as a config's key."""
        return self.parameter.replace(" ", "_")

    def build(self, level: float, samplerate: int, **drawn: Any) -> Callable:
        """Return the function that applies a level to one clip.

        `drawn` is the `seed`, and the `other` clip, of an effect that needs them. Raises
        `InputError` for a `make` that takes other arguments, or returns no function.
        """
        given = {**self.options, **drawn}
        expected = f"make(level, samplerate{''.join(f', {key}' for key in given)})"
        with suppress(ValueError):  # what is written in C may have no signature
            signature = inspect.signature(self.make)
            try:
                signature.bind(level, samplerate, **given)
            except TypeError as error:
                raise InputError(
                    f"is called as {expected}, and takes {signature} ({error}): correct {self.file}"
                ) from None
        process = self.make(level, samplerate, **given)
        if not callable(process) or (self.stateful and not hasattr(process, "reset")):
            method = ", with a method reset()" if self.stateful else ""
            raise InputError(
                f"{expected} returns {type(process).__name__}, expected a function of a clip"
                f"{method}: correct {self.file}"
            )
        return process

    def n_frames(self, level: float, frames: int) -> int:
        """Return the length of a clip of `frames` at a level."""
        return self.frames_at(level, frames) if self.frames_at else frames

    def find_fault(
        self, level: float, samplerate: int | None = None, channels: int | None = None
    ) -> str | None:
        """Why `level` is not accepted for audio of that form, or None if it is.

        What depends on a sample rate or a number of channels is left unchecked where that is not
        given.
        """
        if fault := self.level.find_fault(level, samplerate):
            return fault
        if channels and channels < self.min_channels:
            fewest = f"at least {self.min_channels} channels"
            return f"{self.name} takes {fewest}, the clips have {channels}"
        if self.max_channels and channels and channels > self.max_channels:
            return (
                f"{self.name} takes at most {self.max_channels} channels, the clips have {channels}"
            )
        for key, parameter in self.parameters.items():
            if fault := parameter.find_fault(self.options[key], samplerate):
                return fault
        return self.find_fault_at(level, samplerate) if self.find_fault_at and samplerate else None


@dataclass(frozen=True)
class Instance:
    """What a config makes of a declared effect, as far as samples depend on it.

    Attributes
    ----------
    kind : the declaration's own name: a shipped effect's, a file's, or a plugin's
    changed : options of other values, the parameter that varies, the level's matching and what is
        fixed before and after, as plain data
    files : of the user's, Python files of effects that are fixed before or after
    paths : files and folders of the user's that options name
    folders : path of a folder a level, where the audio is recorded and not rendered
    """

    kind: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    paths: tuple[str, ...] = ()
    folders: str = ""

    @property
    def text(self) -> str:
        """The same for people, in brackets after the effect's name."""
        if self.folders:
            return f"recordings in {self.folders}"
        changed = dict(self.changed)
        varies = [f"{changed.pop('vary')} varies"] if "vary" in changed else []
        options = changed.pop("options", {})
        before, after = (changed.pop(key, []) for key in ("before", "after"))
        match = [f"{changed.pop('match').upper()} kept"] if "match" in changed else []
        fixed = [f"{key} {_show(value)}" for key, value in {**options, **changed}.items()]
        chained = [
            f"{word} {' and '.join(link['effect'] for link in links)}"
            for word, links in (("after", before), ("before", after))
            if links
        ]
        return ", ".join([self.kind, *varies, *fixed, *chained, *match])


def _show(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


EFFECTS: dict[str, Effect] = discover(
    __name__,
    "EFFECT",
    leave_out=(
        "bands",
        "chain",
        "codecs",
        "copying",
        "declared_parameter",
        "entries",
        "level_folders",
        "levels",
        "own_audio",
        "plugin",
        "plugin_table",
        "powers",
        "rendering",
        "rubber_band",
        "signal_change",
    ),
)


def effect_named(name: str) -> Effect:
    """The effect called `name`. Raises `InputError` that lists the known ones if there is none."""
    if name not in EFFECTS:
        raise InputError(f"effect {name!r} is unknown: the effects are {', '.join(EFFECTS)}")
    return EFFECTS[name]
