"""Read TensorFlow checkpoints without TensorFlow, whose import takes 4 to 5 s.

A checkpoint of the V2 format is an index (a sorted string table as in LevelDB, its values the
protocol buffers ``BundleEntryProto``) and a data file holding the arrays' bytes end to end.
Source: tensorflow/core/util/tensor_bundle and tensorflow/core/lib/io/table in TensorFlow's sources.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from embedding_sensitivity.files.errors import InputError

MAGIC = 0xDB4775248B80FB57
FLOAT32 = 1  # DT_FLOAT


def read_checkpoint(prefix: str | Path) -> dict[str, np.ndarray]:
    """Read the float32 variables of the checkpoint ``<prefix>.index`` and ``.data-00000-of-00001``.

    Adam's variables and scalars are left out. Raises `InputError` for a file that is missing,
    truncated or in another format.
    """
    index_path, data_path = Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001")
    try:
        entries = _entries(index_path.read_bytes())
        data = data_path.read_bytes()
        variables = {}
        for name, entry in entries.items():
            if "/" not in name or "/Adam" in name:
                continue
            if entry["dtype"] != FLOAT32:
                raise ValueError(f"{name} is not float32")
            stop = entry["offset"] + entry["size"]
            array = np.frombuffer(data[entry["offset"] : stop], "<f4")
            variables[name] = array.reshape(entry["shape"])
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise InputError(
            f"{index_path}: not a readable TensorFlow checkpoint ({error}): "
            "install the package again"
        ) from None
    return variables


def _entries(table: bytes) -> dict[str, dict]:
    """Return dtype, shape, offset and size of every array, by name."""
    if len(table) < 48 or struct.unpack("<Q", table[-8:])[0] != MAGIC:
        raise ValueError("no table footer at its end")
    position = 0
    for _ in range(2):  # skip the handle of the meta-index block
        _, position = _varint(table[-48:], position)
    entries = {}
    for _, handle in _block(table, *_handle(table[-48:], position)):
        for key, value in _block(table, *_handle(handle, 0)):
            if key:  # the empty key is the header
                entries[key.decode()] = _entry(value)
    return entries


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a base-128 integer; return it and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _handle(data: bytes, position: int) -> tuple[int, int]:
    """Read a block's offset and size."""
    offset, position = _varint(data, position)
    return offset, _varint(data, position)[0]


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a block; each key is stored as its difference from the last."""
    if table[offset + size] != 0:
        raise ValueError("its blocks are compressed")
    block = table[offset : offset + size]
    end = size - 4 * (struct.unpack("<I", block[-4:])[0] + 1)  # without the restart points
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + length]
        position += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield field numbers and values of a protocol buffer."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        if tag & 7 == 0:
            value, position = _varint(message, position)
        elif tag & 7 == 5:
            value, position = message[position : position + 4], position + 4
        elif tag & 7 == 2:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        else:
            raise ValueError(f"unknown field type {tag & 7}")
        yield tag >> 3, value


def _entry(message: bytes) -> dict:
    """A `BundleEntryProto`: dtype (1), shape (2), shard_id (3), offset (4), size (5)."""
    entry = {"dtype": 0, "shape": (), "offset": 0, "size": 0}
    for number, value in _fields(message):
        if number == 1:
            entry["dtype"] = value
        elif number == 2:
            dims = [dim for field, dim in _fields(value) if field == 2]
            entry["shape"] = tuple(dict(_fields(dim)).get(1, 0) for dim in dims)
        elif number == 3 and value != 0:
            raise ValueError("it has more than one data file")
        elif number == 4:
            entry["offset"] = value
        elif number == 5:
            entry["size"] = value
    return entry
