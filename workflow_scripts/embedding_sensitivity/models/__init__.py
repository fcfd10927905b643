"""The registry of embedding models; imports nothing beyond the standard library.

A model is one module here, with `load` and, if it can be untrained, `write_initial` (see
`EmbeddingModel`), one entry in `MODELS`, and the environments it runs in. ``<model>-untrained``, a
control, is the same network with its package's initialisation, seeded.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.names import text_refusal

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

UNTRAINED = "-untrained"
SEED = 20220419
AUTO = "auto"
# Options that no embedding depends on: how many clips are computed at once, and where the weights
# come from (they are known by their hash).
NOT_DEFINING = ("batch_size", "weights")


@dataclass(frozen=True)
class Setup:
    """What a model is loaded with.

    Attributes
    ----------
    weights : the weights' file; None: those inside the package, or an untrained model's made anew
    seed : of an untrained model without a file, else None
    options : `resolve`'s
    protocol : the protocol's switches that the model depends on (`ModelInfo.switches`)
    device : ``cpu``, or ``cuda:0`` and the like for a backend that can use one
    threads : of the CPU
    """

    weights: "str | Path | None" = None
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    threads: int = 1


class EmbeddingModel(Protocol):
    """What a module's ``load(setup)`` returns.

    ``write_initial(path, seed, options)`` writes an untrained model's weights for `load` to read,
    in the format of the model's published ones where there are.

    Attributes
    ----------
    samplerate : of the network's input, in Hz
    dimension : of an embedding
    weights_sha256 : of the weights' file, or of what it holds where a package has it inside
    packages : those whose versions go into the store
    prepare : makes of a clip, (frames, channels) float32, and its sample rate what `embed` wants:
        one array; on the CPU, per clip. It is pickled into worker processes, so it holds no
        network, and its module imports no deep-learning package before `load`
    batch_size : clips that a CPU computes at once fastest; what ``batch_size: auto`` is there
    """

    samplerate: int
    dimension: int
    weights_sha256: str
    packages: tuple[str, ...]
    prepare: "Callable[[np.ndarray, int], np.ndarray]"
    batch_size: int

    def embed(self, prepared: "Sequence[np.ndarray]") -> "np.ndarray":
        """Embed a batch: (n, dimension) float32, each row a function of its own clip alone."""


@dataclass(frozen=True)
class ModelInfo:
    """What can be known of a model without importing it.

    Attributes
    ----------
    name : the key in config, paths, tables and figures
    module : name of the module in ``embedding_sensitivity.models``
    environments : backend to the software stack, ``envs/<stack>.yaml``, it runs in
    samplerate : of the network's input, in Hz
    weights : where trained weights come from: ``package``, ``download``, or ``none`` are needed
    choices : option to what it may be; the first is the default
    dimensions : option `layer`, or empty where there is none, to the embedding's dimension
    untrained : the weights are the package's initialisation
    integers : option that is a whole number to its default
    weights_file : name of the downloaded weights below ``resources/weights``
    ending : of an untrained model's weights
    initial_environment : the stack that makes an untrained model's weights
    switches : keys of the protocol that the model's embeddings depend on
    gpu_backends : backends that use a GPU where there is one
    """

    name: str
    module: str
    environments: Mapping[str, str]
    samplerate: int
    weights: str
    choices: Mapping[str, tuple[str, ...]]
    dimensions: Mapping[str, int]
    untrained: bool = False
    integers: Mapping[str, int] = field(default_factory=dict)
    weights_file: str = ""
    ending: str = ".npz"
    initial_environment: str = ""
    switches: tuple[str, ...] = ()
    gpu_backends: tuple[str, ...] = ()


def _with_controls(*trained: ModelInfo) -> dict[str, ModelInfo]:
    """The models, and for each that has weights its untrained control."""
    models = {}
    for info in trained:
        models[info.name] = info
        if info.weights != "none":
            control = {
                **vars(info),
                "name": info.name + UNTRAINED,
                "untrained": True,
                "integers": {**info.integers, "seed": SEED},
            }
            models[info.name + UNTRAINED] = ModelInfo(**control)
    return models


def _clap(name: str, year: str) -> ModelInfo:
    return ModelInfo(
        name=name,
        module="clap",
        environments={"torch": "torch"},
        samplerate=44100,
        weights="download",
        choices={"backend": ("torch",), "version": (year,)},
        dimensions={"": 1024},
        integers={"crop_seed": SEED},
        weights_file=f"CLAP_weights_{year}.pth",
        ending=".pth",
        initial_environment="torch",
        switches=("clap_input",),
        gpu_backends=("torch",),
    )


MODELS = _with_controls(
    ModelInfo(
        name="openl3",
        module="openl3",
        environments={"torch": "torch", "upstream": "tensorflow"},
        samplerate=48000,
        weights="download",
        choices={"backend": ("torch", "upstream")},
        dimensions={"": 512},
        weights_file="openl3_audio_mel128_music-v0_4_0.h5",
        ending=".h5",
        initial_environment="tensorflow",
        gpu_backends=("torch",),
    ),
    ModelInfo(
        name="panns",
        module="panns",
        environments={"torch": "torch"},
        samplerate=32000,
        weights="download",
        choices={"backend": ("torch",)},
        dimensions={"": 2048},
        weights_file="Cnn14_mAP=0.431.pth",
        ending=".pth",
        initial_environment="torch",
        gpu_backends=("torch",),
    ),
    _clap("clap", "2023"),
    _clap("clap_2022", "2022"),
    ModelInfo(
        name="musicnn",
        module="musicnn",
        environments={"numpy": "musicnn", "upstream": "tensorflow"},
        samplerate=16000,
        weights="package",
        choices={"backend": ("numpy", "upstream"), "layer": ("mean_pool", "penultimate")},
        dimensions={"mean_pool": 753, "penultimate": 200},
        initial_environment="musicnn",
    ),
    ModelInfo(
        name="logmel",
        module="logmel",
        environments={"numpy": "audio"},
        samplerate=44100,
        weights="none",
        choices={"backend": ("numpy",)},
        dimensions={"": 256},
    ),
)


def model_info(name: str) -> ModelInfo:
    """The entry of a model; an unknown name is an `InputError` that names the nearest."""
    if name not in MODELS:
        if (trained := name.removesuffix(UNTRAINED)) in MODELS:
            raise InputError(f"models.{name}: {trained} has no weights to train: leave it out")
        raise InputError(f"models.{name}: no such model{_nearest(name, MODELS)}")
    return MODELS[name]


def control(name: str) -> str:
    """What makes a model a control: ``untrained``, ``handcrafted``, or nothing."""
    if name.endswith(UNTRAINED):
        return "untrained"
    return "handcrafted" if name in MODELS and MODELS[name].weights == "none" else ""


def title(name: str) -> str:
    """A model's name for people: controls say that they are."""
    return f"{name} (control)" if control(name) else name


