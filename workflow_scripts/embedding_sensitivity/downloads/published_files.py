"""The files that the workflow downloads, with addresses and hashes.

The addresses are those of the publishers or their packages. They are untested: no development
machine could reach them.
"""

import difflib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS, Choice, File, Model


@dataclass(frozen=True, kw_only=True)
class Source(File):
    """A published file, and what the config calls it.

    Attributes
    ----------
    name : key in ``mirrors``; for weights the model's name
    key : of the config, which names a file on this machine to use instead
    model : whose weights it has; else empty
    """

    name: str
    key: str
    model: str = ""


IRMAS = Source(
    name="irmas",
    file_name="IRMAS-TrainingData.zip",
    url="https://zenodo.org/records/1290750/files/IRMAS-TrainingData.zip?download=1",
    key="data.local",
    hash_kind="md5",
    digest="4fd9f5ed5a18d8e2687e6360b5f60afe",
    licence="CC BY-NC-SA 3.0",
)
SPLIT = Source(
    name="split",
    file_name="train_test_split.csv",
    url="https://raw.githubusercontent.com/vdng9338/audio-embedding-sensitivity/"
    "c62ca4e90ea1ae639720d0a7e9ab8632eb64a583/train_test_split.csv",
    key="data.split",
    hash_kind="sha256",
    digest="ace53a87ef4958925d4d853fc9a6f6fa097f706bb640d67cc9e04e27270bd669",
    licence="none stated",
    size=225_199,
)


def list_sources(models: Iterable[Model]) -> dict[str, Source]:
    """Return all sources by name: the data's, then each model's, the first by the model's name."""
    found = {source.name: source for source in (IRMAS, SPLIT)}
    for model in models:
        for number, file in enumerate(model.published, start=1):
            name = model.name if number == 1 else f"{model.name}_{number}"
            key = f"models.{model.name}.{model.weights_key}"
            found[name] = Source(name=name, key=key, model=model.name, **vars(file))
    return found


# For the workflow's own models; `Settings.sources` adds those of a config.
SOURCES = list_sources(MODELS.values())


def weights_files(sources: Mapping[str, Source] = SOURCES) -> list[str]:
    """Return the names of all models' downloaded weights, unpacked."""
    return sorted({source.unpacked for source in sources.values() if source.model})


def find_source(made: str, sources: Mapping[str, Source] = SOURCES) -> Source | None:
    """Return the source of a file or folder below ``resources``, by its name, packed or not."""
    names = (made, f"{made}.gz", f"{made}.zip")
    return next(
        (each for each in sources.values() if each.file_name in names or each.unpacked == made),
        None,
    )


def list_published_weights(model: Model) -> list[dict[str, str]]:
    """Return the published ``file_name`` and ``sha256`` of each file that a model reads.

    ``sha256`` is of the file that the model reads; empty if none is published.
    """
    found = []
    for file in model.published:
        of_this_file = file.hash_kind == "sha256" and file.file_name == file.unpacked
        sha256 = file.digest if of_this_file else ""
        found.append({"file_name": file.file_name, "sha256": sha256})
    return found


def local_weights(choices: Mapping[str, Choice], source: Source) -> list[str]:
    """Return the file that a config names instead of a download, if any: of a model's first.

    Several entries may read the same file, which is made once: the first that names one counts.
    """
    readers = [each for each in choices.values() if each.weights_file == source.unpacked]
    return [each.local_weights for each in readers if each.local_weights][:1]


def find_mirror(
    mirrors: Mapping[str, str], source: Source, sources: Mapping[str, Source] = SOURCES
) -> str:
    """Return the address that a config gives for a file, by any of its names; empty if none."""
    names = [name for name, each in sources.items() if each.file_name == source.file_name]
    return next((mirrors[name] for name in names if name in mirrors), "")


def check_local_weights(choices: Mapping[str, Choice], config: str) -> None:
    """Raise `InputError` if a config file (`config`) names weights that do not exist."""
    for choice in choices.values():
        path = choice.local_weights
        if path and not Path(path).is_file():
            raise InputError(
                f"{config}: models.{choice.name}.weights: {path} is not a file: name "
                f"{choice.model.files[0].file_name}, or leave the key out to download it"
            )


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine: ``localhost``, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def find_url_fault(url: str) -> str:
    """Return why an address is not accepted for downloads; empty if it is.

    HTTPS only: files without a published hash are trusted for their server. Plain HTTP is for tests
    and mirrors on this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address, expected https://..."
    # RFC 3986 allows none of these, and Snakemake replaces what is in braces.
    if not url.isascii() or any(character <= " " or character in '"<>\\^`{|}' for character in url):
        return "has a character that addresses cannot have: write it as %XX"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an address of a file, expected https://..."
    if parts.username is not None or parts.password is not None:
        return "has a user name or password in it: give an address that needs none"
    if parts.scheme == "http" and not is_loopback(host):
        return "is plain HTTP, which anyone on the way can change: expected https://..."
    return ""


def check_mirrors(
    mirrors: Mapping[str, str], source: str, sources: Mapping[str, Source] = SOURCES
) -> None:
    """Raise `InputError` if `mirrors` of a config (`source`) has an unknown name or bad address."""
    for name, url in mirrors.items():
        if name not in sources:
            close = difflib.get_close_matches(name, sources, n=1)
            meant = f", did you mean {close[0]}?" if close else ":"
            raise InputError(
                f"{source}: mirrors.{name}: no download has that name{meant} "
                f"there are {', '.join(sources)}"
            )
        if reason := find_url_fault(url):
            raise InputError(f"{source}: mirrors.{name}: {url} {reason}")
