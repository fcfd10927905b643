"""Names of an HDF5 file's groups, for where the HDF5 library is not: Snakemake's own environment.

The Snakefile has to know which models there are before any environment is built. What is read is
the few structures that name links, as the HDF5 File Format Specification 3.0 lays them out: symbol
tables, which is what h5py writes unless told otherwise, and links inside an object header. Data
are read by h5py, and by nothing else.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from embedding_sensitivity.files.errors import InputError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
# Types of an object header's messages.
LINK_INFO, LINK, CONTINUATION, SYMBOL_TABLE = 0x02, 0x06, 0x10, 0x11
# A header has a handful; more means that they lead in a circle.
MAX_CHUNKS = 1000
# Of a structure that names links, and of a name; more is made to exhaust who reads it.
MAX_BYTES = 16 * 2**20
MAX_NAME = 1024


class _UnknownLayout(Exception):
    """A well-formed file that uses what isn't read here."""


def group_names(path: str | os.PathLike, group: str) -> list[str]:
    """Sorted names of what is in a group, given as its path in the file, ``irmas`` or ``a/b``.

    Raises
    ------
    InputError
        naming the file: missing or unreadable, no HDF5 file, cut short, without that group, or of
        a layout that is not read here
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            links = _links(file, _root(file))
            for name in group.split("/"):
                if name not in links:
                    raise InputError(
                        f"{path}: no group {group}, found {_some(links) or 'nothing'}: "
                        f"expected the authors' layout, {group}/<model>/features and keys"
                    )
                links = _links(file, links[name])
            return sorted(links)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}): give an HDF5 file that can be"
        ) from None
    except _UnknownLayout as error:
        raise InputError(
            f"{path}: the models in it can't be listed ({error}): name them in `models`"
        ) from None
    except (struct.error, ValueError, IndexError) as error:
        raise InputError(f"{path}: cut short or damaged ({error}): copy it again") from None


def _some(names: Iterable[str]) -> str:
    """Names for a line, of hundreds the first."""
    names = sorted(names)
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _read(file: BinaryIO, address: int, size: int) -> bytes:
    if not 0 <= size <= min(MAX_BYTES, os.fstat(file.fileno()).st_size - address):
        raise ValueError(f"no {size} bytes at {address}")
    file.seek(address)
    return file.read(size)


def _root(file: BinaryIO) -> int:
    """Address of the root group's object header."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise InputError(f"{file.name}: not an HDF5 file: expected embeddings in the HDF5 format")
    version = _read(file, len(SIGNATURE), 1)[0]
    if version > 3:
        raise _UnknownLayout(f"superblock of version {version}")
    # Where the widths of addresses are, and where the root group's address.
    widths_at, root_at = {0: (13, 64), 1: (13, 68)}.get(version, (9, 36))
    if _read(file, widths_at, 2) != b"\x08\x08":
        raise _UnknownLayout("addresses are not of 8 bytes")
    return struct.unpack("<Q", _read(file, root_at, 8))[0]


def _links(file: BinaryIO, address: int) -> dict[str, int]:
    """Names in the group whose object header is at `address`, and their own headers' addresses."""
    links = {}
    for kind, body in _messages(file, address):
        if kind == SYMBOL_TABLE:
            tree, heap = struct.unpack_from("<QQ", body)
            links.update(_symbols(file, tree, heap))
        elif kind == LINK:
            name, target = _link(body)
            links[name] = target
        elif kind == LINK_INFO:
            indexed = 8 if body[1] & 1 else 0
            if struct.unpack_from("<Q", body, 2 + indexed)[0] != UNDEFINED:
                raise _UnknownLayout("more links than a header holds")
    return links


def _messages(file: BinaryIO, address: int) -> Iterator[tuple[int, bytes]]:
    """Type and content of each message of an object header, of version 1 or 2."""
    start = _read(file, address, 16)
    if start[:4] == b"OHDR":
        flags = start[5]
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        chunks = [(at + width, int.from_bytes(_read(file, at, width), "little"))]
        head = struct.Struct("<BHB2x" if flags & 4 else "<BHB")
        frame = 4  # bytes before (a signature) and after (a checksum) what continues it
    else:
        chunks = [(address + 16, struct.unpack_from("<I", start, 8)[0])]
        head = struct.Struct("<HHB3x")
        frame = 0
    left = MAX_BYTES
    for at, size in chunks:
        left -= size
        if left < 0:
            raise ValueError("a header without an end")
        data, position = _read(file, at, size), 0
        while position + head.size <= len(data):
            kind, length, _ = head.unpack_from(data, position)
            position += head.size
            body = data[position : position + length]
            position += length
            if kind == CONTINUATION:
                if len(chunks) == MAX_CHUNKS:
                    raise ValueError("a header without an end")
                at, size = struct.unpack_from("<QQ", body)
                chunks.append((at + frame, size - 2 * frame))
            else:
                yield kind, body


def _link(body: bytes) -> tuple[str, int]:
    """Name and target of a link message; a soft or external link has no target here."""
    flags, at = body[1], 2
    is_hard = not flags & 0x08 or body[at] == 0
    at += bool(flags & 0x08) + (8 if flags & 0x04 else 0) + bool(flags & 0x10)
    width = 1 << (flags & 3)
    length = int.from_bytes(body[at : at + width], "little")
    at += width
    name = body[at : at + length].decode()
    return name, struct.unpack_from("<Q", body, at + length)[0] if is_hard else UNDEFINED


def _symbols(file: BinaryIO, tree: int, heap: int) -> dict[str, int]:
    """Names and targets of a symbol table: a B-tree of nodes whose names are in a local heap."""
    size, _, at = struct.unpack_from("<QQQ", _read(file, heap, 32), 8)
    names = _read(file, at, size)
    found = {}
    for node in _leaves(file, tree, set()):
        (count,) = struct.unpack_from("<H", _read(file, node, 8), 6)
        for entry in struct.iter_unpack("<QQ24x", _read(file, node + 8, 40 * count)):
            offset, target = entry
            end = names.index(0, offset, offset + MAX_NAME)
            found[names[offset:end].decode()] = target
    return found


def _leaves(file: BinaryIO, node: int, seen: set[int], below: int = 256) -> Iterator[int]:
    """Addresses of a B-tree's symbol nodes; `below` is the level of the node above.

    No node is in a tree twice: a file of a few kilobytes would have it walked for years.
    """
    start = _read(file, node, 24)
    level, count = struct.unpack_from("<BH", start, 5)
    if start[:4] != b"TREE" or level >= below:
        raise ValueError("a tree that is none")
    for _, child in struct.iter_unpack("<QQ", _read(file, node + 24, 16 * count)):
        if child in seen:
            raise ValueError("a tree that is none")
        seen.add(child)
        if level == 0:
            yield child
        else:
            yield from _leaves(file, child, seen, level)