def _nearest(name: str, known: Mapping) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f", did you mean {close[0]}?" if close else ":"
    return f"{meant} there are {', '.join(known)}"


def resolve(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A model's options with the defaults filled in, in a fixed order.

    Raises `InputError` for an option or value that the model doesn't have.
    """
    info = model_info(name)
    defaults = {
        **{key: values[0] for key, values in info.choices.items()},
        "batch_size": AUTO,
        **info.integers,
    }
    if info.weights == "download" and not info.untrained:
        defaults["weights"] = None
    for key, value in options.items():
        where = f"models.{name}.{key}"
        if key not in defaults:
            raise InputError(f"{where}: no such option{_nearest(key, defaults)}")
        if key in info.choices and value not in info.choices[key]:
            raise InputError(f"{where}: is {value!r}, expected {' or '.join(info.choices[key])}")
        if key in info.integers and (type(value) is not int or value < 0):
            raise InputError(f"{where}: is {value!r}, expected a whole number from 0 up")
        if key == "batch_size" and value != AUTO and (type(value) is not int or value < 1):
            raise InputError(f"{where}: is {value!r}, expected auto or a whole number from 1 up")
        if key == "weights" and value is not None and (type(value) is not str or not value):
            raise InputError(
                f"{where}: is {value!r}, expected the path of "
                f"{info.weights_file}, or null to download it"
            )
        if key == "weights" and value is not None and (reason := text_refusal(value)):
            raise InputError(f"{where}: {value!r} {reason}: rename it or move it elsewhere")
    return {key: options.get(key, default) for key, default in defaults.items()}


def environment(name: str, options: Mapping[str, Any]) -> str:
    """The software stack a model runs in: the stem of a file in ``envs/``."""
    return model_info(name).environments[resolve(name, options)["backend"]]


def uses_gpu(name: str, options: Mapping[str, Any]) -> bool:
    """Whether a model runs on a GPU where there is one."""
    return resolve(name, options)["backend"] in model_info(name).gpu_backends


def module(name: str) -> str:
    """The path of a model's module below ``workflow_scripts``, without ``.py``."""
    return f"embedding_sensitivity/models/{model_info(name).module}"


def dimension(name: str, options: Mapping[str, Any]) -> int:
    """Length of a model's embedding under some options."""
    return model_info(name).dimensions[resolve(name, options).get("layer", "")]


def identity(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The store attributes that a model and its options determine."""
    kept = defining_options(name, options)
    return {"model": name, "backend": kept.pop("backend"), "options": kept}


def defining_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, defaults filled in, that a model's embeddings depend on."""
    resolved = resolve(name, options)
    return {key: value for key, value in resolved.items() if key not in NOT_DEFINING}


def load_model(
    name: str,
    options: Mapping[str, Any],
    weights: "str | Path | None" = None,
    threads: int = 1,
    device: str = "cpu",
    protocol: Mapping[str, str] | None = None,
) -> EmbeddingModel:
    """Import a model's module and load it, from a weights file where one is given.

    Of `protocol` the model gets the switches it depends on, and none may be missing.
    """
    info, resolved = model_info(name), resolve(name, options)
    switches = {key: (protocol or {})[key] for key in info.switches}
    seed = resolved["seed"] if info.untrained and weights is None else None
    setup = Setup(weights, seed, resolved, switches, device, threads)
    return importlib.import_module(f"embedding_sensitivity.models.{info.module}").load(setup)


def write_initial(name: str, options: Mapping[str, Any], path: "str | Path") -> None:
    """Write the weights of an untrained model."""
    info, resolved = model_info(name), resolve(name, options)
    if not info.untrained:
        raise InputError(f"models.{name}: is not an untrained model, it has weights of its own")
    importlib.import_module(f"embedding_sensitivity.models.{info.module}").write_initial(
        path, resolved["seed"], resolved
    )
