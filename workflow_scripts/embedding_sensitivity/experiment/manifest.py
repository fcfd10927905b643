"""A run's manifest: hashes of its inputs, code and outputs.

It shows which numbers belong together, and whether files have changed since. It has no times and no
names of machines. Standard library only, so that it can be read before any environment is built.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.dataset import find_audio
from embedding_sensitivity.downloads.expected_hashes import read_pins
from embedding_sensitivity.downloads.fetch import compute_digest
from embedding_sensitivity.files.atomic import replacing, sha256_of
from embedding_sensitivity.files.declarations import find_environment_file
from embedding_sensitivity.files.errors import InputError

NAME = "manifest.json"
SCHEMA_VERSION = 1
_PARTS = {"config": dict, "experiment": str, "folders": list, "pinned": list}
KINDS = ("changed", "missing", "not in the manifest")
# Files of a checkout that decide what a run does.
CODE = (
    *("Snakefile", "rules/*.smk", "envs/*.yaml", "envs/*.sh"),
    *(f"workflow_scripts/**/*.{ending}" for ending in ("py", "html", "css", "js")),
)
# Snakemake writes it into a folder that is an output.
TIMESTAMP = ".snakemake_timestamp"


@dataclass(frozen=True)
class Difference:
    """A file that differs from the manifest.

    Attributes
    ----------
    path : from the folder that Snakemake runs in
    kind : one of `KINDS`
    role : ``outputs``, or a key of the manifest's ``inputs``
    entry : for the lock file: the name of the weights whose line differs; else empty
    """

    path: str
    kind: str
    role: str
    entry: str = ""


def hash_text(value) -> str:
    """Return the SHA-256 of a value as JSON with sorted keys."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def files_below(path: str | os.PathLike) -> list[str]:
    """Return a file, or all files below a folder but Snakemake's: hidden ones and links too."""
    if not os.path.isdir(path):
        return [str(path)]
    return sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(path)
        for name in names
        if name != TIMESTAMP
    )


def hash_files(
    paths: Iterable[str], n_threads: int, hashed: Callable[[int], object] = lambda size: None
) -> dict[str, dict]:
    """Return ``bytes`` and ``sha256`` of each existing file; `hashed` is called with each size."""

    def describe(path: str) -> dict | None:
        # A pipe or a device may never end.
        if not os.path.isfile(path):
            return None
        found = {"bytes": os.path.getsize(path), "sha256": sha256_of(path)}
        hashed(found["bytes"])
        return found

    paths = sorted(set(paths))
    with ThreadPoolExecutor(n_threads) as pool:
        found = zip(paths, pool.map(describe, paths), strict=True)
        return {path: entry for path, entry in found if entry is not None}


def commit_of(root: str | os.PathLike) -> dict:
    """Return a checkout's git commit, and whether its tracked files are unchanged.

    Both are None if `root` is not the top of a checkout, or git is not installed.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if not os.path.samefile(git("rev-parse", "--show-toplevel"), root):
            return {"commit": None, "clean": None}
        changed = git("status", "--porcelain", "--untracked-files=no")
        return {"commit": git("rev-parse", "HEAD"), "clean": not changed}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None}


def code_files(root: str | os.PathLike) -> list[str]:
    """Return the files of a checkout that decide what a run does."""
    return sorted(str(path) for pattern in CODE for path in Path(root).glob(pattern))


def code_version(files: Iterable[str], root: str | os.PathLike) -> dict:
    """Return ``files``, the SHA-256 by path from `root`, and ``sha256`` of all together."""
    hashes = {os.path.relpath(path, root): sha256_of(path) for path in files}
    hashes = dict(sorted(hashes.items()))
    return {"sha256": hash_text(hashes), "files": hashes}


def describe_environments(
    stacks: Iterable[str], root: str | os.PathLike, prefix: str | os.PathLike
) -> dict[str, dict]:
    """Return for each stack its ``files`` and the ``packages`` that were installed.

    Parameters
    ----------
    stacks : stems of the files in ``root/envs``, or paths of a user's own
    prefix : the folder of one environment: the others are beside it, each with a copy of its YAML
        and script. ``packages`` is None for one that does not exist.
    """
    described = {}
    for stack in sorted(stacks):
        file = find_environment_file(stack, root)
        parts = [file, file.with_name(f"{file.stem}.post-deploy.sh")]
        parts = [part for part in parts if part.exists()]
        hashes = {os.path.relpath(part, root): sha256_of(part) for part in parts}
        packages = None
        for copy in sorted(Path(prefix).parent.glob("*.yaml")):
            folder = copy.with_suffix("")
            copies = [copy, copy.with_suffix(".post-deploy.sh")][: len(parts)]
            there = all(path.is_file() for path in copies) and folder.is_dir()
            if there and [sha256_of(path) for path in copies] == list(hashes.values()):
                packages = _list_packages(folder)
        described[stack] = {"files": hashes, "packages": packages}
    return described


def _list_packages(folder: Path) -> dict[str, str]:
    """Return names and versions of an environment's Python packages."""
    found = metadata.distributions(path=map(str, folder.glob("lib/python3*/site-packages")))
    return dict(sorted((each.name, each.version) for each in found if each.name))


