"""Files that are either absent or whole."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from embedding_sensitivity.files.errors import InputError

# What to do about an error of the operating system.
REMEDIES = {
    errno.ENOSPC: "free disk there and run again",
    errno.EDQUOT: "free some of your quota there and run again",
    errno.EFBIG: "raise the limit on a file's size (ulimit -f) and run again",
    errno.EROFS: "make the folder writable and run again",
    errno.EACCES: "permit writing there and run again",
    errno.EPERM: "permit writing there and run again",
    errno.EIO: "check that disk and run again",
}


@contextmanager
def replacing(path: str | os.PathLike, lasting: bool = True) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success rename it to `path`, on error remove it.

    The temporary name is a function of `path` alone (``.<name>.part``), so the next run overwrites
    what a killed run left behind. A `lasting` file is flushed to the disk before it is renamed: a
    power cut leaves no empty file under its name.

    Raises `InputError` if the disk is full or not writable.
    """
    path = Path(path)
    part = _part(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        yield part
        try:
            if lasting:
                _flush(part)
            os.replace(part, path)
        except FileNotFoundError:
            raise InputError(
                f"{path}: another process is writing this file (perhaps a job left over from an "
                "earlier run): wait until it has ended and run again"
            ) from None
        if lasting:
            _flush(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if refused := explain_write_error(path, error):
            raise refused from error
        raise


def explain_write_error(path: str | os.PathLike, error: BaseException) -> InputError | None:
    """Return one line for an error that the disk caused, None for a fault of the program."""
    if not isinstance(error, OSError) or error.errno not in REMEDIES:
        return None
    path = Path(path)
    if error.filename and Path(error.filename) not in (path, _part(path), *path.parents):
        return None  # an error of reading, or of another file
    return InputError(f"{path}: cannot be written ({error.strerror}): {REMEDIES[error.errno]}")


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _flush(path: Path) -> None:
    """Flush a file's content, or a folder's list of files, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot flush a folder.
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def sha256_of(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
