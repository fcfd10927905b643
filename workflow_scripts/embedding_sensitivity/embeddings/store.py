"""Embedding stores: HDF5 files with attributes that say what made them (see `write_store`)."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5 import read_hdf5, write_hdf5

SCHEMA_VERSION = 3
# Attributes that must agree in all parts of one model and effect. config_sha256 need not: a level
# added to the config does not change earlier parts. Nor the unit, which the config may name.
IDENTITY = (
    "schema_version",
    "model",
    "backend",
    "options",
    "weights_sha256",
    "protocol",
    "package_versions",
    "audio_package_versions",
    "effect",
    "data_sha256",
)
# Attributes that the originals and all effects of one model share.
MODEL_IDENTITY = ("model", "backend", "options", "weights_sha256", "data_sha256")
TEXT = h5py.string_dtype("utf-8")


@dataclass(frozen=True)
class Store:
    """Embeddings (P, N, d) float32; of the originals (N, d), with `levels` None."""

    embeddings: np.ndarray
    levels: list[str] | None
    clips: list[str]
    attributes: dict[str, str]


def encode_attribute(value) -> str:
    """Return an attribute's text: a string as it is, any other value as JSON with sorted keys."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def write_store(
    path: str | os.PathLike,
    embeddings: np.ndarray,
    clips: Sequence[str],
    levels: Sequence[str] | None = None,
    attributes: Mapping | None = None,
) -> None:
    """Write datasets `embeddings` (float32), `clips` and `levels` (UTF-8), and the attributes.

    The file has a checksum (`files.hdf5`), which readers compare.

    Parameters
    ----------
    embeddings : (P, N, d), or (N, d) without `levels`
    clips : N clip ids, in the order of the rows
    levels : P level strings
    attributes : text or JSON types; ``schema_version`` is added

    The same arguments give the same bytes. Raises `InputError` for an embedding that is not
    finite, `ValueError` for shapes that do not match.
    """
    embeddings = np.asarray(embeddings)
    counts = (len(clips),) if levels is None else (len(levels), len(clips))
    if embeddings.shape[:-1] != counts:
        raise ValueError(f"embeddings of shape {embeddings.shape} for {counts} levels and clips")
    rows = [embeddings] if levels is None else embeddings
    _write(path, rows, embeddings.shape, clips, levels, attributes or {})


def _write(
    path: str | os.PathLike,
    rows: Iterable[np.ndarray],
    shape: tuple[int, ...],
    clips: Sequence[str],
    levels: Sequence[str] | None,
    attributes: Mapping,
) -> None:
    """Write a store level by level: `rows` yields the P arrays (N, d), or one for originals."""
    if len(set(clips)) != len(clips):
        raise ValueError("a clip occurs twice")
    with write_hdf5(path) as file:
        for key, value in {**attributes, "schema_version": SCHEMA_VERSION}.items():
            file.attrs[key] = encode_attribute(value)
        _write_text(file, "clips", clips)
        if levels is not None:
            _write_text(file, "levels", levels)
        data = file.create_dataset("embeddings", shape, np.float32, track_times=False)
        for index, row in enumerate(rows):
            row = np.asarray(row, dtype=np.float32)
            finite = np.isfinite(row).all(axis=1)
            if not finite.all():
                at = "" if levels is None else f" at level {levels[index]}"
                raise InputError(
                    f"{path}: the embedding of clip {clips[int(np.argmin(finite))]}{at} is not "
                    "finite: check that clip's audio, or leave it out of the data"
                )
            data[... if levels is None else index] = row


def _write_text(group: h5py.Group, name: str, values: Sequence[str]) -> None:
    group.create_dataset(name, data=list(values), dtype=TEXT, track_times=False)


