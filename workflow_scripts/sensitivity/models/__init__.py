"""The registry of embedding models; imports nothing beyond the standard library.

A model is one module here, with `load` and, if it can be untrained, `write_initial` (see
`EmbeddingModel`), one entry in `MODELS`, and the environment it runs in. ``<model>-untrained``, a
control, is the same network with its package's initialisation, seeded.
"""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sensitivity.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

UNTRAINED = "-untrained"
SEED = 20220419
BATCH_SIZE = 16
# What doesn't change an embedding isn't part of a store's identity.
NOT_IDENTITY = ("backend", "batch_size")  # the backend has an attribute of its own


class EmbeddingModel(Protocol):
    """What a module's ``load(weights, seed, options, threads)`` returns.

    `load` gets the weights' path (None: those inside the package, or none), the seed of an
    untrained model without a file (else None), `resolve`'s options, and the number of threads.
    ``write_initial(path, seed, options)`` writes an untrained model's weights for `load` to read.
    """

    samplerate: int
    dimension: int
    weights_sha256: str
    packages: tuple[str, ...]

    def prepare(self, audio: "np.ndarray", samplerate: int) -> Any:
        """Make a clip, (frames, channels) float32, what `embed` wants; on the CPU, per clip."""

    def embed(self, prepared: Sequence) -> "np.ndarray":
        """Embed a batch: (n, dimension) float32, each row a function of its own clip alone."""


@dataclass(frozen=True)
class ModelInfo:
    """What can be known of a model without importing it.

    Attributes
    ----------
    name : the key in config, paths, tables and figures
    module : name of the module in ``sensitivity.models``
    environment : the software stack, ``envs/<environment>.yaml``
    samplerate : of the network's input, in Hz
    weights : where trained weights come from: ``package``, ``download``, or ``none`` are needed
    choices : option to what it may be; the first is the default
    dimensions : option `layer`, or empty where there is none, to the embedding's dimension
    untrained : the weights are the package's initialisation
    """

    name: str
    module: str
    environment: str
    samplerate: int
    weights: str
    choices: Mapping[str, tuple[str, ...]]
    dimensions: Mapping[str, int]
    untrained: bool = False
    integers: Mapping[str, int] = field(default_factory=lambda: {"batch_size": BATCH_SIZE})


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


MODELS = _with_controls(
    ModelInfo(
        name="musicnn",
        module="musicnn",
        environment="tensorflow",
        samplerate=16000,
        weights="package",
        choices={"backend": ("numpy", "upstream"), "layer": ("mean_pool", "penultimate")},
        dimensions={"mean_pool": 753, "penultimate": 200},
    ),
    ModelInfo(
        name="logmel",
        module="logmel",
        environment="audio",
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


def _nearest(name: str, known: Mapping) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f", did you mean {close[0]}?" if close else ":"
    return f"{meant} there are {', '.join(known)}"


def resolve(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A model's options with the defaults filled in, in a fixed order.

    Raises `InputError` for an option or value that the model doesn't have.
    """
    info = model_info(name)
    defaults = {key: values[0] for key, values in info.choices.items()} | dict(info.integers)
    for key, value in options.items():
        where = f"models.{name}.{key}"
        if key not in defaults:
            raise InputError(f"{where}: no such option{_nearest(key, defaults)}")
        if key in info.choices and value not in info.choices[key]:
            raise InputError(f"{where}: is {value!r}, expected {' or '.join(info.choices[key])}")
        least = 1 if key == "batch_size" else 0
        if key in info.integers and (type(value) is not int or value < least):
            raise InputError(f"{where}: is {value!r}, expected a whole number from {least} up")
    return {key: options.get(key, default) for key, default in defaults.items()}


def environment(name: str) -> str:
    """The software stack a model runs in: the stem of a file in ``envs/``."""
    return model_info(name).environment


def module(name: str) -> str:
    """The path of a model's module below ``workflow_scripts``, without ``.py``."""
    return f"sensitivity/models/{model_info(name).module}"


def dimension(name: str, options: Mapping[str, Any]) -> int:
    """Length of a model's embedding under some options."""
    return model_info(name).dimensions[resolve(name, options).get("layer", "")]


def identity(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The store attributes that a model and its options determine."""
    resolved = resolve(name, options)
    kept = {key: value for key, value in resolved.items() if key not in NOT_IDENTITY}
    return {"model": name, "backend": resolved["backend"], "options": kept}


def load_model(
    name: str,
    options: Mapping[str, Any],
    weights: "str | Path | None" = None,
    threads: int = 1,
) -> EmbeddingModel:
    """Import a model's module and load it, from a weights file where one is given."""
    info, resolved = model_info(name), resolve(name, options)
    loader = importlib.import_module(f"sensitivity.models.{info.module}")
    seed = resolved["seed"] if info.untrained and weights is None else None
    return loader.load(weights, seed, resolved, threads)


def write_initial(name: str, options: Mapping[str, Any], path: "str | Path") -> None:
    """Write the weights of an untrained model."""
    info, resolved = model_info(name), resolve(name, options)
    if not info.untrained:
        raise InputError(f"models.{name}: is not an untrained model, it has weights of its own")
    importlib.import_module(f"sensitivity.models.{info.module}").write_initial(
        path, resolved["seed"], resolved
    )
