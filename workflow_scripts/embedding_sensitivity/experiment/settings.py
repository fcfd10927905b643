"""The configuration: every key, its default, and the values it may have.

Each rule gets only the values it uses, as params. ``make schema`` generates
`schemas/config.schema.json` from this file.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from embedding_sensitivity.clips.clip import MAX_CHANNELS, SAMPLERATES
from embedding_sensitivity.clips.irmas import LABELS
from embedding_sensitivity.clips.split import check_label_counts
from embedding_sensitivity.downloads.published_files import Source, list_sources
from embedding_sensitivity.effects import EFFECTS, Effect
from embedding_sensitivity.effects import levels as level_text
from embedding_sensitivity.effects.declared_parameter import declare
from embedding_sensitivity.effects.entries import SOURCES, option_names
from embedding_sensitivity.effects.entries import choose as choose_effect
from embedding_sensitivity.effects.level_folders import FOLDERS, PLACE
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.effects.plugin_table import PLUGINS
from embedding_sensitivity.experiment import embedding_files, paper
from embedding_sensitivity.experiment.measures import (
    METHODS,
    FigureKind,
    Measure,
    list_measures,
    load_measures,
    merge_style,
)
from embedding_sensitivity.files.declarations import find_config_folder, locate_own_files
from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.files.safe_names import find_text_fault, normalize
from embedding_sensitivity.models import (
    AUTO,
    MODELS,
    ONNX,
    SHIPPED,
    TRANSFORMERS,
    Choice,
    Model,
    choose,
)

# Names that become part of a path.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
MAX_NAME = 64
Name = Annotated[str, Field(pattern=NAME, max_length=MAX_NAME)]


def _check_path(path: str) -> str:
    if reason := find_text_fault(path):
        raise ValueError(f"{path!r} {reason}: rename it or move it elsewhere")
    return path


def _check_pattern(path: str) -> str:
    without = re.sub(r"\{(model|effect|level)\}", "", path)
    if reason := find_text_fault(without or "-"):
        raise ValueError(f"{path!r} {reason}: rename it or move it elsewhere")
    return path


FilePath = Annotated[str, Field(min_length=1), AfterValidator(_check_path)]
# With {model}, {effect} or {level} in it.
PathPattern = Annotated[str, Field(min_length=1), AfterValidator(_check_pattern)]
# Normalised, since macOS writes folder names in another Unicode form.
Label = Annotated[str, AfterValidator(normalize)]


def _refuse_switch(level: Any) -> Any:
    if isinstance(level, bool):  # which Python takes for a number
        raise PydanticCustomError("float_type", "a number")
    return level


Levels = list[Annotated[float | str, BeforeValidator(_refuse_switch)]]
OnBadClip = Annotated[
    Literal["fail", "drop"],
    Field(
        description="for a file that is not a valid clip: `fail` stops the run and names it, "
        "`drop` leaves it out and lists it in tables/dropped_clips.csv"
    ),
]
ARRAY_ENDINGS = (".npz", ".h5", ".hdf5")
FORMS_OF_LEVELS = "{start, stop, step}, {geometric: [first, last, number]} or a list"


def _make_key_error(
    unknown: Iterable[Any], given: Collection[str], known: Collection[str], within: str = ""
) -> PydanticCustomError:
    """Return the error of the first of some `unknown` keys, which also names the others."""
    key, *others = map(str, unknown)
    # Suggest a key that is not in the file yet.
    absent = [name for name in known if name not in given]
    text = say_unknown("key", key, difflib.get_close_matches(key, absent, n=1) or sorted(known))
    if others:
        text += f" (unknown beside it: {', '.join(map(repr, others))})"
    return PydanticCustomError("unknown_key", "{text}", {"key": within + key, "text": text})


class Section(BaseModel):
    """A part of the configuration: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        # A misspelt key is both unknown and missing. Pydantic would report the missing one, but the
        # user's file has only the unknown one.
        if isinstance(given, cls):
            return given
        if not isinstance(given, dict):
            keys = ", ".join(cls.model_fields)
            raise PydanticCustomError("section", "{keys}", {"keys": f"the keys {keys} below it"})
        unknown = [key for key in given if key not in cls.model_fields]
        if unknown and cls.model_config["extra"] == "forbid":
            raise _make_key_error(unknown, given, cls.model_fields)
        return given


def _check_irmas_labels(labels: list[str]) -> list[str]:
    for label in labels:
        if label not in LABELS.values():
            raise ValueError(say_unknown("label", label, LABELS.values()))
    return labels


class DemoData(Section):
    """Clips rendered from a General MIDI soundfont: real sampled instruments, invented music."""

    source: Literal["demo"] = Field(description="rendered by the workflow itself")
    labels: list[Label] = Field(
        description="instruments to render, of the 11 of IRMAS", min_length=2
    )
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
    on_bad_clip: ClassVar[str] = "fail"
    convert: ClassVar[bool] = False

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: list[str]) -> list[str]:
        return _check_irmas_labels(labels)


