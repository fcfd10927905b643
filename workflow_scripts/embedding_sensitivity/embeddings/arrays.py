"""Read embeddings made elsewhere as one array: a file of NPZ or HDF5 with arrays of fixed names."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5_content import find_member
from embedding_sensitivity.files.safe_names import normalize

# What an array's file that can't be read raises: `zipfile` and `numpy` have many words.
UNREADABLE = (OSError, KeyError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile)


def read_array(path: str | Path, levels: Sequence[str], clips: Sequence[str]) -> np.ndarray:
    """Read embeddings of `clips` at all levels, (P, n, d) float32.

    Parameters
    ----------
    path : a file with the arrays ``embeddings``, numbers (P, N, d), ``clips``, text (N,), in any
        order, and optionally ``levels``, numbers or text (P,)
    levels : the P level strings that the config gives
    clips : what is read

    Raises
    ------
    InputError
        in one line that names the file and the array: a missing one, a wrong shape or type, other
        levels or another number of them, an id that is there twice, a clip that isn't there, a
        value that is not finite
    """
    with _open(path) as file:
        found = file.read("embeddings", "(levels, clips, d)", 3)
        given = file.read("levels", "(levels,)", 1, needed=False)
        rows = _find_rows(file, clips, found.shape[1])
    if len(found) != len(levels):
        raise InputError(
            f"{path}: embeddings is of shape {found.shape}, of {len(found)} levels, and the config "
            f"has {len(levels)}: give a level for each in effects, or take the others out"
        )
    if given is not None:
        _check_levels(path, given, levels)
    chosen = _to_float32(found[:, rows])
    _check_finite(path, "embeddings", chosen, levels, clips)
    return chosen


def read_originals(path: str | Path, clips: Sequence[str]) -> np.ndarray:
    """Read embeddings of `clips` without an effect, (n, d) float32.

    From the arrays ``originals``, numbers (N, d), and ``clips``, text (N,). Raises `InputError` as
    `read_array`.
    """
    with _open(path) as file:
        found = file.read("originals", "(clips, d)", 2)
        rows = _find_rows(file, clips, len(found))
    chosen = _to_float32(found[rows])
    _check_finite(path, "originals", chosen[None], None, clips)
    return chosen


def read_array_and_originals(
    originals: str | Path | None, path: str | Path, levels: Sequence[str], clips: Sequence[str]
) -> tuple[np.ndarray | None, np.ndarray]:
    """Read embeddings of `clips` without the effect, (n, d), and at all levels, (P, n, d).

    `originals` is the file of the first; None if there is none, and none are returned. Raises
    `InputError` as `read_array`, and where the two have other dimensions.
    """
    embeddings = read_array(path, levels, clips)
    if originals is None:
        return None, embeddings
    without = read_originals(originals, clips)
    if without.shape[1] != embeddings.shape[2]:
        raise InputError(
            f"{path}: embeddings has {embeddings.shape[2]} dimensions, originals has "
            f"{without.shape[1]} in {originals}: compute both with the same model"
        )
    return without, embeddings


def has_originals(path: str | Path) -> bool:
    """Whether a file has the array ``originals``."""
    with _open(path) as file:
        return "originals" in file.names


class _Arrays:
    """The arrays of a file, read when asked for."""

    def __init__(self, path: str | Path, source: h5py.File | np.lib.npyio.NpzFile) -> None:
        self.path, self.source = path, source
        self.names = list(source)

    def read(self, name: str, shape: str, dimensions: int, needed: bool = True):
        """Return an array, checked for its number of dimensions; None if it isn't `needed`."""
        if name not in self.names:
            if not needed:
                return None
            there = ", ".join(self.names) or "none"
            raise InputError(
                f"{self.path}: no array {name} (arrays in it: {there}): add it, of shape {shape}"
            )
        array = self._load(name)
        if array.ndim != dimensions or 0 in array.shape:
            raise InputError(
                f"{self.path}: {name} is of shape {array.shape}, expected {shape}: save it so"
            )
        if name in ("embeddings", "originals") and array.dtype.kind not in "fiu":
            raise InputError(
                f"{self.path}: {name} is of type {array.dtype}, expected real numbers: convert it"
            )
        return array

    def read_texts(self, name: str, shape: str) -> list[str]:
        """Return an array of text."""
        array = self.read(name, shape, 1)
        if array.dtype.kind in "SO":
            array = np.array([_to_text(value) for value in array.tolist()], dtype=object)
        if array.dtype.kind not in "UO" or not all(isinstance(text, str) for text in array):
            raise InputError(
                f"{self.path}: {name} is of type {array.dtype}, expected text: convert it"
            )
        return [normalize(str(text)) for text in array]

    def _load(self, name: str) -> np.ndarray:
        if not isinstance(self.source, h5py.File):
            return self.source[name]
        member = find_member(self.source, name, self.path)
        if not isinstance(member, h5py.Dataset):
            raise InputError(f"{self.path}: {name} is a group, expected an array: save it as one")
        return member[...]


