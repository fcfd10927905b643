"""The file of directions of one (model, effect): ``directions/<model>/<effect>.h5``.

One group per label: a dataset (k, d) with orthonormal rows for each method, `samplewise` (N, d)
with the directions of the single clips, and `clips`, their ids. ``regularised`` points to higher
levels and has the attribute ``penalty``. ``samplewise_cca_svd`` holds every
right singular vector and its attribute ``singular_values``; a threshold is applied by the reader.
The file has a checksum (`files.hdf5`), compared before it is read.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence

import h5py
import numpy as np

from embedding_sensitivity.analysis.directions import LabelDirections
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5 import read_hdf5, write_hdf5

SCHEMA_VERSION = 3


def write_directions(
    path: str | os.PathLike,
    fitted: Iterable[tuple[str, Sequence[str], LabelDirections]],
    attributes: Mapping,
) -> None:
    """Write (label, clip ids, directions) one after the other; attributes are kept as JSON."""
    with write_hdf5(path) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for key, value in attributes.items():
            file.attrs[key] = json.dumps(value)
        for label, clips, found in fitted:
            group = file.create_group(label)
            for method, basis in found.subspaces.items():
                group.create_dataset(method, data=basis, track_times=False)
            group["global_cca"].attrs["saturated"] = found.saturated
            group["regularised"].attrs["penalty"] = found.penalty
            group["samplewise_cca_svd"].attrs["singular_values"] = found.singular_values
            rows = group.create_dataset("samplewise", data=found.samplewise, track_times=False)
            rows.attrs["ranks"] = found.ranks
            group.create_dataset(
                "clips", data=list(clips), dtype=h5py.string_dtype("utf-8"), track_times=False
            )


def read_directions(
    path: str | os.PathLike, clips: Mapping[str, Sequence[str]], attributes: Mapping
) -> dict[str, LabelDirections]:
    """Read the directions of some labels, each with the clips that it was fitted to.

    Raises
    ------
    InputError
        if the file is unreadable or damaged, lacks a label, was fitted to other clips, or an
        attribute differs from the one in `attributes`
    """
    remedy = "delete it and run again"
    with read_hdf5(path, "directions file") as file:
        if file.attrs.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"{path}: not a directions file of this version: {remedy}")
        for key, value in attributes.items():
            if file.attrs.get(key) != json.dumps(value):
                raise InputError(
                    f"{path}: attribute {key} is {file.attrs.get(key)}, expected "
                    f"{json.dumps(value)}: {remedy}"
                )
        for label, expected in clips.items():
            if label not in file:
                raise InputError(f"{path}: no directions of label {label}: {remedy}")
            if list(file[label]["clips"].asstr()[...]) != list(expected):
                raise InputError(
                    f"{path}: label {label} was fitted to other clips than those listed: {remedy}"
                )
        return {label: _read_label(file[label]) for label in clips}


def _read_label(group: h5py.Group) -> LabelDirections:
    methods = [name for name in group if name not in ("clips", "samplewise")]
    return LabelDirections(
        subspaces={method: group[method][...] for method in methods},
        saturated=bool(group["global_cca"].attrs["saturated"]),
        samplewise=group["samplewise"][...],
        ranks=np.asarray(group["samplewise"].attrs["ranks"]),
        singular_values=np.asarray(group["samplewise_cca_svd"].attrs["singular_values"]),
        penalty=float(group["regularised"].attrs["penalty"]),
    )