@contextmanager
def _open_store(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Open a store; raise `InputError` if it is missing, damaged or not a store."""
    with read_hdf5(path, "embedding store") as file:
        version = file.attrs.get("schema_version")
        if version != str(SCHEMA_VERSION):
            raise InputError(
                f"{path}: schema_version is {version}, expected {SCHEMA_VERSION}: "
                "delete it and run again"
            )
        yield file


def _attributes(file: h5py.File) -> dict[str, str]:
    return dict(file.attrs)


def _texts(group: h5py.Group, name: str) -> list[str]:
    return list(group[name].asstr()[...])


def _levels(group: h5py.Group) -> list[str] | None:
    return _texts(group, "levels") if "levels" in group else None


def _check(path: str | os.PathLike, found: Mapping[str, str], expected: Mapping) -> None:
    """Raise `InputError` if a store's attributes are not the expected ones."""
    for key, value in expected.items():
        wanted = encode_attribute(value)
        if found.get(key) != wanted:
            raise InputError(
                f"{path}: attribute {key} is {found.get(key)}, expected {wanted}: "
                "it was made with other settings; delete it and run again"
            )


def read_store(path: str | os.PathLike, expected: Mapping | None = None) -> Store:
    """Read a store; raise `InputError` if an attribute differs from `expected`."""
    with _open_store(path) as file:
        attributes = _attributes(file)
        _check(path, attributes, expected or {})
        return Store(file["embeddings"][...], _levels(file), _texts(file, "clips"), attributes)


def read_header(path: str | os.PathLike, expected: Mapping | None = None) -> Store:
    """Read a store without its embeddings: an empty array (..., 0) stands for them."""
    with _open_store(path) as file:
        attributes = _attributes(file)
        _check(path, attributes, expected or {})
        nothing = file["embeddings"][..., :0]
        return Store(nothing, _levels(file), _texts(file, "clips"), attributes)


def read_rows(
    path: str | os.PathLike, clips: Sequence[str], expected: Mapping | None = None
) -> np.ndarray:
    """Read the rows of some clips, in their order: float32 (P, n, d), or (n, d) for originals.

    Only one level of the store is in memory at a time, besides the result.
    """
    with _open_store(path) as file:
        _check(path, _attributes(file), expected or {})
        row_of = {clip: row for row, clip in enumerate(_texts(file, "clips"))}
        missing = [clip for clip in clips if clip not in row_of]
        if missing:
            raise InputError(
                f"{path}: has no embedding of {', '.join(missing[:3])} ({len(missing)} of "
                f"{len(clips)} clips missing): it has another clip index; delete it and run again"
            )
        data = file["embeddings"]
        rows = np.array([row_of[clip] for clip in clips], dtype=np.intp)
        if rows.size == 0:
            return np.empty((*data.shape[:-2], 0, data.shape[-1]), np.float32)
        first = rows.min()
        between, rows = slice(first, rows.max() + 1), rows - first
        if data.ndim == 2:
            return data[between][rows]
        out = np.empty((data.shape[0], len(rows), data.shape[2]), np.float32)
        for level in range(data.shape[0]):
            out[level] = data[level, between][rows]
        return out


def assemble_effect(
    path: str | os.PathLike,
    parts: Sequence[str | os.PathLike],
    levels: Sequence[str],
    attributes: Mapping | None = None,
    layer: str = "",
    columns: Sequence[int] | None = None,
) -> None:
    """Write one store of an effect's `levels`, in this order, from parts.

    Parts may have more levels. Their clips and `IDENTITY` must agree. `attributes` in `IDENTITY`
    must agree too; others replace those of the parts. A `layer` is a model of its own, of the
    columns from the first of `columns` to the last.
    """
    between = slice(*(columns or (None,)))
    attributes = dict(attributes or {})
    source: dict[str, tuple[str | os.PathLike, int]] = {}
    expected = {key: value for key, value in attributes.items() if key in IDENTITY}
    clips = None
    for part in parts:
        header = read_header(part, expected)
        if clips is None:
            clips, found, dimension = header.clips, header.attributes, _dimension(part)
            expected = {key: found[key] for key in IDENTITY if key in found}
        elif header.clips != clips:
            raise InputError(
                f"{part}: its clips are not those of {parts[0]}: delete both and run again"
            )
        for index, level in enumerate(header.levels or []):
            source.setdefault(level, (part, index))
    missing = [level for level in levels if level not in source]
    if clips is None or missing:
        raise InputError(
            f"{path}: no part has level {', '.join(missing)} (parts: "
            f"{', '.join(map(str, parts))}): delete the parts and run again"
        )

    def rows() -> Iterator[np.ndarray]:
        for level in levels:
            part, index = source[level]
            with _open_store(part) as file:
                yield file["embeddings"][index, :, between]

    shape = (len(levels), len(clips), len(range(dimension)[between]))
    named = {"model": layer} if layer else {}
    _write(path, rows(), shape, clips, levels, {**found, **attributes, **named})


def take_layer(
    path: str | os.PathLike, source: str | os.PathLike, layer: str, columns: Sequence[int]
) -> None:
    """Write the store of the originals of a `layer`: those `columns` of its network's."""
    store = read_store(source)
    attributes = {**store.attributes, "model": layer}
    write_store(path, store.embeddings[:, slice(*columns)], store.clips, attributes=attributes)


def _dimension(path: str | os.PathLike) -> int:
    with _open_store(path) as file:
        return file["embeddings"].shape[-1]


def model_identity(path: str | os.PathLike) -> dict[str, str]:
    """Return the attributes that other stores of the same model must have."""
    found = read_header(path).attributes
    return {key: found[key] for key in MODEL_IDENTITY if key in found}


def assemble_model(
    path: str | os.PathLike,
    original: str | os.PathLike | None,
    effects: Mapping[str, str | os.PathLike],
) -> None:
    """Write the store that people open, with a group `original` and one for each effect.

    `original` is None where there are no originals, and no such group.
    The embeddings are virtual datasets that refer to the other stores relative to `path`: the
    folder can be moved as a whole, but a copy of this file alone is empty (`export_store` makes a
    complete one). Raises `InputError` for stores with different `MODEL_IDENTITY`.
    """
    folder = Path(path).resolve().parent
    stores = {**({"original": original} if original else {}), **effects}
    expected = model_identity(next(iter(stores.values())))
    for store in effects.values():
        read_header(store, expected)
    with write_hdf5(path) as file:
        file.attrs["schema_version"] = str(SCHEMA_VERSION)
        for name, store in stores.items():
            group = file.create_group(name)
            with _open_store(store) as source:
                data = source["embeddings"]
                _refer(group, os.path.relpath(Path(store).resolve(), folder), data)
                _copy_header(source, group)


def _refer(group: h5py.Group, path: str, data: h5py.Dataset) -> None:
    """Create the virtual dataset `embeddings` of all of `data`, which is in the file `path`.

    Unlike h5py's own function it stores no time, so that the file's bytes are reproducible.
    """
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_obj_track_times(False)
    space = h5py.h5s.create_simple(data.shape)
    layout.set_virtual(space, os.fsencode(path), b"embeddings", space)
    h5py.h5d.create(group.id, b"embeddings", data.id.get_type(), space, layout)


def _copy_header(source: h5py.Group, group: h5py.Group) -> None:
    """Copy everything in a store except the embeddings."""
    _write_text(group, "clips", _texts(source, "clips"))
    if (levels := _levels(source)) is not None:
        _write_text(group, "levels", levels)
    for key, value in _attributes(source).items():
        group.attrs[key] = value


def export_store(path: str | os.PathLike, destination: str | os.PathLike) -> None:
    """Copy a model's store, with the data it refers to, into one file."""
    folder = Path(path).resolve().parent
    with _open_store(path) as file, write_hdf5(destination) as copy:
        for key, value in file.attrs.items():
            copy.attrs[key] = value
        for name, group in file.items():
            data = group["embeddings"]
            # HDF5 returns zeros, not an error, if the source of a virtual dataset is missing.
            for virtual in data.virtual_sources():
                source = folder / virtual.file_name
                if not source.is_file():
                    raise InputError(
                        f"{path}: {virtual.file_name} beside it is missing: "
                        "export from the complete results folder"
                    )
                read_header(source, _attributes(group))
            target = copy.create_group(name)
            _copy_header(group, target)
            full = target.create_dataset("embeddings", data.shape, np.float32, track_times=False)
            for index in [...] if data.ndim == 2 else range(len(data)):
                full[index] = data[index]
