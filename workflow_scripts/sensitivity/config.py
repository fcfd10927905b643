"""The configuration: every key, its default, and what is refused.

Read by the Snakefile alone; the rules get slices of it as params. `schemas/config.schema.json` is
generated from here (``make schema``).
"""

import difflib
import re
import types
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sensitivity import levels as level_text
from sensitivity.effects import EFFECTS, effect_named, refusal
from sensitivity.errors import InputError
from sensitivity.irmas import LABELS
from sensitivity.models import resolve
from sensitivity.protocol import METHODS
from sensitivity.styles import style_of

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
Levels = list[float | str]


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DemoData(Section):
    """Clips rendered from a General MIDI soundfont: real sampled instruments, invented music."""

    source: Literal["demo"] = Field(description="rendered by the workflow itself")
    labels: list[str] = Field(description="instruments to render, of the 11 of IRMAS", min_length=2)
    train: int = Field(24, ge=3, description="training clips a label")
    test: int = Field(8, ge=1, description="test clips a label")
    parts_per_group: int = Field(2, ge=1, description="clips cut from one recording (group)")
    accompaniment_db: float = Field(
        -7.0, ge=-60, le=20, description="accompaniment against the melody, in dB"
    )
    accompaniment_spread_db: float = Field(
        3.0, ge=0, le=20, description="how far it varies from recording to recording, in dB"
    )
    seed: int = Field(20220419, ge=0, description="what is played")

    samplerate: ClassVar[int] = 44100
    channels: ClassVar[int] = 2

    @field_validator("labels")
    @classmethod
    def _known_labels(cls, labels: list[str]) -> list[str]:
        for label in labels:
            if label not in LABELS.values():
                raise ValueError(_unknown(label, LABELS.values(), "label"))
        return labels


class FolderData(Section):
    """A folder of audio of your own, or of IRMAS."""

    source: Literal["folder"] = Field(description="audio files below a folder")
    folder: str = Field(description="the folder, searched with all folders below it", min_length=1)
    split: str = Field(
        "generated",
        description="`generated`, or a CSV with the columns instrument, genre, file_name, split "
        "(train or test) and optionally group",
    )
    labels: list[str] | None = Field(
        None, description="labels to embed; null: all that the folder or the split has"
    )
    samplerate: int | None = Field(
        None, ge=1000, description="Hz, of every clip; null: the first clip's"
    )
    channels: int | None = Field(None, ge=1, description="of every clip; null: the first clip's")


class Protocol(Section):
    """Where the authors' code and a clean protocol differ (the defaults are the authors')."""

    reverb_state: Literal["carried", "reset"] = Field(
        "carried", description="does a clip start with the reverb tail of the one before it"
    )
    audio: Literal["pcm16", "float32"] = Field(
        "pcm16", description="samples between effect and model: 16-bit (clipped), or as they are"
    )
    clap_input: Literal["concatenated", "mono"] = Field(
        "concatenated", description="how CLAP gets a stereo clip"
    )


class Steps(Section):
    """Levels at equal steps."""

    start: float
    stop: float = Field(description="last level, included where the steps meet it")
    step: float


class Geometric(Section):
    """Levels at equal ratios."""

    geometric: tuple[float, float, int] = Field(description="first, last, number of levels")


class EffectLevels(Section):
    """The levels of one effect."""

    levels: Steps | Geometric | Levels = Field(
        description="{start, stop, step}, {geometric: [first, last, number]} or a list"
    )
    extra: Levels = Field([], description="further levels, each a batch of its own")
    keep_audio: Levels = Field([], description="levels to keep as WAV files, to listen to")


class Umap(Section):
    """Fig. 1's projections."""

    clips: int = Field(10, ge=2, description="random training clips a label")
    n_neighbors: int = Field(3, ge=2, description="UMAP's neighbourhood")
    seed: int = Field(20220419, ge=0)


