"""Read what an ONNX file says of its graph: tensors with their shapes, and what is refused.

An ONNX file is one message of protobuf (onnx.proto of the ONNX project has the numbers of its
fields). The plan has neither that package nor NumPy, so the few fields that it needs are read here;
values of weights are skipped.
"""

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

# Wire types of protobuf: how a field is written.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Of elements; others are named by their number.
ELEMENTS = {1: "float32", 6: "int32", 7: "int64", 10: "float16", 11: "float64", 16: "bfloat16"}
# Operators that draw random numbers.
RANDOM = {
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
}  # fmt: skip
# Graphs within graphs, as of a loop within a condition. Real ones have a few.
MAX_DEPTH = 20


class NotONNX(Exception):
    """Raised for content that is no ONNX file; the message says why."""


class Tensor(NamedTuple):
    """What is declared of a tensor; a shape has None for a dimension that is free."""

    element: str | None = None
    shape: tuple[int | None, ...] | None = None


@dataclass
class Graph:
    """What a file says of its graph.

    Attributes
    ----------
    inputs : tensors that a caller gives, by name: no initialisers
    outputs : tensors that the graph returns
    computed : all others that a node computes
    stored : names of the graph's initialisers
    outside : files of tensors that the file itself doesn't hold
    random : operators that draw random numbers
    """

    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    computed: dict[str, Tensor] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    random: set[str] = field(default_factory=set)


class _Message:
    """A message of protobuf: a part of a file."""

    def __init__(self, content: mmap.mmap | bytes, start: int, stop: int) -> None:
        self.content, self.start, self.stop = content, start, stop

    def fields(self) -> Iterator[tuple[int, "int | _Message"]]:
        """Yield number and value of each field: a number, or a part of the file."""
        at = self.start
        while at < self.stop:
            tag, at = self._read_varint(at)
            number, wire = tag >> 3, tag & 7
            if wire == VARINT:
                value, at = self._read_varint(at)
            elif wire == BYTES:
                length, at = self._read_varint(at)
                value, at = _Message(self.content, at, at + length), at + length
            elif wire in (FIXED32, FIXED64):
                value, at = 0, at + (4 if wire == FIXED32 else 8)
            else:
                raise NotONNX("it is no message of protobuf")
            if at > self.stop or not number:
                raise NotONNX("it is truncated, or no message of protobuf")
            yield number, value

    def _read_varint(self, at: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= self.stop:
                break
            byte, at = self.content[at], at + 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise NotONNX("it is truncated, or no message of protobuf")

    def parts(self, number: int) -> "Iterator[_Message]":
        """Yield the messages in the fields with a number."""
        for found, value in self.fields():
            if found == number and isinstance(value, _Message):
                yield value

    def number(self, number: int) -> int | None:
        """Return the last number in the fields with a number; None without one."""
        found = None
        for each, value in self.fields():
            if each == number and isinstance(value, int):
                found = value
        return found

    def text(self, number: int) -> str:
        """Return the last text in the fields with a number; empty without one."""
        found = ""
        for part in self.parts(number):
            found = part.decode()
        return found

    def decode(self) -> str:
        """Return the message as text."""
        try:
            return bytes(self.content[self.start : self.stop]).decode()
        except UnicodeDecodeError:
            raise NotONNX("it has names that are not UTF-8") from None


def read_graph(path: str | os.PathLike) -> Graph:
    """Read an ONNX file.

    Raises `NotONNX` for content that is none, and `OSError` for a file that cannot be read.
    """
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise NotONNX("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read_model(_Message(content, 0, len(content)))


def _read_model(model: _Message) -> Graph:
    found = Graph()
    version, has_graph = model.number(1), False
    for number, value in model.fields():
        if number == 7 and isinstance(value, _Message):
            has_graph = True
            _read_top(value, found)
            _walk(value, found, 0)
        elif number == 25 and isinstance(value, _Message):
            _walk_nodes(value.parts(7), found, 0)
            _walk_attributes(value.parts(11), found, 0)
    if not version or not has_graph:
        raise NotONNX("it has no version or no graph")
    for name in found.stored:
        found.inputs.pop(name, None)  # older files list initialisers among the inputs
    for name in found.outputs:
        declared = found.computed.pop(name, Tensor())
        if found.outputs[name].shape is None:
            found.outputs[name] = declared
    return found


def _read_top(graph: _Message, found: Graph) -> None:
    """Read the tensors of the file's own graph."""
    declared = {}
    for number, value in graph.fields():
        if not isinstance(value, _Message):
            continue
        if number == 1:
            found.computed |= {part.decode(): Tensor() for part in value.parts(2)}
        elif number == 5:
            found.stored.add(value.text(8))
        elif number == 15:
            found.stored |= {values.text(8) for values in value.parts(1)}
        elif number in (11, 12, 13):
            where = {11: found.inputs, 12: found.outputs, 13: declared}[number]
            where[value.text(1)] = _read_tensor(value)
    found.computed.pop("", None)  # an output that is left out
    found.computed |= {n: tensor for n, tensor in declared.items() if n in found.computed}


def _read_tensor(value: _Message) -> Tensor:
    """Read what a ValueInfoProto declares."""
    for of_value in value.parts(2):
        for tensor in of_value.parts(1):
            element = tensor.number(1)
            shape = None
            for dimensions in tensor.parts(2):
                # 0 or less is no size: some exporters write it for a free one.
                sizes = (dimension.number(1) for dimension in dimensions.parts(1))
                shape = tuple(size if size and size < 2**31 else None for size in sizes)
            return Tensor(ELEMENTS.get(element, f"type {element}"), shape)
    return Tensor()


def _walk(graph: _Message, found: Graph, depth: int) -> None:
    """Note what is refused in a graph, and in graphs within it."""
    if depth > MAX_DEPTH:
        raise NotONNX(f"it has graphs within graphs, more than {MAX_DEPTH} deep")
    for tensor in graph.parts(5):
        _note_outside(tensor, found)
    for tensor in graph.parts(15):
        _note_sparse(tensor, found)
    _walk_nodes(graph.parts(1), found, depth)


def _walk_nodes(nodes: Iterator[_Message], found: Graph, depth: int) -> None:
    for node in nodes:
        if (operator := node.text(4)) in RANDOM:
            found.random.add(operator)
        _walk_attributes(node.parts(5), found, depth)


def _walk_attributes(attributes: Iterator[_Message], found: Graph, depth: int) -> None:
    for attribute in attributes:
        for number, value in attribute.fields():
            if not isinstance(value, _Message):
                continue
            if number in (5, 10):
                _note_outside(value, found)
            elif number in (22, 23):
                _note_sparse(value, found)
            elif number in (6, 11):
                _walk(value, found, depth + 1)


def _note_sparse(tensor: _Message, found: Graph) -> None:
    for number in (1, 2):
        for part in tensor.parts(number):
            _note_outside(part, found)


def _note_outside(tensor: _Message, found: Graph) -> None:
    """Note the file that holds a tensor's values, if it is another one."""
    entries = {entry.text(1): entry.text(2) for entry in tensor.parts(13)}
    if entries or tensor.number(14) == 1:
        found.outside.add(Path(entries.get("location") or "a file without a name").name)
