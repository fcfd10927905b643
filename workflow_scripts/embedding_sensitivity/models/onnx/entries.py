"""An entry of a config's `models` that names an ONNX file of the user's.

Read for the plan and by the jobs that embed, from the entry and from what the file says of itself.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from embedding_sensitivity.clips.clip import MIN_DURATION_S, SAMPLERATES
from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.models import AUTO, ONNX, UNTRAINED, Backend, Choice, Model
from embedding_sensitivity.models.onnx.graph import Graph, NotONNX, Tensor, read_graph
from embedding_sensitivity.models.shared.entries import (
    check_keys,
    check_text,
    choose_number,
    choose_seconds,
    choose_word,
)

NETWORK = "embedding_sensitivity.models.onnx.network"
PACKAGES = ("onnxruntime", "numpy", "soxr")
# The keys of an entry besides `onnx`.
KEYS = (
    "input", "output", "samplerate", "pooling", "time_axis", "dimension", "window_s", "shortest_s",
    "batch_size", "backend",
)  # fmt: skip
POOLINGS = ("mean", "max", "first")
# Of windows, where the network takes any length.
SECONDS, MAX_SECONDS = 30.0, 600.0


def choose(name: str, entry: Mapping[str, Any]) -> Choice:
    """Parse an entry with the key `onnx`.

    Raises `InputError` naming the key, and the file if it is not as the entry says.
    """
    where = f"models.{name}"
    check_keys(where, entry, (ONNX, *KEYS))
    if name.endswith(UNTRAINED):
        raise InputError(
            f"{where}: no untrained control can be made of an ONNX file, which doesn't say how its "
            f"network is initialised: give it a name that doesn't end in {UNTRAINED}"
        )
    path = entry[ONNX]
    check_text(f"{where}.{ONNX}", path, "the path of an ONNX file")
    graph = _read(f"{where}.{ONNX}", path)
    input_name, taken = _choose_input(where, entry, path, graph)
    output_name, given_out = _choose_output(where, entry, path, graph)
    first = min(1, len(taken.shape) - 1)
    has_time = _has_time(where, entry, path, first, given_out)
    pooling = _choose_pooling(where, entry, has_time, first)
    axis = 2 * first + 1 - pooling["time_axis"] if has_time else first
    samplerate = entry.get("samplerate")
    if type(samplerate) is not int or not SAMPLERATES[0] <= samplerate <= SAMPLERATES[1]:
        found = "is missing" if samplerate is None else f"is {samplerate!r}"
        raise InputError(
            f"{where}.samplerate: {found}, expected the rate in Hz that the network was trained "
            f"at, {SAMPLERATES[0]} to {SAMPLERATES[1]}"
        )
    dimension = _choose_dimension(where, entry, path, given_out, axis)
    options = {
        "backend": choose_word(where, entry, "backend", ("onnxruntime",)),
        "input": input_name,
        "output": output_name,
        "samplerate": samplerate,
        "dimension": dimension,
        **pooling,
        **_choose_window(where, entry, path, taken),
        "batch_size": choose_number(where, entry, "batch_size", AUTO, least=1),
    }
    model = Model(
        load=later(NETWORK, "load"),
        samplerate=samplerate,
        views={"embedding": dimension},
        backends={"onnxruntime": Backend("onnx", PACKAGES)},
        # What the windows are cut by, and what that imports.
        computes_with=(
            NETWORK,
            "embedding_sensitivity.models.hub.network",
            "embedding_sensitivity.models.shared.frontend",
            "embedding_sensitivity.models.shared.initial",
            "embedding_sensitivity.models.shared.torch_model",
        ),
        weights_key=ONNX,
        name=name,
        file=Path(__file__).with_name("network.py"),
    )
    return Choice(model, options, {ONNX: path}, (path,))


def _read(where: str, path: str) -> Graph:
    """Read a file's graph; refuse what would not be the same embeddings in another run."""
    if not Path(path).is_file():
        raise InputError(f"{where}: {path} is no file: give the path of an ONNX file")
    try:
        graph = read_graph(path)
    except NotONNX as error:
        raise InputError(
            f"{where}: {path} is not an ONNX file ({error}): export or copy it again"
        ) from None
    except OSError as error:
        raise InputError(
            f"{where}: {path} cannot be read ({error.strerror}): correct that"
        ) from None
    if graph.outside:
        raise InputError(
            f"{where}: {path} has tensors in other files ({_list(graph.outside)}), whose changes "
            "would go unnoticed: save it with all tensors in the one file"
        )
    if graph.random:
        raise InputError(
            f"{where}: {path} draws random numbers ({_list(graph.random)}), so that a clip would "
            "have other embeddings each time: export it without that step, as for inference"
        )
    return graph


def _list(names: Iterable[str], most: int = 5) -> str:
    names = sorted(names)
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")