class Figures(Section):
    """What is drawn, and how; no key here recomputes anything but the figures themselves."""

    labels: list[str] = Field([], description="labels that also get single-label figures")
    umap: Umap = Umap()
    style: dict[
        Literal["trajectories", "correlation", "spectra", "auc", "samplewise", "table1"],
        dict[str, Any],
    ] = Field({}, description="a kind of figure: its style keys (docs/figures.md)")


class Classifier(Section):
    """Section IV's logistic regression."""

    solver: Literal["exact", "liblinear"] = Field(
        "exact", description="converged optimum, or scikit-learn's liblinear as the authors used it"
    )


class Debiasing(Section):
    """What is projected out before classification."""

    methods: list[str] = Field(list(METHODS), min_length=1, description="of " + ", ".join(METHODS))
    svd_thresholds: list[float] = Field(
        [0.3, 0.4, 0.5],
        min_length=1,
        description="samplewise_cca_svd: singular values kept, relative to the largest",
    )
    classifier: Classifier = Classifier()

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, methods: list[str]) -> list[str]:
        for method in methods:
            if method not in METHODS:
                raise ValueError(_unknown(method, METHODS, "method"))
        return methods

    @field_validator("svd_thresholds")
    @classmethod
    def _thresholds_ascend(cls, thresholds: list[float]) -> list[float]:
        if any(not 0 < threshold <= 1 for threshold in thresholds):
            raise ValueError(f"thresholds are {thresholds}, expected numbers above 0, at most 1")
        if sorted(set(thresholds)) != thresholds:
            raise ValueError(f"thresholds are {thresholds}: ascending, none repeated, expected")
        return thresholds


class Settings(Section):
    """A whole experiment."""

    experiment: Name = Field(description="name of the folder under results/")
    data: DemoData | FolderData = Field(discriminator="source", description="the clips")
    labels: list[str] = Field(
        min_length=2, description="labels that are analysed; removing one embeds nothing again"
    )
    protocol: Protocol = Protocol()
    effects: dict[str, EffectLevels] = Field(
        min_length=1, description="an effect of the registry: its levels"
    )
    levels_per_job: int = Field(
        4, ge=1, le=16, description="levels rendered together: bounds the audio on disk"
    )
    models: dict[str, dict[str, Any] | None] = Field(
        min_length=1, description="a model of the registry: its options"
    )
    debiasing: Debiasing = Debiasing()
    figures: Figures = Figures()

    @field_validator("effects")
    @classmethod
    def _effects_are_known(cls, effects: dict[str, EffectLevels]) -> dict[str, EffectLevels]:
        for name in effects:
            if name not in EFFECTS:
                raise ValueError(_unknown(name, EFFECTS, "effect"))
        return effects

    @model_validator(mode="after")
    def _hangs_together(self) -> "Settings":
        for name, options in self.models.items():
            resolve(name, options or {})
        available = self.data.labels
        for key, labels in (("labels", self.labels), ("figures.labels", self.figures.labels)):
            if len(set(labels)) != len(labels):
                raise InputError(f"{key}: a label is repeated in {labels}")
            known = available if key == "labels" else self.labels
            for label in labels:
                if known is not None and label not in known:
                    raise InputError(f"{key}: {_unknown(label, known, 'label')}")
        for kind, style in self.figures.style.items():
            style_of(kind, style)
        for name in self.effects:
            self.levels(name)
            for level in self.kept_levels(name):
                if level not in self.levels(name):
                    raise InputError(
                        f"effects.{name}.keep_audio: level {level} is not among the effect's "
                        "levels: add it to them or remove it here"
                    )
        return self

    def grid(self, effect: str) -> list[str]:
        """Level strings of an effect's grid, without the extra levels."""
        key, decimals = f"effects.{effect}.levels", effect_named(effect).decimals
        levels = self.effects[effect].levels
        if isinstance(levels, Steps):
            grid = level_text.stepped(levels.start, levels.stop, levels.step, decimals, key)
        elif isinstance(levels, Geometric):
            grid = level_text.geometric(*levels.geometric, decimals, key)
        else:
            grid = [level_text.level_string(level, decimals, key) for level in levels]
        level_text.check_ascending(grid, key)
        return grid

    def extra(self, effect: str) -> list[str]:
        """Level strings of an effect's extra levels."""
        decimals, key = effect_named(effect).decimals, f"effects.{effect}.extra"
        return [
            level_text.level_string(level, decimals, key) for level in self.effects[effect].extra
        ]

    def levels(self, effect: str) -> list[str]:
        """All level strings of an effect, ascending."""
        levels = level_text.merge(self.grid(effect), self.extra(effect), f"effects.{effect}.extra")
        samplerate, channels = self.data.samplerate, self.data.channels
        for level in levels:
            if reason := refusal(effect_named(effect), float(level), samplerate, channels):
                raise InputError(f"effects.{effect}: {reason}")
        if len(levels) < 2:
            raise InputError(
                f"effects.{effect}: {len(levels)} level, at least two are needed: add levels"
            )
        return levels

    def kept_levels(self, effect: str) -> list[str]:
        """Level strings whose audio is kept to listen to."""
        decimals, key = effect_named(effect).decimals, f"effects.{effect}.keep_audio"
        return [
            level_text.level_string(level, decimals, key)
            for level in self.effects[effect].keep_audio
        ]


