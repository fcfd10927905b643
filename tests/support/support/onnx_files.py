"""Small ONNX files, written byte by byte: this library's own, without the package onnx.

`onnx.proto` of the ONNX project has the numbers of the fields. Standard library only.
"""

import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

FLOAT, INT64, FLOAT16 = 1, 7, 10
HOP = 400
N_VALUES = 8
# Of the network that `write_network` writes: (N_VALUES, HOP).
_drawn = random.Random(5)
KERNEL = [[_drawn.uniform(-0.1, 0.1) for _ in range(HOP)] for _ in range(N_VALUES)]
Shape = Sequence[int | str] | None


def varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def describe(name: str, shape: Shape, element: int = FLOAT) -> bytes:
    """A ValueInfoProto: sizes of a shape are numbers or, if free, names; None declares none."""
    tensor = field(1, element)
    if shape is not None:
        sizes = (field(1, n) if isinstance(n, int) else field(2, n) for n in shape)
        tensor += field(2, b"".join(field(1, size) for size in sizes))
    return field(1, name) + field(2, field(1, tensor))


def weights(name: str, shape: Sequence[int], values: Sequence[float], outside: str = "") -> bytes:
    """A TensorProto of float32, or one whose values are in the file `outside`."""
    found = b"".join(field(1, size) for size in shape) + field(2, FLOAT) + field(8, name)
    if outside:
        entry = field(1, "location") + field(2, outside)
        return found + field(13, entry) + field(14, 1)
    return found + field(9, struct.pack(f"<{len(values)}f", *values))


def node(
    operator: str, inputs: str, output: str, **attributes: bytes | Sequence[int] | int
) -> bytes:
    """A NodeProto; its attributes are numbers, lists of them, or the bytes of a graph."""
    found = b"".join(field(1, name) for name in inputs.split()) + field(2, output)
    found += field(4, operator)
    for name, value in attributes.items():
        if isinstance(value, bytes):
            content = field(6, value) + field(20, 5)
        elif isinstance(value, int):
            content = field(3, value) + field(20, 2)
        else:
            content = b"".join(field(8, number) for number in value) + field(20, 7)
        found += field(5, field(1, name) + content)
    return found


def graph(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    stored: Sequence[bytes] = (),
    declared: Sequence[bytes] = (),
) -> bytes:
    parts = {1: nodes, 2: ["g"], 5: stored, 11: inputs, 12: outputs, 13: declared}
    return b"".join(field(number, each) for number, found in parts.items() for each in found)


def model(of_graph: bytes, operators: int = 11, functions: Sequence[bytes] = ()) -> bytes:
    found = field(1, 6) + field(2, "tests") + field(7, of_graph) + field(8, field(2, operators))
    return found + b"".join(field(25, each) for each in functions)


# What enters a network of each rank becomes (batch, 1, samples).
_TO_CHANNELS = {1: {"axes": [0, 1]}, 2: {"axes": [1]}}
OUTPUTS = {
    "channels": ("batch", N_VALUES, "time"),
    "frames": ("batch", "time", N_VALUES),
    "embedding": ("batch", N_VALUES),
}


def write_network(
    path: Path,
    shape: Shape = ("batch", "samples"),
    outputs: Mapping[str, Shape] = OUTPUTS,
    scale: float = 1.0,
    **more: Sequence[bytes],
) -> str:
    """Write a network: |KERNEL times each HOP samples|, then the mean over time.

    Its tensors: ``channels`` (1, N_VALUES, time), ``frames`` (1, time, N_VALUES), ``embedding``
    (1, N_VALUES); ``logarithm`` of the first, of which silence is infinite; ``bare`` and
    ``whole``, the two before it without the axis of a batch. More nodes, inputs and such are
    appended.
    """
    rank = len(shape or ("batch", "samples"))
    to_channels = (
        node("Unsqueeze", "waveform", "input", **_TO_CHANNELS[rank])
        if rank in _TO_CHANNELS
        else node("Identity", "waveform", "input")
    )
    nodes = [
        to_channels,
        node("Conv", "input kernel", "convolved", strides=[HOP]),
        node("Abs", "convolved", "channels"),
        node("Transpose", "channels", "frames", perm=[0, 2, 1]),
        node("ReduceMean", "frames", "embedding", axes=[1], keepdims=0),
        node("Log", "channels", "logarithm"),
        node("Squeeze", "frames", "bare", axes=[0]),
        node("ReduceMean", "bare", "whole", axes=[0], keepdims=0),
    ]
    values = [scale * value for row in KERNEL for value in row]
    parts = {
        "nodes": nodes,
        "inputs": [describe("waveform", shape)],
        "outputs": [describe(*named) for named in outputs.items()],
        "stored": [weights("kernel", (N_VALUES, 1, HOP), values)],
    }
    for name, added in more.items():
        parts[name] = [*parts.get(name, ()), *added]
    path.write_bytes(model(graph(**parts)))
    return str(path)
