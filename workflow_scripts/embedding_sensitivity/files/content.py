"""Know files by their content, without reading them at each plan.

What was read is remembered with size, times and inode: a file is read again where one of them
differs. So a file that was touched or copied back is the same, and one that was replaced is noticed
whatever its time stamp. Standard library only.
"""

import atexit
import functools
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from embedding_sensitivity.files.atomic import replacing, sha256_of
from embedding_sensitivity.files.errors import InputError

# Beside Snakemake's own notes on files, in the folder that it runs in.
NAME = ".snakemake/contents.json"
Stat = tuple[int, int, int, int]


def read_stat(path: str | os.PathLike) -> Stat | None:
    """Return size, times of modification and of change in ns, and inode; None of no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def hash_of(path: str | os.PathLike) -> str | None:
    """Return a file's SHA-256, read only if it isn't the file that was read before; None of none.

    Raises `OSError` for a file that cannot be read.
    """
    now = read_stat(path)
    return None if now is None else _memory(os.getcwd()).hash_of(os.fspath(path), now)


def hash_content(path: str | os.PathLike) -> str | list[list[str]]:
    """Return a file's SHA-256, or of a folder the path and SHA-256 of each file below it.

    Raises `InputError` for a path that isn't there, or can't be read.
    """
    try:
        if found := hash_of(path):
            return found
        files = sorted(each for each in Path(path).rglob("*") if each.is_file())
        content = [[each.relative_to(path).as_posix(), hash_of(each)] for each in files]
    except OSError as error:
        file, reason = error.filename or path, error.strerror
        raise InputError(f"{file}: cannot be read ({reason}): correct that or remove it") from None
    if not content:
        raise InputError(f"{path}: does not exist, or is an empty folder: put its files there")
    return content


def remember(seen: Mapping[str, tuple[Stat, str]]) -> None:
    """Note known hashes, each with the `read_stat` of its file from before it was read."""
    memory = _memory(os.getcwd())
    memory.add(seen)
    memory.keep()


def keep() -> None:
    """Write down what was read, for later plans; it is at the end of the process too."""
    _memory(os.getcwd()).keep()


class _Memory:
    """Hashes by path, in a file that keeps them between processes.

    Attributes
    ----------
    known : all that is known, with what a file was when it was read
    new : those that the file hasn't got yet
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder, NAME)
        self.known: dict[str, tuple[Stat, str]] = {}
        self.new: dict[str, tuple[Stat, str]] = {}
        self.loaded: Stat | None = None

    def hash_of(self, path: str, now: Stat) -> str:
        if not self._knows(path, now):
            self._load()
        if not self._knows(path, now):
            self.add({path: (now, sha256_of(path))})
        return self.known[path][1]

    def add(self, seen: Mapping[str, tuple[Stat, str]]) -> None:
        self.new |= seen
        self.known |= seen

    def keep(self) -> None:
        if self.new:
            self._load()
            # On a disk that can't be written, each plan reads.
            with suppress(InputError, OSError), replacing(self.path, lasting=False) as part:
                part.write_text(json.dumps(self.known), encoding="utf-8")
            self.new = {}

    def _knows(self, path: str, now: Stat) -> bool:
        return path in self.known and self.known[path][0] == now

    def _load(self) -> None:
        """Read what other processes have written since."""
        if (now := read_stat(self.path)) != self.loaded:
            self.loaded = now
            with suppress(OSError, ValueError, TypeError, AttributeError):
                found = json.loads(self.path.read_text(encoding="utf-8"))
                kept = {path: (tuple(at), sha256) for path, (at, sha256) in found.items()}
                self.known = {**kept, **self.new}


@functools.cache
def _memory(folder: str) -> _Memory:
    memory = _Memory(folder)
    atexit.register(memory.keep)
    return memory
