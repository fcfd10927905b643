"""Check downloaded weights against the published SHA-256, or that in ``resources/weights.lock``.

`fetch` writes the lock file.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError


def read_pins(lock: str | os.PathLike, text: str) -> dict[str, str]:
    """Return the SHA-256 by file name from the `text` of a lock file."""
    pins = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split()
        if len(fields) < 2 or not re.fullmatch("[0-9a-f]{64}", fields[1]):
            raise InputError(f"{lock}, line {number}: expected a file and its SHA-256: delete it")
        if pins.get(fields[0], fields[1]) != fields[1]:
            raise InputError(
                f"{lock}, line {number}: pins {fields[0]} to another SHA-256 than an earlier line: "
                "delete the wrong one"
            )
        pins[fields[0]] = fields[1]
    return pins


def find_known_sha256(path: str | os.PathLike, published: str) -> str:
    """Return the published or pinned SHA-256 of a file of weights; empty if there is none."""
    lock = _find_lock(path)
    if published or not lock.exists():
        return published
    return read_pins(lock, lock.read_text(encoding="utf-8")).get(Path(path).name, "")


def check_files(paths: Sequence[str], found: str, published: Sequence[Mapping[str, str]]) -> None:
    """Check the published files of a loaded model; `found` is the SHA-256 of the first."""
    for path, file in zip(paths, published, strict=True) if published else ():
        check_weights(path, found if path == paths[0] else sha256_of(path), **file)


def check_weights(
    path: str | os.PathLike, found: str, file_name: str, sha256: str, planned: str = ""
) -> None:
    """Raise `InputError` if weights are not those that were published or fetched.

    They are checked when they are used, since an existing file is not fetched: it may have been
    copied there by hand, or changed after it was verified.

    Parameters
    ----------
    path : ``<resources>/weights/<file>``; the lock file and the downloads are in ``<resources>``
    found : SHA-256 of the loaded file
    file_name : of the published file, which may be compressed
    sha256 : published for this very file; empty if the lock file has it
    planned : SHA-256 that the names of embeddings assume; empty if it was known
    """
    path, lock = Path(path), _find_lock(path)
    downloads = lock.parent / "downloads"
    known = find_known_sha256(path, sha256)
    if known == found:
        if planned and planned != found:
            raise InputError(
                f"{path}: its SHA-256 is {found}, but the run was planned with {planned}: run "
                "again, to name embeddings by these weights"
            )
        return
    if known:
        by = "published" if sha256 else f"pinned in {lock}"
        raise InputError(
            f"{path}: its SHA-256 is {found}, expected {known} ({by}): delete it and run again, to "
            f"take {file_name} from {downloads} or fetch it"
        )
    remedy = f"move it to {downloads}" if file_name == path.name else "delete it"
    raise InputError(
        f"{path}: was never verified, expected its SHA-256 in {lock}: {remedy} and run again, to "
        f"verify {file_name} in {downloads} or fetch it"
    )


def _find_lock(path: str | os.PathLike) -> Path:
    return Path(path).parents[1] / "weights.lock"