def _to_text(value: object) -> object:
    """Text of HDF5 and of NumPy's byte strings."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


@contextmanager
def _open(path: str | Path) -> Iterator[_Arrays]:
    """Open an array's file; raise `InputError` for one that isn't whole, or isn't one at all."""
    kind = "NPZ" if str(path).endswith(".npz") else "HDF5"
    try:
        # Objects would be unpickled, which runs what is in the file.
        opened = np.load(path, allow_pickle=False) if kind == "NPZ" else h5py.File(path, "r")
        if isinstance(opened, np.ndarray):
            raise InputError(f"{path}: is a single array, expected NPZ: save it by numpy.savez")
        with opened as source:
            yield _Arrays(path, source)
    except UNREADABLE as error:
        if isinstance(error, InputError):
            raise
        what = "holds objects, expected numbers and text" if "allow_pickle" in str(error) else error
        raise InputError(f"{path}: not a readable {kind} file ({what}): save it again") from None


def _find_rows(file: _Arrays, clips: Sequence[str], n_rows: int) -> list[int]:
    """Return the row of each of `clips`, by the array ``clips``."""
    names = file.read_texts("clips", "(clips,)")
    if len(names) != n_rows:
        raise InputError(
            f"{file.path}: clips has {len(names)} ids for {n_rows} clips: give one for each"
        )
    rows = {name: row for row, name in enumerate(names)}
    if len(rows) < len(names):
        twice = next(name for row, name in enumerate(names) if rows[name] != row)
        raise InputError(
            f"{file.path}: clips has {twice!r} twice ({len(names) - len(rows)} such ids): keep one "
            "row of each clip"
        )
    if missing := [clip for clip in clips if clip not in rows]:
        raise InputError(
            f"{file.path}: no embedding of {', '.join(missing[:3])} ({len(missing)} of "
            f"{len(clips)} clips missing, its ids are like {names[0]!r}): complete the file or "
            "the split"
        )
    return [rows[clip] for clip in clips]


def _check_levels(path: str | Path, given: np.ndarray, levels: Sequence[str]) -> None:
    texts = [str(_to_text(value)) for value in given.tolist()]
    try:
        same = [float(text) for text in texts] == [float(level) for level in levels]
    except ValueError:
        same = False
    if not same:
        raise InputError(
            f"{path}: its levels are {', '.join(texts)}, the config has {', '.join(levels)}: "
            "correct one of them"
        )


def _to_float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # becomes infinite, and is refused
        return np.ascontiguousarray(array, dtype=np.float32)


def _check_finite(
    path: str | Path,
    name: str,
    chosen: np.ndarray,
    levels: Sequence[str] | None,
    clips: Sequence[str],
) -> None:
    """Refuse a value of `chosen` (levels, clips, d) that is not finite."""
    finite = np.isfinite(chosen).all(axis=2)
    if not finite.all():
        level, clip = np.argwhere(~finite)[0]
        at = f" at level {levels[level]}" if levels else ""
        raise InputError(
            f"{path}: {name} of clip {clips[clip]}{at} is not finite ({np.count_nonzero(~finite)} "
            "such rows): compute it again, or leave the clip out of the split"
        )
