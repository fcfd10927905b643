"""Everything the workflow downloads: from where, and how it is known to be the right file.

The addresses are those that the publishers or their packages give. They were not tried: no machine
this was written on could reach them.
"""

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS

# What torch.save writes: a zip file, or before PyTorch 1.6 a pickle.
_TORCH = (b"PK\x03\x04", b"\x80\x02")


@dataclass(frozen=True)
class Source:
    """A file to download.

    Attributes
    ----------
    name : key in ``mirrors``; of a model's weights the model's name
    file_name : under which it is published and kept
    url : HTTPS
    key : of the config, for a file on this machine that takes the download's place
    hash_kind : of `digest`: ``sha256``, ``md5``, ``git_blob`` (SHA-1 of ``blob <size>\\0`` and the
        content, git's own id), or ``lock``: none is published, the first file's SHA-256 is pinned
    digest : in hexadecimal; empty for ``lock``
    licence : under which it is published
    size : in bytes; None where it isn't published
    starts : what the content begins with, one of these; empty: anything
    reported : SHA-256 that users of the file, not its authors, have published
    """

    name: str
    file_name: str
    url: str
    key: str
    hash_kind: str
    digest: str
    licence: str
    size: int | None = None
    starts: tuple[bytes, ...] = ()
    reported: str = ""


SOURCES = {
    source.name: source
    for source in (
        Source(
            name="irmas",
            file_name="IRMAS-TrainingData.zip",
            url="https://zenodo.org/records/1290750/files/IRMAS-TrainingData.zip?download=1",
            key="data.local",
            hash_kind="md5",
            digest="4fd9f5ed5a18d8e2687e6360b5f60afe",
            licence="CC BY-NC-SA 3.0",
        ),
        Source(
            name="split",
            file_name="train_test_split.csv",
            url="https://raw.githubusercontent.com/vdng9338/audio-embedding-sensitivity/"
            "c62ca4e90ea1ae639720d0a7e9ab8632eb64a583/train_test_split.csv",
            key="data.split",
            hash_kind="sha256",
            digest="ace53a87ef4958925d4d853fc9a6f6fa097f706bb640d67cc9e04e27270bd669",
            licence="none stated",
            size=225_199,
        ),
        # Where openl3's own setup.py gets it. The hash is of the packed file.
        Source(
            name="openl3",
            file_name="openl3_audio_mel128_music-v0_4_0.h5.gz",
            url="https://github.com/marl/openl3/raw/models/openl3_audio_mel128_music-v0_4_0.h5.gz",
            key="models.openl3.weights",
            hash_kind="git_blob",
            digest="73ff29de441865318c4b3a3f98c40763c4773e7c",
            licence="CC BY 4.0",
        ),
        Source(
            name="panns",
            file_name="Cnn14_mAP=0.431.pth",
            url="https://zenodo.org/records/3987831/files/Cnn14_mAP%3D0.431.pth?download=1",
            key="models.panns.weights",
            hash_kind="sha256",
            digest="0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
            licence="CC BY 4.0",
            size=327_428_481,
        ),
        # What msclap's hf_hub_download gets; Zenodo record 8378278 has the same files.
        Source(
            name="clap",
            file_name="CLAP_weights_2023.pth",
            url="https://huggingface.co/microsoft/msclap/resolve/main/CLAP_weights_2023.pth",
            key="models.clap.weights",
            hash_kind="lock",
            digest="",
            licence="MS-PL",
            starts=_TORCH,
            # By several unrelated repositories on GitHub, of 689,950,036 bytes.
            reported="2cef4016d47d00eb28d153d522f397222057f95000e9bad6b9583c631284a1e6",
        ),
        Source(
            name="clap_2022",
            file_name="CLAP_weights_2022.pth",
            url="https://huggingface.co/microsoft/msclap/resolve/main/CLAP_weights_2022.pth",
            key="models.clap_2022.weights",
            hash_kind="lock",
            digest="",
            licence="MS-PL",
            starts=_TORCH,
        ),
    )
}


def weights_files() -> list[str]:
    """Names of the models' weights that are downloaded."""
    return sorted({info.weights_file for info in MODELS.values() if info.weights_file})


def weights_source(weights_file: str) -> Source:
    """What a model's weights (`ModelInfo.weights_file`) are made from: the same file, or packed."""
    if source := source_of(weights_file):
        return source
    raise KeyError(weights_file)


def source_of(made: str) -> Source | None:
    """What a file or folder below ``resources`` is downloaded as: itself, or packed."""
    names = (made, f"{made}.gz", f"{made}.zip")
    return next((source for source in SOURCES.values() if source.file_name in names), None)


def published_weights(model: str) -> dict[str, str]:
    """How a model's downloaded weights are published; nothing of a model that has none.

    ``file_name``, and ``sha256`` of the file that the model reads, empty where none is published.
    """
    info = MODELS[model]
    if info.untrained or info.weights != "download":
        return {}
    source = weights_source(info.weights_file)
    of_this_file = source.hash_kind == "sha256" and source.file_name == info.weights_file
    return {"file_name": source.file_name, "sha256": source.digest if of_this_file else ""}


def local_weights(models: Mapping[str, Mapping | None], weights_file: str) -> list[str]:
    """The file that a config's `models` name in place of a download of weights; none: no file."""
    path = (models.get(weights_source(weights_file).name) or {}).get("weights")
    return [path] if path else []


def check_local_weights(models: Mapping[str, Mapping | None], source: str) -> None:
    """Refuse a config (`source`) that names a file of weights that isn't there."""
    for weights_file in weights_files():
        for path in local_weights(models, weights_file):
            if not Path(path).is_file():
                wanted = weights_source(weights_file)
                raise InputError(
                    f"{source}: {wanted.key}: {path} is no file: name {wanted.file_name}, or leave "
                    "the key out to have it downloaded"
                )


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine: ``localhost``, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def url_refusal(url: str) -> str:
    """Why nothing is downloaded from an address; empty where it is fine.

    HTTPS only: what has no published hash is trusted for the server it came from. Plain HTTP is for
    tests and mirrors on this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address, expected https://..."
    # The others belong to no address (RFC 3986), and braces are Snakemake's.
    if not url.isascii() or any(character <= " " or character in '"<>\\^`{|}' for character in url):
        return "has a character that addresses do not have: write it as %XX"
    if parts.scheme not in ("http", "https") or not host:
        return "is no address of a file, expected https://..."
    if parts.username is not None or parts.password is not None:
        return "has a user name or password in it: give an address that needs none"
    if parts.scheme == "http" and not is_loopback(host):
        return "is plain HTTP, which anyone on the way can change: expected https://..."
    return ""


def check_mirrors(mirrors: Mapping[str, str], source: str) -> None:
    """Refuse `mirrors` of a config file (`source`) that name no download or are no address."""
    for name, url in mirrors.items():
        if name not in SOURCES:
            close = difflib.get_close_matches(name, SOURCES, n=1)
            meant = f", did you mean {close[0]}?" if close else ":"
            raise InputError(
                f"{source}: mirrors.{name}: nothing of that name is downloaded{meant} "
                f"there are {', '.join(SOURCES)}"
            )
        if reason := url_refusal(url):
            raise InputError(f"{source}: mirrors.{name}: {url} {reason}")