class FolderData(Section):
    """A folder of audio of your own, or of IRMAS."""

    source: Literal["folder"] = Field(description="audio files below a folder")
    folder: Annotated[FilePath, AfterValidator(lambda path: str(Path(path)))] = Field(
        description="the folder, searched with all folders below it: each is a label"
    )
    split: FilePath = Field(
        "generated",
        description="`generated`, or a CSV with the columns instrument, genre, file_name, split "
        "(train or test) and optionally group; file_name is a name or a path",
    )
    group: str | None = Field(
        None,
        min_length=1,
        description="which clips come from one recording: a column of the split, or a regular "
        "expression whose match in a clip's path below the folder (its groups in parentheses, "
        "where it has any) names the recording; null: the split's column group, or IRMAS names, "
        "else each clip counts as a recording of its own, with a warning",
    )
    originals: bool = Field(
        True,
        description="whether the clips are without any effect; false where they are one level of "
        "recordings in `folders` (an effect's key): then what compares with originals is left out",
    )
    labels: list[Label] | None = Field(
        None, description="labels to embed; null: all that the sub-folders or the split have"
    )
    samplerate: int | None = Field(
        None,
        ge=SAMPLERATES[0],
        le=SAMPLERATES[1],
        description="Hz, of every clip; null: the first good clip's",
    )
    channels: int | None = Field(
        None, ge=1, le=MAX_CHANNELS, description="of every clip; null: the first good clip's"
    )
    convert: bool = Field(
        False,
        description="convert clips of other rates and channels to `samplerate` and `channels`, by "
        "soxr (VHQ); several channels become one by their mean, one becomes several by copies",
    )
    on_bad_clip: OnBadClip = "fail"

    @model_validator(mode="after")
    def _check_conversion(self) -> "FolderData":
        missing = [key for key in ("samplerate", "channels") if getattr(self, key) is None]
        if self.convert and missing:
            raise ValueError(f"convert: true needs {' and '.join(missing)} too: add them")
        return self


class IrmasData(Section):
    """IRMAS's training set (https://doi.org/10.5281/zenodo.1290750), downloaded or a local copy."""

    source: Literal["irmas"] = Field(description="the paper's clips")
    local: FilePath | None = Field(
        None,
        description="IRMAS-TrainingData.zip, or the folder it unpacks to, on this machine; "
        "null: downloaded",
    )
    split: FilePath = Field(
        "published",
        description="`published` (the authors', downloaded), `generated`, or a CSV file",
    )
    labels: list[Label] | None = Field(None, description="labels to embed; null: all of the split")
    on_bad_clip: OnBadClip = "fail"

    samplerate: ClassVar[int] = 44100
    channels: ClassVar[int] = 2
    convert: ClassVar[bool] = False

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: list[str] | None) -> list[str] | None:
        return _check_irmas_labels(labels) if labels else labels


class Protocol(Section):
    """Switches between the authors' protocol (the defaults) and a clean one."""

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

    @field_validator("geometric", mode="before")
    @classmethod
    def _check_length(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple) or len(given) != 3:
            raise ValueError(f"found {given!r}, expected [first, last, number of levels]")
        return given


def _form_of(levels: Any) -> str | None:
    """Return the form that levels are meant in, so that only its faults are reported."""
    if isinstance(levels, dict):
        near = difflib.get_close_matches("geometric", map(str, levels))
        return "geometric" if near else "steps"
    return {Steps: "steps", Geometric: "geometric", list: "list"}.get(type(levels))


FormOfLevels = Annotated[
    Annotated[Steps, Tag("steps")]
    | Annotated[Geometric, Tag("geometric")]
    | Annotated[Levels, Tag("list")],
    Discriminator(_form_of),
]