def load_settings(config: dict, source: str) -> Settings:
    """Check a configuration.

    Raises
    ------
    InputError
        in one line: the file (`source`), the key, what is wrong with it, what was expected
    """
    try:
        return Settings.model_validate(config)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one is what the user can see.
        fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        raise InputError(f"{source}: {_describe(fault, config)}") from None


def _describe(fault: dict, config: dict) -> str:
    """One of pydantic's faults as words: key, what is wrong, what would be right."""
    # Pydantic names the branch of a union in the path too; a user's file has no such key.
    branches = {"demo", "folder", "Steps", "Geometric"}
    path = [str(part) for part in fault["loc"]]
    shown = [
        part
        for index, part in enumerate(path)
        if not (index and part in branches) and not part.startswith("list[")
    ]
    key = ".".join(shown) or "the file"
    if fault["type"] == "extra_forbidden":
        section = config
        for part in shown[:-1]:
            section = section[part]
        # Of the keys that are near, one that isn't there yet is the likelier meant.
        known = _known_keys(path[:-1])
        absent = sorted(known - set(section))
        near = difflib.get_close_matches(shown[-1], absent, n=1)
        return f"{key}: {_unknown(shown[-1], near or sorted(known), 'key')}"
    if fault["type"] == "missing":
        return f"{key}: is missing: add it (config/demo.yaml has an example)"
    message = re.sub(r"^(Value error|Assertion failed), ", "", fault["msg"])
    return f"{key}: {message} (found {fault['input']!r})"


def _unknown(name: object, known, kind: str) -> str:
    """``unknown key 'x': did you mean 'y'?``"""
    known = [str(entry) for entry in known]
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    return f"unknown {kind} {str(name)!r}: {hint}"


def _known_keys(path: list[str]) -> set[str]:
    """The keys that the section at `path` of the configuration may have."""
    sections: list[Any] = [Settings]
    for part in path:
        inner: list[Any] = []
        for section in sections:
            inner += _step(section, part)
        sections = inner
    return {key for section in sections for key in getattr(section, "model_fields", ())}


def _step(kind: Any, part: str) -> list[Any]:
    """The types found at `part` below the type `kind`."""
    if hasattr(kind, "model_fields"):
        if part in kind.model_fields:
            return _sections(kind.model_fields[part].annotation)
        return [kind]  # a branch of a union, named by pydantic
    if get_origin(kind) is dict:
        return _sections(get_args(kind)[1])
    return []


def _sections(annotation: Any) -> list[Any]:
    """The sections and mappings among the alternatives of an annotation."""
    if isinstance(annotation, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _sections(part)]
    return [annotation]


def model_options(settings: Settings, name: str) -> dict:
    """A model's options with the registry's defaults filled in."""
    return resolve(name, settings.models[name] or {})
