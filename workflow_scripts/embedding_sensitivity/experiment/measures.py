"""The contract of a measure: one file that says what it computes, tabulates and draws.

A measure is a file of `embedding_sensitivity/measures/`, or one that the config names under
`measures:`. It holds a declaration ``MEASURE = Measure(...)`` and the functions that this names.
The plan reads the declarations, so a file imports at its top this module and the standard library
alone; NumPy, the analysis and the figures are imported inside the functions:

``measure(data, **options)``
    return the rows of each table, from the arrays of one label (`effect_data.LabelData`)
``conclude(found)``, optional
    return the rows of each table of a model and effect, from what `measure` returned for each label
``draw(tables, subject, style)``, one for each kind of figure
    return a matplotlib figure of `subject` (`drawing.Subject`), from rows of its tables as text
a function for each derived table
    return its rows, from rows of other tables as text
"""

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from embedding_sensitivity.files.declarations import load_declaration, load_module
from embedding_sensitivity.files.errors import InputError

PACKAGE = f"{__name__.partition('.')[0]}.measures"
FOLDER = Path(__file__).parents[1] / "measures"
ANSWERS = "0. In short: where a clip is lost, and what holds of the claims"
IMPACT = "1. Impact (section II)"
CORRELATION = "2. Correlation (section III)"
DIMENSIONALITY = "3. Dimensionality (section III)"
DEBIASING = "4. Debiasing (section IV)"
FURTHER = "6. Further measures"
# On a claim of the paper.
VERDICTS = ("supported", "not supported", "cannot tell")
# The share of false findings among findings that adjusted p-values allow: one is clear up to it.
FALSE_DISCOVERY_RATE = 0.05
# What a figure is drawn for; a job measures for one of the first two.
PER = ("model", "effect", "all effects", "run")
# What debiasing projects out (section IV of the paper).
PAPER_METHODS = (
    "none",
    "global_cca",
    "samplewise_cca_svd",
    "pca_absolute",
    "pca_relative",
    "average_displacement",
    "lda",
)
# What stands beside them: other maps of embeddings, and other training sets.
BASELINES = (
    "level_means",
    "leace",
    "leace_ols",
    "leace_levels",
    "coral",
    "augmentation",
    "own_level",
)
METHODS = PAPER_METHODS + BASELINES
# The only method with a threshold, which decides how many directions it removes.
THRESHOLD_METHOD = "samplewise_cca_svd"
# Sequential, even to the eye, and readable with every common colour vision deficiency.
COLOUR_MAPS = ("viridis", "cividis", "plasma", "magma", "inferno")
# Meanings of columns that several tables have.
COMMON = {
    "model": "model, as the config names it",
    "effect": "effect",
    "label": "label whose clips are measured",
    "clip": "clip id",
    "level": "level of the effect",
    "method": "what is projected out: `none`, or a way to estimate directions",
    "threshold": "of `samplewise_cca_svd`: smallest singular value kept, relative to the largest",
    "train": "what the classifier is trained on: `original`, or a level",
    "test": "what it is tested on: `original`, or a level",
}


def describe(common: str, **own: str) -> dict[str, str]:
    """Return columns with their meanings: those named in `COMMON`, then a table's own."""
    return {**{name: COMMON[name] for name in common.split()}, **own}


