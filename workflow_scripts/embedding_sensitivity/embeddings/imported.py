"""Read embeddings made with the authors' code: HDF5 files with several frames for each clip."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from embedding_sensitivity.experiment.embedding_files import DATASET
from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5_content import find_member
from embedding_sensitivity.files.safe_names import normalize
from embedding_sensitivity.models import control


def read_embeddings(
    path: str | Path, model: str, clips: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Read embeddings of `clips` at one level, and average frames in float32.

    Parameters
    ----------
    path : a file with ``irmas/<model>/features``, float32 (rows, d), and ``irmas/<model>/keys``,
        text (rows,): the clip of each row, in any order
    model, clips : what is read

    Returns
    -------
    embeddings : (n, d) float32
    frames : (n,) number of rows of each clip

    Raises
    ------
    InputError
        for a file that is not readable HDF5, a missing model, dataset or clip, a wrong type or
        shape, a value that is not finite, or a link to another file
    """
    try:
        with h5py.File(path, "r") as file:
            features, keys = _read(file, path, model)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable HDF5 file ({error}): copy or compute it again"
        ) from None
    rows = defaultdict(list)
    for row, key in enumerate(keys):
        rows[normalize(key)].append(row)
    if missing := [clip for clip in clips if clip not in rows]:
        found = f"its keys are like {keys[0]!r}" if len(keys) else "it has no keys"
        raise InputError(
            f"{path}: no {model} embedding of {', '.join(missing[:3])} ({len(missing)} of "
            f"{len(clips)} clips missing, {found}): complete the file or the split"
        )
    embeddings = np.stack([features[rows[clip]].mean(axis=0) for clip in clips])
    finite = np.isfinite(embeddings).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{path}: the {model} embedding of clip {clips[int(np.argmin(finite))]} is not finite "
            f"({np.count_nonzero(~finite)} of {len(clips)} clips): compute it again, or leave the "
            "clip out of the split"
        )
    return embeddings, np.array([len(rows[clip]) for clip in clips])


def _read(file: h5py.File, path: str | Path, model: str) -> tuple[np.ndarray, Sequence[str]]:
    """Read features and keys of a model, and check their types and shapes."""
    models = find_member(file, DATASET, path)
    group = find_member(models, model, path) if isinstance(models, h5py.Group) else None
    if not isinstance(group, h5py.Group):
        there = ", ".join(models) if isinstance(models, h5py.Group) else ""
        raise InputError(
            f"{path}: no group {DATASET}/{model} (models in it: {there or 'none'}): add the "
            "model's embeddings or leave it out of `models`"
        )
    features, keys = (find_member(group, name, path) for name in ("features", "keys"))
    for name, data in (("features", features), ("keys", keys)):
        if not isinstance(data, h5py.Dataset):
            raise InputError(f"{path}: no dataset {DATASET}/{model}/{name}: add it")
    if (features.dtype.kind, features.dtype.itemsize) != ("f", 4):
        raise InputError(
            f"{path}: {DATASET}/{model}/features is of type {features.dtype}, expected float32: "
            "convert it"
        )
    if h5py.check_string_dtype(keys.dtype) is None:
        raise InputError(
            f"{path}: {DATASET}/{model}/keys is of type {keys.dtype}, expected text (UTF-8): "
            "convert it"
        )
    if features.ndim != 2 or keys.shape != features.shape[:1] or 0 in features.shape[1:]:
        raise InputError(
            f"{path}: {DATASET}/{model} has features of shape {features.shape} and keys of shape "
            f"{keys.shape}, expected (rows, dimensions) and (rows,)"
        )
    return features[...], keys.asstr()[...]


def read_levels(
    originals: str | Path | None, files: Sequence[str | Path], model: str, clips: Sequence[str]
) -> tuple[np.ndarray | None, np.ndarray]:
    """Read embeddings of `clips` without the effect, (n, d), and at each level, (P, n, d); float32.

    Parameters
    ----------
    originals : the file without an effect; None if there is none, and none are returned
    files : one for each of the P levels

    Raises
    ------
    InputError
        as `read_embeddings`, and if dimensions or a clip's number of frames differ from those
        without the effect, or else of the first level
    """
    first = originals or files[0]
    expected, frames = read_embeddings(first, model, clips)
    embeddings = np.empty((len(files), *expected.shape), np.float32)
    for level, path in enumerate(files):
        found, n_frames = read_embeddings(path, model, clips)
        if found.shape != expected.shape:
            raise InputError(
                f"{path}: {model} has {found.shape[1]} dimensions, {expected.shape[1]} in "
                f"{first}: compute both with the same model"
            )
        if (differs := n_frames != frames).any():
            at = int(np.argmax(differs))
            raise InputError(
                f"{path}: clip {clips[at]} has {n_frames[at]} {model} frames, {frames[at]} in "
                f"{first}: compute both again from the same audio"
            )
        embeddings[level] = found
    return expected if originals else None, embeddings


def make_attributes(
    model: str,
    clips: Sequence[str],
    originals: np.ndarray | None,
    files: Sequence[str | Path],
    effect: str = "",
    unit: str = "",
) -> dict:
    """Return the attributes of a store of embeddings made elsewhere.

    ``data_sha256`` covers the clips' names and `originals`, the embeddings without an effect where
    there are any, so that stores of different embeddings are never joined.
    """
    digest = hashlib.sha256("".join(f"{clip}\n" for clip in clips).encode())
    if originals is not None:
        digest.update(np.ascontiguousarray(originals).tobytes())
    configured: Mapping = {"model": model, "backend": "imported", "options": {}, "protocol": {}}
    text = json.dumps(configured, sort_keys=True)
    return {
        **configured,
        "control": control(model),
        "weights_sha256": "",
        "package_versions": {},
        "audio_package_versions": {},
        "effect": effect,
        "unit": unit,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "data_sha256": digest.hexdigest(),
        "files_sha256": {Path(path).name: sha256_of(path) for path in files},
    }
