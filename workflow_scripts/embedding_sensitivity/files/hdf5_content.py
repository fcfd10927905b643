"""Read HDF5 files that somebody else made: only what is stored in the file itself.

A link of HDF5 may lead into another file. A dataset may lie in any file on the machine, or be a
virtual one over parts of other files, with zeros for missing parts. Its shape may claim more than
is stored, and the rest reads as zeros. Such content is refused before it is opened.
"""

import os

import h5py

from embedding_sensitivity.files.errors import InputError

# Deflate compresses embeddings less than this; only zeros are compressed more.
MAX_COMPRESSION = 200
# Of smaller datasets most bytes are HDF5's own.
MIN_CHECKED_BYTES = 2**20


def find_member(
    group: h5py.Group, name: str, path: str | os.PathLike
) -> h5py.Group | h5py.Dataset | None:
    """Return the group or dataset at `name`, a path below `group`, or None if there is none.

    Raises `InputError`, naming the file at `path`, for a link, or for a dataset that is not stored
    whole in the file.
    """
    found = group
    for part in name.strip("/").split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(
                f"{path}: {found.name.rstrip('/')}/{part} is a link to {link.path!r}"
                f"{_find_file(link)}, expected the content itself: copy it into the file"
            )
        found = found[part]
    if isinstance(found, h5py.Dataset):
        _check_stored(found, path)
    return found


def _find_file(link: h5py.SoftLink | h5py.ExternalLink) -> str:
    return f" in {link.filename!r}" if isinstance(link, h5py.ExternalLink) else ""


def _check_stored(data: h5py.Dataset, path: str | os.PathLike) -> None:
    """Refuse a dataset that is stored elsewhere, or claims more than is stored."""
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
    if not whole or size > max(MIN_CHECKED_BYTES, MAX_COMPRESSION * stored):
        raise InputError(
            f"{path}: {data.name} claims to be of shape {data.shape}, {size / 1e6:.3g} MB, and "
            f"{stored / 1e6:.3g} MB are stored of it: compute or copy it again"
        )