@dataclass(frozen=True)
class Table:
    """A table of rows, kept as CSV.

    Attributes
    ----------
    columns : each with a line of meaning
    keys : the columns that identify a row; rows are sorted by them, in this order
    is_result : its rows of all models and effects are joined in ``tables/``; else it stays in
        ``analysis/<model>/<effect>/``, for figures
    in_report : the report has it, with `caption` or else ``report/<name>_csv.rst``
    derived_from, derive : results of this measure or others, and the function that derives this one
    """

    name: str
    columns: Mapping[str, str]
    keys: tuple[str, ...]
    is_result: bool = True
    in_report: bool = False
    caption: str = ""
    derived_from: tuple[str, ...] = ()
    derive: str = ""


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure.

    Attributes
    ----------
    shows : a line for docs/figures.md
    tables : of the same measure, whose rows it is drawn from
    per : ``model`` (a figure for each model and effect, and one for each of `figures.labels`),
        ``effect`` (one with all models), ``all effects`` (one of each model) or ``run`` (only one)
    style : what `figures.style` may set, with defaults; every kind has `font_size`
    paper : the paper's figure or section
    caption : in the report; if it is empty, ``report/<name>.rst``
    draw : name of the function that draws it
    """

    name: str
    shows: str
    tables: tuple[str, ...]
    per: str = "model"
    style: Mapping[str, Any] = field(default_factory=dict)
    paper: str = "beyond"
    caption: str = ""
    draw: str = "draw"

    @property
    def defaults(self) -> dict[str, Any]:
        return {"font_size": 7.0, **self.style}


@dataclass(frozen=True)
class Group:
    """Measures that one job computes, since they need the same data.

    Attributes
    ----------
    title : what a job does, with {model} and {effect}
    per : ``model``, a job for each model and effect; or ``effect``, one for all models of an effect
    fits_directions : its jobs fit the directions and write them
    shares_labels : labels are computed in several processes
    base_mb, process_mb, minutes : limits at the paper's size: memory, memory of each process, time
    """

    name: str
    title: str
    per: str = "model"
    fits_directions: bool = False
    shares_labels: bool = True
    base_mb: int = 500
    process_mb: int = 1500
    minutes: int = 60


# Measures that take less time than reading the stores: all of them in one job.
SENSITIVITY = Group("sensitivity", "Measuring how {effect} moves {model}", fits_directions=True)
# What trains classifiers, which takes longest.
CLASSIFIERS = Group(
    "debiasing", "Classifying with {model} under {effect}", process_mb=1500, minutes=60
)
# What its measures read of the config.
OF_DEBIASING = {
    "methods": "debiasing.methods",
    "thresholds": "debiasing.svd_thresholds",
    "solver": "debiasing.classifier.solver",
}


@dataclass(frozen=True)
class Measure:
    """The declaration of a measure.

    Attributes
    ----------
    title : what it measures, in a few words
    section : of the report
    group : None for a job of its own
    needs_directions : `measure` gets the label's directions
    needs_originals : it compares with clips without the effect; a run that has none leaves it out
    reads : parameters of `measure`, each with the key of the config that sets it
    options : other parameters of `measure` with defaults, set by `measures.<name>.options`
    two_sided : what it does where the neutral level lies between others (pitch, equaliser), for
        docs/measures.md and, where a run has such effects, captions
    needs_audio : whether it is left out of a run that starts from embeddings
    environment : YAML of the environment that computes it; None for envs/analysis.yaml
    needs_layers : whether it is of runs alone in which layers of a model are analysed
    name, file : set when the declaration is loaded
    """

    title: str
    tables: tuple[Table, ...]
    figures: tuple[FigureKind, ...] = ()
    section: str = FURTHER
    group: Group | None = None
    needs_directions: bool = False
    needs_originals: bool = True
    reads: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    two_sided: str = ""
    needs_audio: bool = False
    environment: str | None = None
    needs_layers: bool = False
    name: str = ""
    file: Path = Path()

    @property
    def address(self) -> tuple[str, str | None]:
        """The arguments that `load` finds it by."""
        return self.name, None if self.file.parent == FOLDER else str(self.file)

    def function(self, name: str) -> Callable | None:
        """Return a function of the measure's file; None if there is none of that name."""
        file = self.address[1]
        module = load_module(file) if file else importlib.import_module(f"{PACKAGE}.{self.name}")
        return getattr(module, name, None)

    def measured_tables(self) -> list[Table]:
        """Return the tables that are not derived from others."""
        return [table for table in self.tables if not table.derived_from]


def combine(found: Mapping[str, Mapping[str, Any]], *tables: str) -> dict[str, list[dict]]:
    """Join the rows that `measure` returned for each label, by table.

    `tables` names the tables if `measure` returned other things too.
    """
    combined: dict[str, list[dict]] = {}
    for label, of_label in found.items():
        for table in tables or of_label:
            rows = combined.setdefault(table, [])
            rows += ({"label": label, **row} for row in of_label[table])
    return combined


