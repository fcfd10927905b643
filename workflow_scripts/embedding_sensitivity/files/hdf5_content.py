"""HDF5 files that somebody else made: what is in the file itself, and no more than it holds.

HDF5 lets a file stand for others: links lead into them, datasets lie in any file on the machine, or
are put together from parts of others, with zeros for those that are missing. And it lets a dataset
claim more than is stored, which reads as zeros too. None of it is opened here, let alone read.
"""

import os

import h5py

from embedding_sensitivity.files.errors import InputError

# Beyond what deflate makes of embeddings: zeros alone are packed so small.
MOST_UNPACKED = 200
# Small datasets are mostly what HDF5 keeps about them.
SMALL_BYTES = 2**20


def member(
    group: h5py.Group, name: str, path: str | os.PathLike
) -> h5py.Group | h5py.Dataset | None:
    """What is at `name` (a path of several parts as well) below a group; None if nothing is.

    Raises `InputError`, naming the file at `path`, for what only leads to another place, or for a
    dataset that is not stored whole in the file.
    """
    found = group
    for part in name.strip("/").split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(
                f"{path}: {found.name.rstrip('/')}/{part} is a link to {link.path!r}"
                f"{_file_of(link)}, expected the content itself: copy it into the file"
            )
        found = found[part]
    if isinstance(found, h5py.Dataset):
        _check_stored(found, path)
    return found


def _file_of(link: h5py.SoftLink | h5py.ExternalLink) -> str:
    return f" in {link.filename!r}" if isinstance(link, h5py.ExternalLink) else ""


def _check_stored(data: h5py.Dataset, path: str | os.PathLike) -> None:
    """Refuse a dataset that lies elsewhere, or claims more than the file has of it."""
    if data.is_virtual or data.external:
        raise InputError(
            f"{path}: {data.name} is kept in other files, expected the content itself: copy it "
            "into the file"
        )
    size = data.size * data.dtype.itemsize if data.shape is not None else 0
    stored = data.id.get_storage_size()
    if data.chunks is None:
        whole = stored >= size
    else:
        chunks = 1
        for length, chunk in zip(data.shape, data.chunks, strict=True):
            chunks *= -(-length // chunk)
        whole = data.id.get_num_chunks() == chunks
    if not whole or size > max(SMALL_BYTES, MOST_UNPACKED * stored):
        raise InputError(
            f"{path}: {data.name} claims to be of shape {data.shape}, {size / 1e6:.3g} MB, and "
            f"{stored / 1e6:.3g} MB are stored of it: compute or copy it again"
        )