class EffectEntry(Section):
    """An effect, what of it varies, and its levels. Every other key is an option of the effect."""

    model_config = ConfigDict(extra="allow", frozen=True)

    levels: FormOfLevels = Field(description=FORMS_OF_LEVELS)
    extra: Levels = Field([], description="further levels, each a batch of its own")
    keep_audio: Levels = Field([], description="levels to keep as WAV files, to listen to")
    effect: str | None = Field(
        None, description="one of the workflow's own effects (docs/effects.md); null: the key"
    )
    plugin: str | None = Field(
        None, description="a plugin of pedalboard (docs/effects.md); `vary` and its options too"
    )
    file: FilePath | None = Field(
        None,
        description="a Python file of your own that declares the effect (CONTRIBUTING.md), named "
        "from the config file's folder: it is code, and run; null: one of the workflow's own",
    )
    folders: PathPattern | None = Field(
        None,
        description="recordings of a parameter that nobody renders here: a folder a level, with "
        "{level} in the place of the level, and in each the clips under the names that they have "
        "in data.folder; with unit, scale and neutral",
    )
    environment: FilePath | None = Field(
        None, description="with `file`: a YAML of conda that it runs in; null: what it declares"
    )
    parameter: str | None = Field(
        None, description="with `folders`: what levels are of, on axes; null: the key"
    )
    vary: str | None = Field(
        None,
        description="the parameter whose values are the levels; null: the effect's first",
    )
    unit: str | None = Field(None, description="of levels, on axes; null: as declared")
    scale: Literal["linear", "log"] | None = Field(
        None, description="of an axis of levels; null: as declared"
    )
    neutral: Annotated[float | None, BeforeValidator(_refuse_switch)] = Field(
        None,
        description="the level that returns a clip as it is, null: none does; not given: as "
        "declared",
    )
    match: Literal["none", "rms", "lufs"] = Field(
        "none", description="give each clip its own RMS or loudness (ITU-R BS.1770-4) back"
    )
    before: list[dict[str, Any]] = Field(
        [],
        description="effects with fixed parameters that come first, as in [{effect: lowpass, "
        "cutoff_frequency: 3000}]",
    )
    after: list[dict[str, Any]] = Field([], description="effects that come after, likewise")

    @property
    def entry(self) -> dict[str, Any]:
        """What is given of the effect, without its levels (`effects.entries.choose`)."""
        given = self.model_dump(exclude_unset=True, exclude={"levels", "extra", "keep_audio"})
        return {key: value for key, value in given.items() if key == "neutral" or value is not None}

    @property
    def files(self) -> list[str | None]:
        """The user's own Python files and environment that it names."""
        links = [each.get("file") for each in (*self.before, *self.after)]
        return [self.file, self.environment, *links]


class FoundLevels(Section):
    """The levels of one effect, or of any other parameter, in embeddings made elsewhere."""

    levels: FormOfLevels | None = Field(
        None,
        description=f"{FORMS_OF_LEVELS}: each must be there; null: those that have a file in "
        "embeddings.directory",
    )
    parameter: str | None = Field(
        None, description="what levels are of, on axes; null: the effect's, or the key"
    )
    unit: str | None = Field(
        None, description="of levels, on axes, may be empty; needed of a parameter of your own"
    )
    scale: Literal["linear", "log"] | None = Field(
        None, description="of an axis of levels; needed of a parameter of your own"
    )
    neutral: float | None = Field(
        None, description="the level at which a clip is as it is without; null: none is"
    )

    @property
    def entry(self) -> dict[str, Any]:
        """What is given of the parameter, without its levels (`effects.declared_parameter`)."""
        given = self.model_dump(exclude_unset=True, exclude={"levels"})
        return {key: value for key, value in given.items() if key == "neutral" or value is not None}


class EmbeddingFiles(Section):
    """Embeddings made elsewhere: in the layout of the authors' code, or an array an effect."""

    directory: FilePath | None = Field(
        None,
        description="the folder of embeddings_<effect>_<level>.h5 and embeddings.h5 (clips without "
        "an effect; may be missing), each with irmas/<model>/features and irmas/<model>/keys",
    )
    file: PathPattern | None = Field(
        None,
        description="in place of a directory, a file of NPZ or HDF5 with the arrays embeddings "
        "(levels, clips, d) and clips (their ids), and optionally levels; {model} and {effect} in "
        "it stand for the names of these",
    )
    originals: PathPattern | None = Field(
        None,
        description="with `file`, the file with the arrays originals (clips, d), of clips without "
        "an effect, and clips; it may be the same file; null: there are none",
    )
    split: FilePath = Field(
        description="a CSV with the columns instrument, genre, file_name (the keys of the "
        "embeddings), split (train or test) and optionally group",
    )

    @model_validator(mode="after")
    def _check_place(self) -> "EmbeddingFiles":
        if (self.directory is None) == (self.file is None):
            both = "directory and file: keep one of them" if self.file else ""
            raise InputError(
                f"embeddings: has {both or 'neither directory nor file: add one of them'} "
                "(config/embeddings.yaml explains both)"
            )
        if self.directory and self.originals:
            raise InputError(
                "embeddings.originals: is only with embeddings.file; a directory has them in "
                "embeddings.h5: remove one"
            )
        for key in ("file", "originals"):
            path = getattr(self, key)
            if path and not path.endswith(ARRAY_ENDINGS):
                raise InputError(
                    f"embeddings.{key}: {path} ends in none of {', '.join(ARRAY_ENDINGS)}: save "
                    "the arrays as one of them"
                )
        return self


