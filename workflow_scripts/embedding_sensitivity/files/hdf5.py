"""HDF5 files of the workflow: written whole, with one checksum, which is compared before reading.

HDF5 has checksums of its own, but not for everything that describes a file's content. Some damaged
files make it hang (2.0.0, a changed byte in its heap of texts), and its filter Fletcher-32 accepts
a chunk of zeros, as a power cut leaves behind. So the CRC-32 of the whole file is kept in its first
512 bytes, HDF5's user block, and compared before HDF5 sees the file.
"""

import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError

BLOCK = 512
PIECE = 2**20

# Files that this process has checked: a store of gigabytes is read in many pieces.
_checked: set[tuple] = set()


class _DamagedError(Exception):
    """A file's content is not what was written."""


class _Disk(io.FileIO):
    """A file for HDF5 to write, which keeps errors to itself until HDF5 has closed it.

    HDF5 cannot close a file that it failed to write, and crashes the process at its end.
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
def write_hdf5(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Write a file that is there whole at the end, with its checksum, or not at all."""
    with replacing(path) as part:
        with create_hdf5(part) as file:
            yield file
        seal(part)


@contextmanager
def create_hdf5(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Create a file that is to be sealed when complete. Raises `OSError` if the disk is full."""
    with _Disk(path) as disk:
        try:
            options = {"libver": ("v110", "v110"), "userblock_size": BLOCK}
            with h5py.File(disk, "w", **options) as file:
                yield file
        finally:
            if disk.error:
                raise disk.error


def seal(path: str | os.PathLike) -> None:
    """Write the checksum of a complete, closed file into its user block."""
    with open(path, "r+b") as file:
        found = {"size": file.seek(0, os.SEEK_END), "crc32": _crc32(file)}
        file.seek(0)
        file.write(json.dumps(found).encode().ljust(BLOCK, b"\n"))


@contextmanager
def read_hdf5(path: str | os.PathLike, kind: str) -> Iterator[h5py.File]:
    """Open a sealed file; its checksum is compared when this process first opens it.

    Raises `InputError` naming the file and its `kind` (such as "embedding store") if the file is
    missing or damaged, or if the caller's block looks for what is not there (`KeyError`).
    """
    try:
        _check(path)
        file = h5py.File(path, "r")
    except (OSError, _DamagedError) as error:
        raise _refuse(path, kind, error) from None
    with file:
        try:
            yield file
        except (KeyError, OSError) as error:
            if getattr(error, "errno", None):  # of the system (a full disk), not of this file
                raise
            raise _refuse(path, kind, error) from None


def _refuse(path: str | os.PathLike, kind: str, error: Exception) -> InputError:
    return InputError(f"{path}: not a readable {kind} ({error}): delete it and run again")


def _check(path: str | os.PathLike) -> None:
    """Raise `_DamagedError` if a file is not as it was sealed, `OSError` if it is missing."""
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if state in _checked:
            return
        try:
            sealed = json.loads(file.read(BLOCK))
            size, crc32 = sealed["size"], sealed["crc32"]
        except (ValueError, KeyError, TypeError):
            raise _DamagedError("it has no checksum at its start") from None
        if size != found.st_size:
            raise _DamagedError(f"{found.st_size} bytes, {size} were written")
        if crc32 != _crc32(file):
            raise _DamagedError("its checksum is another")
    _checked.add(state)


def _crc32(file: io.BufferedIOBase) -> int:
    """CRC-32 of a file's bytes after the user block."""
    crc32 = 0
    file.seek(BLOCK)
    while piece := file.read(PIECE):
        crc32 = zlib.crc32(piece, crc32)
    return crc32