def describe_audio(
    audio: Iterable[str], clips: Iterable[Clip], n_threads: int
) -> dict[str, dict[str, dict]]:
    """Return the ``clips`` with their hashes from the index, and those of ``other_audio``.

    `audio` are files, or a folder that has them.
    """
    indexed = {clip.path: {"sha256": clip.sha256} for clip in clips if clip.path}
    others = {path for given in audio for path in files_below(given)} - set(indexed)
    return {"clips": indexed, "other_audio": hash_files(others, n_threads)}


def write(path: str | os.PathLike, manifest: Mapping) -> None:
    """Write a manifest as JSON with sorted keys."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **manifest}, indent=1, sort_keys=True)
    with replacing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read(path: str | os.PathLike) -> dict:
    """Read a manifest; raise `InputError` if it is missing, damaged or of another version."""
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: does not exist: it is written at the end of a run, finish one first"
        )
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["schema_version"]
        sections = [manifest["outputs"], *manifest["inputs"].values()]
        hashes = [entry["sha256"] for section in sections for entry in section.values()]
        hashes += [manifest["code"]["sha256"], *manifest["code"]["files"].values()]
        whole = all(isinstance(value, str) for value in hashes) and all(
            isinstance(manifest[key], kind) for key, kind in _PARTS.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise InputError(f"{path}: is damaged: delete it and run again")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path}: has schema version {version}, expected {SCHEMA_VERSION}: run again with this "
            "version of the workflow, or verify with the one that made it"
        )
    return manifest


def compare(
    manifest: Mapping,
    folder: str | os.PathLike,
    lock: str | os.PathLike,
    made_later: Iterable[str] = (),
    n_threads: int = 1,
    hashed: Callable[[int], object] = lambda size: None,
) -> Iterator[Difference]:
    """Yield what differs from a manifest, by role and path.

    Parameters
    ----------
    folder : the experiment's; paths of inputs are relative to the current folder
    lock : the file that pins weights
    made_later : names of files in `folder` that are never in a manifest
    n_threads, hashed : as in `hash_files`
    """
    outputs = {os.path.join(folder, name): entry for name, entry in manifest["outputs"].items()}
    roles = {"outputs": outputs, **manifest["inputs"]}
    downloads = roles.pop("downloads", {})
    expected = {path: entry for entries in roles.values() for path, entry in entries.items()}
    found = hash_files(expected, n_threads, hashed)
    for role, entries in roles.items():
        for path, entry in sorted(entries.items()):
            if path not in found:
                yield Difference(path, "missing", role)
            elif found[path]["sha256"] != entry["sha256"]:
                yield Difference(path, "changed", role)
    for path, entry in sorted(downloads.items()):
        # A download may be deleted once it is unpacked or copied.
        if os.path.isfile(path):
            if compute_digest(path, entry["hash_kind"]) != entry["sha256"]:
                yield Difference(path, "changed", "downloads")
            hashed(os.path.getsize(path))
    yield from _compare_pins(manifest, lock)
    ignored = {os.path.join(folder, name) for name in (NAME, *made_later)}
    for path in sorted({*files_below(folder)} - {*expected} - ignored):
        yield Difference(path, "not in the manifest", "outputs")
    for given in manifest["folders"]:
        for path in sorted({*_audio_below(given)} - {*expected}):
            yield Difference(path, "not in the manifest", "other_audio")


def _audio_below(folder: str) -> list[str]:
    try:
        return find_audio(folder)
    except InputError:  # no such folder: each of its files is missing
        return []


def _compare_pins(manifest: Mapping, lock: str | os.PathLike) -> Iterator[Difference]:
    """Yield the weights whose lines in the lock file have changed."""
    if not manifest["pinned"]:
        return
    if not os.path.isfile(lock):
        yield Difference(str(lock), "missing", "pins")
        return
    try:
        pins = read_pins(lock, Path(lock).read_text(encoding="utf-8", errors="replace"))
    except InputError:
        pins = {}
    for path in manifest["pinned"]:
        if pins.get(os.path.basename(path)) != manifest["inputs"]["weights"][path]["sha256"]:
            yield Difference(str(lock), "changed", "pins", os.path.basename(path))