class Umap(Section):
    """Fig. 1's projections."""

    clips: int = Field(10, ge=2, description="random training clips a label")
    n_neighbors: int = Field(3, ge=2, description="UMAP's neighbourhood")
    seed: int = Field(20220419, ge=0)


def collect_kinds(measures: Iterable[Measure]) -> dict[str, FigureKind]:
    """Return the kinds of figures of measures and of the comparison with the paper."""
    kinds = [kind for measure in measures for kind in measure.figures]
    return {kind.name: kind for kind in (*kinds, *paper.FIGURES)}


def style_schema() -> dict[str, Any]:
    """Return the JSON schema of `figures.style`: each kind with its keys and defaults."""
    return {
        "properties": {
            name: {
                "type": "object",
                "description": kind.shows,
                "properties": {key: {"default": value} for key, value in kind.defaults.items()},
                "additionalProperties": False,
            }
            for name, kind in collect_kinds(list_measures()).items()
        }
    }


class Figures(Section):
    """What is drawn, and how. Changing a key here only draws figures again."""

    labels: list[Label] = Field([], description="labels that also get single-label figures")
    layers: bool = Field(
        False,
        description="whether each layer of a model gets the figures of one model too, beside "
        "those of every measure against depth",
    )
    umap: Umap = Umap()
    style: dict[str, dict[str, Any]] = Field(
        {},
        description="a kind of figure: its style keys (docs/figures.md)",
        json_schema_extra=style_schema(),
    )


class Explorer(Section):
    """The page explorer.html."""

    snippets: int | None = Field(
        None,
        ge=0,
        le=6,
        description="test clips a label that the page can play, and so holds: at most so many, 0: "
        "none; null: 6, but none of IRMAS, which may not be redistributed",
    )


class OwnMeasure(Section):
    """A measure in a file of your own (CONTRIBUTING.md). The file is code, and a job runs it."""

    file: FilePath = Field(description="the Python file that declares it")
    environment: FilePath | None = Field(
        None,
        description="YAML of the environment that computes it; null: that of the other measures",
    )
    options: dict[str, Any] = Field({}, description="options of the file: their values")


OwnMeasures = Annotated[
    dict[Name, OwnMeasure],
    Field(description="a measure of your own, by the name in its file: where it is"),
]


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
    def _check_methods(cls, methods: list[str]) -> list[str]:
        for method in methods:
            if method not in METHODS:
                raise ValueError(say_unknown("method", method, METHODS))
        return methods

    @field_validator("svd_thresholds")
    @classmethod
    def _check_thresholds(cls, thresholds: list[float]) -> list[float]:
        if any(not 0 < threshold <= 1 for threshold in thresholds):
            raise ValueError(f"thresholds are {thresholds}, expected numbers above 0, at most 1")
        if sorted(set(thresholds)) != thresholds:
            raise ValueError(f"thresholds are {thresholds}, expected ascending numbers")
        return thresholds


