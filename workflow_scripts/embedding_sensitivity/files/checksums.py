"""Checksums of HDF5 files: what is read is what was written, or the file is refused.

HDF5 has checksums of its own, but not for all that describes a file's content, and of some damaged
files it never returns (2.0.0, of a changed byte in its heap of texts); its filter Fletcher-32 takes
a chunk of zeros, as a power cut leaves behind, for a sound one. So the CRC-32 of everything but
the large data of a file stands in its first 512 bytes, HDF5's user block, and is compared before
HDF5 sees the file; the large data have one for each row, compared as the rows are read.
"""

import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import h5py
import numpy as np

BLOCK = 512
PIECE = 2**20


class DamagedError(Exception):
    """A file's content isn't what was written."""


class _Disk(io.FileIO):
    """A file for HDF5 to write, which keeps what goes wrong to itself.

    HDF5 can't close a file that it failed to write, and crashes the process as it ends.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None

    def write(self, data: memoryview) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and not self.error:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size


@contextmanager
def creating(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Create an HDF5 file, to be sealed when it is complete. Raises `OSError` of a full disk."""
    with _Disk(path) as disk:
        try:
            options = {"libver": ("v110", "v110"), "userblock_size": BLOCK}
            with h5py.File(disk, "w", **options) as file:
                yield file
        finally:
            if disk.error:
                raise disk.error


def span(data: h5py.Dataset) -> tuple[int, int]:
    """Where in its file the bytes of a contiguous dataset start and end."""
    start = data.id.get_offset() or BLOCK
    return start, start + data.id.get_storage_size()


def seal(path: str | os.PathLike, apart: tuple[int, int] = (BLOCK, BLOCK)) -> None:
    """Write the checksum of a closed file, less the bytes from ``apart[0]`` to ``apart[1]``."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        found = {"size": size, "apart": apart, "crc32": _crc32(file, size, *apart)}
        file.seek(0)
        file.write(json.dumps(found).encode().ljust(BLOCK, b"\n"))


def check(path: str | os.PathLike) -> None:
    """Raise `DamagedError` where a file isn't as it was sealed, `OSError` where it is missing."""
    with open(path, "rb") as file:
        try:
            sealed = json.loads(file.read(BLOCK))
            size, (start, stop), crc32 = (sealed[key] for key in ("size", "apart", "crc32"))
        except (ValueError, KeyError, TypeError):
            raise DamagedError("it has no checksum at its start") from None
        if size != (there := file.seek(0, os.SEEK_END)):
            raise DamagedError(f"{there} bytes, {size} were written")
        if crc32 != _crc32(file, size, start, stop):
            raise DamagedError("its checksum is another")


def _crc32(file: BinaryIO, size: int, start: int, stop: int) -> int:
    """CRC-32 of a file's bytes after the user block, less those from `start` to `stop`."""
    crc32 = 0
    for first, last in ((BLOCK, start), (stop, size)):
        file.seek(first)
        while piece := file.read(min(PIECE, max(0, last - file.tell()))):
            crc32 = zlib.crc32(piece, crc32)
    return crc32


def crc32_of_rows(rows: np.ndarray) -> np.ndarray:
    """CRC-32 of the bytes of each of n rows, as `zlib.crc32` computes it: uint32 (n,)."""
    return np.array([zlib.crc32(row) for row in np.ascontiguousarray(rows)], np.uint32)


def check_rows(rows: np.ndarray, expected: np.ndarray) -> None:
    """Raise `DamagedError` where a row's CRC-32 isn't the `expected` one, uint32 (n,)."""
    wrong = crc32_of_rows(rows) != expected
    if wrong.any():
        raise DamagedError(f"{np.count_nonzero(wrong)} of {len(rows)} rows have another checksum")