@functools.cache
def load(name: str, file: str | None = None) -> Measure:
    """Load a measure of the library, or one of another file.

    Raises
    ------
    InputError
        if the file is missing, cannot be imported or breaks the contract
    """
    if file is None:
        module = importlib.import_module(f"{PACKAGE}.{name}")
        found = replace(module.MEASURE, name=name, file=Path(module.__file__))
    else:
        found = load_declaration(name, file, f"measures.{name}.file", "MEASURE", Measure)
    title = f"Measuring {found.title}: {{model}} under {{effect}}"
    found = replace(found, group=found.group or Group(name, title))
    for fault in _find_faults(found):
        raise InputError(f"{found.file}: {fault}")
    return found


def _find_faults(measure: Measure) -> Iterator[str]:
    """Yield what is wrong with a declaration."""
    tables = {table.name for table in measure.tables}
    for what, name in sorted(_names(measure)):
        if not name.isidentifier():
            yield f"{what} {name!r}: a name has letters, digits and _: rename it"
    functions = ["measure"] if measure.measured_tables() or not measure.tables else []
    functions += [figure.draw for figure in measure.figures]
    functions += [table.derive for table in measure.tables if table.derived_from]
    for name in functions:
        if not callable(measure.function(name)):
            yield f"no function {name!r}: add it"
    if measure.group.per not in PER[:2]:
        yield f"group {measure.group.name}: per is {measure.group.per!r}, expected model or effect"
    for table in measure.tables:
        if table.keys[:2] != ("model", "effect"):
            yield f"table {table.name}: its first keys must be model and effect: add them"
        if unknown := set(table.keys) - set(table.columns):
            yield f"table {table.name}: key {min(unknown)} is not in its columns: add it there"
    for kind in measure.figures:
        if kind.per not in PER:
            yield f"figure {kind.name}: per is {kind.per!r}, expected one of {', '.join(PER)}"
        if unknown := set(kind.tables) - tables:
            yield f"figure {kind.name}: table {min(unknown)} is not in tables: add it there"