class Settings(Section):
    """A whole experiment."""

    experiment: Name = Field(description="name of the folder under results/")
    data: DemoData | IrmasData | FolderData = Field(
        discriminator="source",
        description="the clips; with recordings in an effect's `folders` it may be left out, and "
        "the clips are those of the first level, without originals",
    )
    labels: list[Label] | None = Field(
        None,
        min_length=2,
        description="labels that are analysed; null: data.labels, or all that the data has. "
        "Removing one embeds nothing again (of a generated split: unless it has fewest clips)",
    )
    protocol: Protocol = Protocol()
    effects: dict[str, EffectEntry] = Field(
        min_length=1,
        description="an effect (docs/effects.md, a file of your own, or recordings of another "
        "parameter in folders): its levels",
    )
    levels_per_job: int = Field(
        4, ge=1, le=16, description="levels rendered together: bounds the audio on disk"
    )
    models: dict[str, dict[str, Any] | None] = Field(
        min_length=1,
        description="a model (docs/models.md, or a Python or ONNX file of your own): its options; "
        "with `model`, a name of your own",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where models run that can use a GPU; no embedding depends on it"
    )
    mirrors: dict[str, str] = Field(
        {}, description="a download of the workflow: another address of the same file"
    )
    measures: OwnMeasures = {}
    debiasing: Debiasing = Debiasing()
    figures: Figures = Figures()
    explorer: Explorer = Explorer()

    @cached_property
    def all_measures(self) -> tuple[Measure, ...]:
        """The library's measures, less those of layers where there are none, and the config's."""
        layered = any(choice.model.layers for choice in self.choices.values())
        found = load_measures(self.measures)
        return tuple(measure for measure in found if layered or not measure.needs_layers)

    @property
    def has_originals(self) -> bool:
        """Whether the clips are without an effect, and not one level of it themselves."""
        return getattr(self.data, "originals", True)

    @field_validator("effects", mode="before")
    @classmethod
    def _check_effect_keys(cls, effects: Any) -> Any:
        for name, given in effects.items() if isinstance(effects, dict) else ():
            if isinstance(given, dict):
                known = [*EffectEntry.model_fields, *option_names(str(name), given)]
                if unknown := [key for key in given if key not in known]:
                    raise _make_key_error(unknown, given, known, within=f"{name}.")
        return effects

    @field_validator("effects")
    @classmethod
    def _check_effects(cls, effects: dict[str, EffectEntry]) -> dict[str, EffectEntry]:
        return _check_known_effects(effects)

    @model_validator(mode="after")
    def _check_consistency(self) -> "Settings":
        _ = self.choices  # checks them
        check_labels("data.labels", self.data.labels or [])
        check_labels("labels", self.labels or [], self.data.labels)
        check_labels("figures.labels", self.figures.labels, self.labels or self.data.labels)
        if isinstance(self.data, DemoData):
            # Check both: the index uses the one, the analysis the other, and fewer labels may need
            # more clips each (three need more than four).
            for labels in filter(None, (self.data.labels, self.labels)):
                try:
                    check_label_counts(dict.fromkeys(labels, self.data.train))
                except InputError as error:
                    raise InputError(f"data.train: {error}") from None
        _check_styles(self)
        for name in self.effects:
            self.levels(name)
            for level in self.kept_levels(name):
                if level not in self.levels(name):
                    raise InputError(
                        f"effects.{name}.keep_audio: level {level} is not among the effect's "
                        "levels: add it to them or remove it here"
                    )
        return self

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """The models with their options, checked and completed."""
        for name in self.models:
            check_name(f"models.{name}", name)
        return {name: choose(name, entry) for name, entry in self.models.items()}

    @property
    def analysed(self) -> list[str]:
        """Names of all that is analysed: models, or layers of one, sorted."""
        return sorted(name for choice in self.choices.values() for name in choice.analysed)

    @cached_property
    def declared(self) -> dict[str, Effect]:
        """The declarations of the effects, with the options of their entries."""
        for name in self.effects:
            check_name(f"effects.{name}", name)
        return {name: choose_effect(name, given.entry) for name, given in self.effects.items()}

    @cached_property
    def sources(self) -> dict[str, Source]:
        """What can be downloaded, by name: data and all models' weights, first those of the run."""
        chosen = {name: choice.model for name, choice in self.choices.items()}
        return list_sources({**chosen, **MODELS, **chosen}.values())

    @property
    def user_files(self) -> list[str]:
        """The user's own files of effects, models and measures, and their environments."""
        files = [given.files for given in self.effects.values()]
        files += [(given.file, given.environment) for given in self.measures.values()]
        files += [choice.user_files for choice in self.choices.values()]
        return sorted({path for paths in files for path in paths if path})

    def grid(self, effect: str) -> list[str]:
        """Level strings of an effect's grid, without the extra levels."""
        return _grid(self.declared[effect], self.effects[effect].levels)

    def extra(self, effect: str) -> list[str]:
        """Level strings of an effect's extra levels."""
        decimals, key = self.declared[effect].decimals, f"effects.{effect}.extra"
        return [
            level_text.level_string(level, decimals, key) for level in self.effects[effect].extra
        ]

    def levels(self, effect: str) -> list[str]:
        """All level strings of an effect, ascending."""
        levels = level_text.merge(self.grid(effect), self.extra(effect), f"effects.{effect}.extra")
        _check_levels(self.declared[effect], levels, self.data.samplerate, self.data.channels)
        return levels

    def kept_levels(self, effect: str) -> list[str]:
        """Level strings whose audio is kept to listen to."""
        decimals, key = self.declared[effect].decimals, f"effects.{effect}.keep_audio"
        return [
            level_text.level_string(level, decimals, key)
            for level in self.effects[effect].keep_audio
        ]