def _choose_input(
    where: str, entry: Mapping[str, Any], path: str, graph: Graph
) -> tuple[str, Tensor]:
    """Return the input that takes audio, by name and as it is declared."""
    names, name = list(graph.inputs), entry.get("input")
    if name is None and len(names) == 1:
        (name,) = names
    if name not in names:
        if name is None:
            found = f"is missing, and {path} has {_list(names) or 'no input'}"
        else:
            found = f"{say_unknown('input', name, names)} (of {path})"
        raise InputError(f"{where}.input: {found}: give the name of the input that takes audio")
    check_text(f"{where}.input", name, "the name of a tensor")
    if others := set(names) - {name}:
        raise InputError(
            f"{where}.input: {path} takes {_list(others)} beside {name}, expected audio alone: "
            "export it with constants in their place"
        )
    tensor = graph.inputs[name]
    if tensor.element != "float32":
        raise InputError(
            f"{where}.input: {name} of {path} is of {tensor.element or 'no tensor'}, expected "
            "float32: export it so"
        )
    if (
        not tensor.shape
        or len(tensor.shape) > 3
        or any(n not in (1, None) for n in tensor.shape[:-1])
    ):
        raise InputError(
            f"{where}.input: {name} of {path} has {_show(tensor.shape)}, expected (samples), "
            "(1, samples) or (1, 1, samples), of which each may be free: export it so, from "
            "samples of one channel on"
        )
    return name, tensor


def _show(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "no shape"
    sizes = ", ".join("free" if size is None else str(size) for size in shape)
    return f"the shape ({sizes})"


def _choose_output(
    where: str, entry: Mapping[str, Any], path: str, graph: Graph
) -> tuple[str, Tensor]:
    """Return the tensor that is the embedding, by name and as it is declared, if it is."""
    name, known = entry.get("output"), {**graph.computed, **graph.outputs}
    if name is None:
        raise InputError(
            f"{where}.output: is missing: give the name of the tensor that is the embedding; "
            f"{path} returns {_list(graph.outputs)}"
        )
    if type(name) is not str or name not in known:
        # All tensors of a network are too many to list.
        near = difflib.get_close_matches(str(name), known, n=1)
        unknown = say_unknown("tensor", name, near or graph.outputs)
        raise InputError(f"{where}.output: {unknown} (of {path})")
    check_text(f"{where}.output", name, "the name of a tensor")
    tensor = known[name]
    if tensor.element not in ("float32", "float64", None):
        raise InputError(
            f"{where}.output: {name} of {path} is of {tensor.element}, expected float32: name "
            "another tensor"
        )
    return name, tensor


def _has_time(where: str, entry: Mapping[str, Any], path: str, first: int, tensor: Tensor) -> bool:
    """Whether the output has an axis of time; what isn't declared follows from `pooling`.

    `first` is the first axis after that of the batch, which there is if the input has one.
    """
    if tensor.shape is None:
        return "pooling" in entry
    rank = len(tensor.shape) - first
    if rank not in (1, 2) or (first and tensor.shape[0] not in (1, None)):
        batch = "1, " if first else ""
        raise InputError(
            f"{where}.output: {entry['output']} of {path} has {_show(tensor.shape)}, expected "
            f"({batch}values) or ({batch}time, values): name another tensor"
        )
    return rank == 2


def _choose_pooling(
    where: str, entry: Mapping[str, Any], has_time: bool, first: int
) -> dict[str, Any]:
    if not has_time:
        for key in ("pooling", "time_axis"):
            if key in entry:
                raise InputError(
                    f"{where}.{key}: {entry['output']} has no axis of time: remove the key"
                )
        return {}
    if "pooling" not in entry:
        raise InputError(
            f"{where}.pooling: is missing, and {entry['output']} has an axis of time, expected "
            f"{' or '.join(POOLINGS)}"
        )
    axis = entry.get("time_axis", first)
    if type(axis) is not int or axis not in (first, first + 1):
        raise InputError(
            f"{where}.time_axis: is {axis!r}, expected {first} (default) or {first + 1}, the axis "
            f"of {entry['output']} that is time, counted from 0"
        )
    return {"pooling": choose_word(where, entry, "pooling", POOLINGS), "time_axis": axis}


def _choose_dimension(
    where: str, entry: Mapping[str, Any], path: str, tensor: Tensor, axis: int
) -> int:
    declared = tensor.shape[axis] if tensor.shape else None
    value = entry.get("dimension", declared)
    if value is None:
        raise InputError(
            f"{where}.dimension: is missing, and {path} doesn't declare how many values "
            f"{entry['output']} has for a clip: give their number"
        )
    if type(value) is not int or value < 1:
        raise InputError(f"{where}.dimension: is {value!r}, expected a number from 1 up")
    if declared not in (value, None):
        raise InputError(
            f"{where}.dimension: is {value}, but {entry['output']} of {path} has {declared}: "
            "remove it"
        )
    return value


def _choose_window(
    where: str, entry: Mapping[str, Any], path: str, taken: Tensor
) -> dict[str, float]:
    """Return the longest and shortest input in seconds; nothing if the file fixes its length."""
    if taken.shape[-1] is not None:
        for key in ("window_s", "shortest_s"):
            if key in entry:
                raise InputError(
                    f"{where}.{key}: {path} takes {taken.shape[-1]} samples, and nothing else: "
                    "remove the key"
                )
        return {}
    window = choose_seconds(where, entry, "window_s", SECONDS, MIN_DURATION_S, MAX_SECONDS)
    return {
        "window_s": window,
        "shortest_s": choose_seconds(where, entry, "shortest_s", 0.0, 0.0, window),
    }