@functools.cache
def list_measures() -> tuple[Measure, ...]:
    """Return the library's measures, in the order of the report's sections."""
    names = [path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    return tuple(sorted(map(load, names), key=lambda measure: (measure.section, measure.name)))


def load_measures(own: Mapping[str, Any], from_audio: bool = True) -> tuple[Measure, ...]:
    """Return the library's measures and the user's `own`, from `measures` of the config.

    A run that isn't `from_audio` has none that needs it.

    Raises `InputError` as `load` does, and for a name that is taken or an unknown option.
    """
    found = list(list_measures())
    for name, entry in own.items():
        key = f"measures.{name}"
        measure = load(name, entry.file)
        if unknown := [option for option in entry.options if option not in measure.options]:
            known = ", ".join(measure.options) or "none"
            raise InputError(
                f"{key}.options: unknown option {unknown[0]!r}, {entry.file} has {known}: correct "
                "or remove it"
            )
        # In a job of its own, so that adding or editing the file reruns nothing else.
        measure = replace(measure, group=replace(measure.group, name=name, fits_directions=False))
        taken = TAKEN | {each for other in found for each in _names(other)}
        if taken := sorted(_names(measure) & taken, reverse=True):
            what, clash = taken[0]
            raise InputError(
                f"{key}: there is a {what} {clash} already: rename that of {entry.file}"
            )
        options = {**measure.options, **entry.options}
        found.append(replace(measure, options=options, environment=entry.environment))
    shared = _results(*list_measures()) | {"signal_change"}
    for measure in found:
        for table in measure.tables:
            if unknown := set(table.derived_from) - shared - _results(measure):
                raise InputError(
                    f"{measure.file}: table {table.name}: {min(unknown)}, of derived_from, is no "
                    "measure's result: correct it"
                )
    return tuple(measure for measure in found if from_audio or not measure.needs_audio)


def _results(*measures: Measure) -> set[str]:
    return {table.name for measure in measures for table in measure.tables if table.is_result}


OTHER_TABLES = ("dropped_clips", "recordings", "signal_change", "signal_clips", "paper_comparison")
# Names of rules and files that belong to no measure.
TAKEN = {
    ("group", "provenance"),
    *(("table", name) for name in OTHER_TABLES),
    *(("figure", name) for name in ("comparison", "paper_table1", "paper_auc")),
}


def _names(measure: Measure) -> set[tuple[str, str]]:
    """Return the names that no other measure may have (the library's share groups)."""
    return {
        ("measure", measure.name),
        ("group", measure.group.name),
        *(("table", table.name) for table in measure.tables),
        *(("figure", kind.name) for kind in measure.figures),
    }


@dataclass(frozen=True)
class Job:
    """What a rule `measure_<group>` computes."""

    group: Group
    measures: tuple[Measure, ...]

    @property
    def tables(self) -> list[Table]:
        return [table for measure in self.measures for table in measure.measured_tables()]

    @property
    def results(self) -> list[Table]:
        """The tables in ``tables/``, derived ones last."""
        tables = [table for measure in self.measures for table in measure.tables if table.is_result]
        return sorted(tables, key=lambda table: bool(table.derived_from))

    @property
    def sources(self) -> list[str]:
        """Tables of other jobs that derived ones are made of."""
        own = {table.name for table in self.results}
        needed = {name for table in self.results for name in table.derived_from}
        return sorted(needed - own)

    @property
    def needs_directions(self) -> bool:
        return any(measure.needs_directions for measure in self.measures)

    @property
    def environment(self) -> str | None:
        return self.measures[0].environment

    @property
    def derivations(self) -> list[str]:
        """The functions that derive tables."""
        return [table.derive for table in self.results if table.derived_from]

    def list_files(self, *functions: str) -> list[tuple[Path, tuple[str, ...]]]:
        """Return the measures' files, each with the `functions` in it that a job calls."""
        return [(measure.file, functions) for measure in self.measures]

    def list_code(self) -> list:
        """Return what a job runs besides its script, for `source_code.find_code_files`."""
        directions = ["embedding_sensitivity/analysis/direction_store"]
        return [
            *(directions if self.needs_directions else ()),
            *self.list_files("measure", "conclude"),
        ]

    def list_calls(self, settings: Any) -> list[tuple[str, str | None, dict[str, Any]]]:
        """Return each measure's address and the parameters of its function `measure`."""
        return [(*measure.address, read_options(measure, settings)) for measure in self.measures]

    def section_of(self, table: Table) -> str:
        """Return the report's section that a table is in."""
        return next(measure.section for measure in self.measures if table in measure.tables)


def group_measures(measures: Iterable[Measure]) -> list[Job]:
    """Group measures into jobs, in the order of each group's first one."""
    groups: dict[Group, list[Measure]] = {}
    for measure in measures:
        groups.setdefault(measure.group, []).append(measure)
    return [Job(group, tuple(members)) for group, members in groups.items()]


def read_options(measure: Measure, settings: Any) -> dict[str, Any]:
    """Return the parameters of `measure` other than its data."""
    read = {
        name: functools.reduce(getattr, key.split("."), settings)
        for name, key in measure.reads.items()
    }
    return {**read, **measure.options}


def merge_style(kind: FigureKind, given: Mapping) -> dict:
    """Return a kind's style: its defaults, overridden by the config's `given`.

    font_size, point_size (diameter; for trajectories the area) and line_width are in points;
    colour_map is one of `COLOUR_MAPS`; log_y makes the axis logarithmic; hide lists methods not
    to draw. Raises `InputError` for anything else.
    """
    for key, value in given.items():
        where = f"figures.style.{kind.name}.{key}"
        if key not in kind.defaults:
            raise InputError(
                f"{where}: unknown key, expected one of {', '.join(kind.defaults)}: correct or "
                "remove it"
            )
        if expected := _describe_expected(key, value, kind.defaults[key]):
            raise InputError(f"{where}: {value!r}, expected {expected}: correct or remove it")
    return {**kind.defaults, **given}


def _describe_expected(key: str, value, default) -> str:
    """Describe what is expected instead of a value; empty if the value is valid."""
    if key == "colour_map":
        return "" if value in COLOUR_MAPS else f"one of {', '.join(COLOUR_MAPS)}"
    if key == "hide":
        fits = isinstance(value, list) and all(method in METHODS for method in value)
        return "" if fits else f"a list of methods, of {', '.join(METHODS)}"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(default, str):
        return "" if isinstance(value, str) else "text"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if number and 0 < value <= 30 else "points, above 0 and at most 30"