class ImportSettings(Section):
    """A whole experiment that starts from embeddings made elsewhere instead of audio."""

    experiment: Name = Field(description="name of the folder under results/")
    embeddings: EmbeddingFiles = Field(description="the embeddings, and which clip is what")
    labels: list[Label] | None = Field(
        None, min_length=2, description="labels that are analysed; null: all of the split"
    )
    effects: dict[str, FoundLevels | None] | None = Field(
        None, min_length=1, description="effects that are analysed; null: all that are there"
    )
    models: list[Name] = Field(
        min_length=1, description="models that are analysed: groups below irmas/ in every file"
    )
    measures: OwnMeasures = {}
    debiasing: Debiasing = Debiasing()
    figures: Figures = Figures()

    data: ClassVar[None] = None
    sources: ClassVar[dict[str, Source]] = {}

    @property
    def user_files(self) -> list[str]:
        """The user's own files that declare measures, and their environments."""
        files = [(given.file, given.environment) for given in self.measures.values()]
        return sorted({path for paths in files for path in paths if path})

    @cached_property
    def all_measures(self) -> tuple[Measure, ...]:
        """The library's measures that need neither audio nor layers, and the config's own."""
        found = load_measures(self.measures, from_audio=False)
        return tuple(measure for measure in found if not measure.needs_layers)

    def find_originals(self, model: str) -> str | None:
        """Return the file of a model's embeddings of clips without an effect; None if none is."""
        given = self.embeddings
        if given.file:
            return given.originals and embedding_files.fill_in(given.originals, model)
        path = embedding_files.folder_of(given.directory) / embedding_files.ORIGINALS
        return str(path) if path.is_file() else None

    @property
    def has_originals(self) -> bool:
        """Whether there are embeddings of clips without an effect."""
        return self.find_originals(self.models[0]) is not None

    @model_validator(mode="before")
    @classmethod
    def _check_audio_keys(cls, given: Any) -> Any:
        for key in given if isinstance(given, dict) else ():
            if key in Settings.model_fields and key not in cls.model_fields:
                text = "is only for runs from audio, but embeddings are given: remove one of them"
                raise PydanticCustomError("unknown_key", "{text}", {"key": key, "text": text})
        return given

    @model_validator(mode="after")
    def _check_consistency(self) -> "ImportSettings":
        for name in self.effects or ():
            check_name(f"effects.{name}", name)
        _ = self.declared  # checks them
        self._check_arrays()
        if len(set(self.models)) != len(self.models):
            raise InputError(f"models: a model is repeated in {self.models}: keep one")
        check_labels("labels", self.labels or [])
        check_labels("figures.labels", self.figures.labels, self.labels)
        _check_styles(self)
        for name, effect in (self.effects or {}).items():
            if effect and effect.levels is not None:
                self.levels(name)
        return self

    def _check_arrays(self) -> None:
        """Check what a run from `embeddings.file` needs: levels, and a file of each array."""
        if not self.embeddings.file:
            return
        if not self.effects:
            raise InputError(
                "effects: is missing: name each effect in embeddings.file with its levels, as in "
                "{snr: {levels: [0, 10, 20], unit: dB, scale: linear, neutral: null}}"
            )
        for name, given in self.effects.items():
            if given is None or given.levels is None:
                raise InputError(
                    f"effects.{name}.levels: is missing: give the level of each row of the array, "
                    "ascending"
                )
        for key, names, path in (
            ("model", self.models, self.embeddings.file),
            ("effect", self.effects, self.embeddings.file),
            ("model", self.models, self.embeddings.originals),
        ):
            if path and len(names) > 1 and f"{{{key}}}" not in path:
                where = "file" if path == self.embeddings.file else "originals"
                raise InputError(
                    f"embeddings.{where}: {path} is one file for {len(names)} {key}s: put "
                    f"{{{key}}} into its name"
                )

    @property
    def analysed(self) -> list[str]:
        """Names of the models, sorted."""
        return sorted(self.models)

    @property
    def declared(self) -> dict[str, Effect]:
        """The declarations of the effects, or of parameters that have none."""
        return {
            name: declare(name, given.entry if given else {})
            for name, given in (self.effects or {}).items()
        }

    def levels(self, effect: str) -> list[str]:
        """All level strings of an effect whose levels are given, ascending."""
        levels = _grid(self.declared[effect], self.effects[effect].levels)
        _check_levels(self.declared[effect], levels)
        return levels


def list_run_measures(settings: Settings | ImportSettings) -> list[Measure]:
    """Return the measures of a run: those that need originals only where it has some."""
    return [
        measure
        for measure in settings.all_measures
        if settings.has_originals or not measure.needs_originals
    ]


def describe_left_out(settings: Settings | ImportSettings) -> str:
    """Say what a run without originals leaves out; empty of another run."""
    run = list_run_measures(settings)
    left = [measure.name for measure in settings.all_measures if measure not in run]
    if left:
        left += ["cards", "explorer", *(["signal_change"] if settings.data else [])]
    said = "no originals (clips without an effect): what compares with them is left out, "
    return f"{said}{', '.join(left)}" if left else ""


def _check_known_effects(effects: dict[str, Any]) -> dict[str, Any]:
    for name, given in effects.items():
        named = any(getattr(given, source, None) for source in (*SOURCES, FOLDERS))
        if name not in EFFECTS and not named:
            known = say_unknown("effect", name, EFFECTS)
            raise ValueError(f"{known}; or say what it is by effect, plugin, file or folders")
    return effects


def check_name(key: str, name: str) -> None:
    """Raise `InputError` naming `key` for a name that cannot be part of a path."""
    if not re.fullmatch(NAME, name) or len(name) > MAX_NAME or name == ORIGINAL:
        raise InputError(
            f"{key}: expected at most {MAX_NAME} letters, digits, - and _, the first a letter or "
            f"digit, and not the name {ORIGINAL}: choose another name"
        )


