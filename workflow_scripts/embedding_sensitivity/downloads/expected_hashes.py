"""What downloaded weights have to be: the SHA-256 that their authors publish, or the one that
fetching pinned in ``resources/weights.lock``. Reading it is here, writing it in `download`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError


def read_pins(lock: str | os.PathLike, text: str) -> dict[str, str]:
    """File names to SHA-256 of the content `text` of a lock file; the file is named in errors."""
    pins = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split()
        if len(fields) < 2 or not re.fullmatch("[0-9a-f]{64}", fields[1]):
            raise InputError(f"{lock}, line {number}: expected a file and its SHA-256: delete it")
        if pins.get(fields[0], fields[1]) != fields[1]:
            raise InputError(
                f"{lock}, line {number}: pins {fields[0]} to another SHA-256 than a line before: "
                "delete the wrong one"
            )
        pins[fields[0]] = fields[1]
    return pins


def known_sha256(path: str | os.PathLike, published: str) -> str:
    """Return the SHA-256 that a file of weights has to have, published or pinned; empty of none."""
    lock = _lock_of(path)
    if published or not lock.exists():
        return published
    return read_pins(lock, lock.read_text(encoding="utf-8")).get(Path(path).name, "")


def check_files(paths: Sequence[str], found: str, published: Sequence[Mapping[str, str]]) -> None:
    """Check each published file that a model was loaded from; of the first the SHA-256 is known."""
    for path, file in zip(paths, published, strict=True) if published else ():
        check_weights(path, found if path == paths[0] else sha256_of(path), **file)


def check_weights(
    path: str | os.PathLike, found: str, file_name: str, sha256: str, planned: str = ""
) -> None:
    """Refuse weights that are not those published, or not those that were fetched.

    A file that is there is not fetched: whoever put it there by hand, or whatever became of it
    since it was verified, only its use can tell.

    Parameters
    ----------
    path : ``<resources>/weights/<file>``, beside which are the lock file and the downloads
    found : SHA-256 of what was loaded from it
    file_name : under which the authors publish it, perhaps packed
    sha256 : that they publish of this very file; empty: the lock file has it
    planned : that the names of embeddings were planned with, where it was not known yet
    """
    path, lock = Path(path), _lock_of(path)
    downloads = lock.parent / "downloads"
    known = known_sha256(path, sha256)
    if known == found:
        if planned and planned != found:
            raise InputError(
                f"{path}: its SHA-256 is {found}, embeddings were planned of {planned}: run again, "
                "which names them by these weights"
            )
        return
    if known:
        by = "published" if sha256 else f"pinned in {lock}"
        raise InputError(
            f"{path}: its SHA-256 is {found}, expected {known} ({by}): delete it and run again, "
            f"which takes {file_name} from {downloads} or fetches it"
        )
    remedy = f"move it to {downloads}" if file_name == path.name else "delete it"
    raise InputError(
        f"{path}: was never verified, expected its SHA-256 in {lock}: {remedy} and run again, "
        f"which verifies {file_name} in {downloads} or fetches it"
    )


def _lock_of(path: str | os.PathLike) -> Path:
    return Path(path).parents[1] / "weights.lock"