def _grid(effect: Effect, levels: Steps | Geometric | Levels) -> list[str]:
    """Return the level strings of a grid in any of its forms."""
    key, decimals = f"effects.{effect.name}.levels", effect.decimals
    if isinstance(levels, Steps):
        grid = level_text.list_steps(levels.start, levels.stop, levels.step, decimals, key)
    elif isinstance(levels, Geometric):
        grid = level_text.geometric(*levels.geometric, decimals, key)
    else:
        grid = [level_text.level_string(level, decimals, key) for level in levels]
    level_text.check_ascending(grid, key)
    return grid


def _check_levels(
    effect: Effect,
    levels: Sequence[str],
    samplerate: int | None = None,
    channels: int | None = None,
) -> None:
    for level in levels:
        if reason := effect.find_fault(float(level), samplerate, channels):
            raise InputError(f"effects.{effect.name}: {reason}")
    if len(levels) < 2:
        raise InputError(
            f"effects.{effect.name}: has {len(levels)} level, expected at least two: add levels"
        )


def check_labels(key: str, labels: Sequence[str], known: Sequence[str] | None = None) -> None:
    """Raise `InputError` naming `key` for a label that is repeated, or not `known`."""
    if len(set(labels)) != len(labels):
        raise InputError(f"{key}: a label is repeated in {labels}: keep one")
    for label in labels:
        if known is not None and label not in known:
            raise InputError(f"{key}: {say_unknown('label', label, known)}")


def _check_styles(settings: Settings | ImportSettings) -> None:
    kinds = collect_kinds(settings.all_measures)
    for name, style in settings.figures.style.items():
        if name not in kinds:
            raise InputError(f"figures.style.{name}: {say_unknown('kind of figure', name, kinds)}")
        merge_style(kinds[name], style)


def schema() -> dict[str, Any]:
    """Return the JSON schema of configurations of both kinds: from audio and from embeddings."""
    found = TypeAdapter(Settings | ImportSettings).json_schema()
    keys = found["$defs"]["Settings"]["properties"]
    found["$defs"]["Settings"]["required"].remove("data")  # recordings in folders may have none
    entry = {"$ref": "#/$defs/EffectEntry"}
    keys["effects"]["properties"] = {
        name: {
            **entry,
            "description": describe_levels(effect),
            "properties": {key: {"default": value} for key, value in effect.options.items()},
        }
        for name, effect in EFFECTS.items()
    }
    keys["effects"]["additionalProperties"] = {
        **entry,
        "anyOf": [{"required": [source]} for source in (*SOURCES, FOLDERS)],
    }
    found["$defs"]["EffectEntry"]["properties"]["plugin"]["examples"] = list(PLUGINS)
    keys["models"]["properties"] = {name: _options_schema(model) for name, model in MODELS.items()}
    keys["models"]["additionalProperties"] = {
        "type": "object",
        "anyOf": [
            {"required": ["file"]},
            {"required": [SHIPPED]},
            {"required": [TRANSFORMERS]},
            {"required": [ONNX, "output", "samplerate"]},
        ],
        "properties": {
            "file": {"type": "string", "description": "a Python file that declares the model"},
            "environment": {"type": "string", "description": "a YAML of conda that it runs in"},
            SHIPPED: {
                "description": "one of the workflow's own models (docs/models.md), with its "
                "options, under a name of your own",
                "examples": [name for name, model in MODELS.items() if not model.untrained],
            },
            TRANSFORMERS: {
                "type": "string",
                "description": "a checkpoint of the package transformers (docs/models.md): a "
                "preset, a hub id, or a folder on this machine",
            },
            ONNX: {
                "type": "string",
                "description": "an ONNX file (docs/models.md), with the name of the tensor that is "
                "the embedding in output, and the rate in Hz of its input in samplerate",
            },
        },
    }
    return found


def describe_levels(effect: Effect) -> str:
    """Return an effect's parameter with its range and unit."""
    low, high = effect.range
    unit = f" {effect.unit}" if effect.unit else ""
    return f"{effect.parameter}, {low:g} to {high:g}{unit}"


def _options_schema(model: Model) -> dict[str, Any]:
    options = {}
    for key, default in model.defaults.items():
        if key in model.choices:
            allowed = {"enum": list(model.choices[key])}
        elif key in model.integers:
            allowed = {"type": "integer", "minimum": 0}
        elif key == "weights":
            allowed = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        else:
            allowed = {"anyOf": [{"const": AUTO}, {"type": "integer", "minimum": 1}]}
        options[key] = {**allowed, "default": default}
    entry = {"type": "object", "additionalProperties": False, "properties": options}
    return {"anyOf": [entry, {"type": "null"}]}


def load_settings(config: dict, source: str) -> Settings | ImportSettings:
    """Check a configuration and return its settings; `source` is its file.

    The user's own code (`file`, `environment`) and ONNX files are named relative to that file's
    folder; in the settings, to the working directory.

    Raises `InputError` naming the file, the key, what is wrong with it and what was expected.
    """
    imports = isinstance(config, dict) and "embeddings" in config
    if isinstance(config, dict) and not imports and config.get("data") is None:
        config = {**config, **_find_clips(config.get("effects"))}
    config = _locate_files(config, find_config_folder(source))
    try:
        return (ImportSettings if imports else Settings).model_validate(config)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    except ValidationError as error:
        example = "embeddings" if imports else "demo"
        fault = _describe(error.errors()[0], f"config/{example}.yaml")
        raise InputError(f"{source}: {fault}") from None


def _locate_files(config: Any, folder: str) -> Any:
    """Return a configuration with the user's own files named from the working directory."""
    if not folder or not isinstance(config, dict):
        return config
    found = dict(config)
    for section in ("effects", "models", "measures"):
        if isinstance(entries := config.get(section), dict):
            found[section] = {
                name: locate_own_files(entry, folder) for name, entry in entries.items()
            }
    return found


def _find_clips(effects: Any) -> dict[str, Any]:
    """Return `data` of a config without it: the first level of its first recordings in folders.

    Nothing if it has none, or they are faulty: then another error says so.
    """
    for entry in effects.values() if isinstance(effects, dict) else ():
        folders, levels = (entry.get(key) if isinstance(entry, dict) else None
                           for key in (FOLDERS, "levels"))  # fmt: skip
        if isinstance(levels, dict):
            levels = levels.get("geometric", [levels.get("start")])
        if isinstance(folders, str) and isinstance(levels, list) and levels:
            with suppress(InputError):
                first = level_text.level_string(levels[0], None, "levels")
                folder = folders.replace(PLACE, first)
                return {"data": {"source": "folder", "folder": folder, "originals": False}}
    return {}


# Characters of an invalid value in an error; with YAML's aliases it can be very long.
MAX_SHOWN = 200
# What is expected, by the type of pydantic's error; fields are from the error's context.
EXPECTED = {
    "section": "{keys}",
    "dict_type": "keys with their values below it",
    "list_type": "a list, as in [one, two]",
    "string_type": "text",
    "string_pattern_mismatch": "letters, digits, - and _, the first a letter or digit",
    "string_too_short": "text",
    "string_too_long": "at most {max_length} characters",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
    "float_type": "a number",
    "float_parsing": "a number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} of them",
    "literal_error": "{expected}",
    # The two unions: `data`, told apart by its key `source`, and `levels`, by their form.
    "model_attributes_type": "source (irmas, demo or folder) and that source's keys below it",
    "union_tag_invalid": "{expected_tags}",
    "union_tag_not_found": FORMS_OF_LEVELS.replace("{", "{{").replace("}", "}}"),
}


def _describe(fault: dict, example: str) -> str:
    """Describe an error of pydantic: key, what is wrong, what is expected.

    `example` is a config file that has every key.
    """
    kind, context, found = fault["type"], fault.get("ctx", {}), fault["input"]
    path = _path(fault["loc"])
    if kind == "unknown_key":
        path.append(context["key"])
    elif kind.startswith("union_tag") and path == ["data"]:
        path, found = ["data", "source"], found.get("source")
        if kind == "union_tag_not_found":
            return "data.source: is missing: set it to irmas, demo or folder"
    key = ".".join(path) or "the file"
    if kind == "unknown_key":
        return f"{key}: {context['text']}"
    if kind == "missing":
        return f"{key}: is missing: add it ({example} has an example)"
    if kind == "value_error":
        return f"{key}: {context['error']}"
    expected = EXPECTED.get(kind, "what schemas/config.schema.json allows").format(**context)
    shown = repr(found)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    return f"{key}: found {shown}, expected {expected}"


def _path(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that lead to a fault: pydantic's path without branches of unions."""
    path = [str(part) for part in location]
    if path[:1] == ["data"]:
        del path[1:2]
    if path[:1] == ["effects"] and path[2:3] == ["levels"]:
        del path[3:4]
    if len(location) > 1 and isinstance(location[-2], int):
        path.pop()  # `float` or `str` of one level
    return [part for part in path if part != "[key]"]


def dump_settings(settings: Settings | ImportSettings) -> dict[str, Any]:
    """Return the settings as JSON types, with all defaults, those of models too."""
    found = settings.model_dump(mode="json")
    if isinstance(settings, Settings):
        choices = settings.choices.items()
        found["models"] = {
            name: {**choice.options, **choice.given, **choice.written} for name, choice in choices
        }
    return found
