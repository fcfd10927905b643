"""Download files: resume, retry, verify; on failure say in one line what to do by hand.

Downloads are kept in a folder that is not a rule's output, so that nothing is downloaded twice. A
file fetched by hand can be put there.
"""

import fcntl
import gzip
import hashlib
import http.client
import logging
import os
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from embedding_sensitivity.downloads.expected_hashes import read_pins
from embedding_sensitivity.downloads.published_files import Source, find_url_fault, is_loopback
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError

log = logging.getLogger(__name__)

CHUNK = 1 << 20
RETRIES = 5
MAX_PAUSE_S = 60
RETRIED_STATUS = (408, 425, 429, 500, 502, 503, 504)
PROGRESS_S = 10
USER_AGENT = "embedding-sensitivity"
# Of a hub of models: which commit a branch was at; and a branch in an address there.
COMMIT_HEADER = "X-Repo-Commit"
BRANCH = "/resolve/main/"
# `git hash-object FILE` prints a git blob id.
HASH_NAMES = {"sha256": "SHA-256", "md5": "MD5", "git_blob": "git blob id"}
HTML = (b"<!doctype html", b"<html")
LOCK_HEADER = "# Files without a published hash, as first seen: file, SHA-256, bytes, date, origin."


class _Unfit(Exception):
    """The file is not available or is wrong; a retry would not help."""


class _Interrupted(Exception):
    """A retry may help, after `pause_s` if the server asked for a pause."""

    def __init__(self, message: str, pause_s: float = 0) -> None:
        super().__init__(message)
        self.pause_s = pause_s


def fetch(
    source: Source,
    folder: str | os.PathLike,
    url: str | None = None,
    local: str | os.PathLike | None = None,
    lock: str | os.PathLike | None = None,
    timeout_s: float = 60,
    pause_s: float = 1,
) -> Path:
    """Return the path of a source's verified file; download it if it is not there yet.

    Parameters
    ----------
    folder : keeps the download, ``folder/source.file_name``; a file there is verified and used
    url : a mirror's address, used instead of the source's
    local : a file on this machine that is verified and used instead of a download
    lock : the file that pins files without a published hash; needed for ``hash_kind`` ``lock``
    timeout_s : how long the server may be silent
    pause_s : pause before the first retry, then doubled; up to 5 retries in a row may bring less
        than 1 MiB each

    Raises
    ------
    InputError
        saying what is wrong, what to fetch by hand, its hash, and where to put it
    """
    kept = Path(folder, source.file_name)
    try:
        if local is None and not kept.exists():
            subject = f"{source.file_name}: {url or source.url}"
            _download(source, url or source.url, kept, lock, timeout_s, pause_s)
            return kept
        path, subject = _choose_file(source, kept, local)
        log.info("verifying %s", path)
        _verify(path, source)
        _pin(source, path, "given as a file", lock)
    except (_Unfit, OSError) as error:
        raise InputError(f"{subject}: {error}: {_say_how_by_hand(source, kept, lock)}") from None
    return path


def find_fetch_fault(
    source: Source,
    folder: str | os.PathLike,
    local: str | os.PathLike | None = None,
    lock: str | os.PathLike | None = None,
) -> str:
    """Return what is missing or wrong before `fetch`, with the remedy; empty if nothing is.

    Nothing is downloaded or written. Arguments are as in `fetch`.
    """
    kept = Path(folder, source.file_name)
    path, subject = _choose_file(source, kept, local)
    if local is None and not kept.exists():
        return f"{source.file_name}: is missing: {_say_how_by_hand(source, kept, lock)}"
    try:
        _verify(path, source)
        pinned = _read_pin(source, lock)
        if pinned and pinned != compute_digest(path, "sha256"):
            raise _Unfit("its SHA-256 is not the pinned one")
    except (_Unfit, OSError) as error:
        return f"{subject}: {error}: {_say_how_by_hand(source, kept, lock)}"
    return ""


def _choose_file(source: Source, kept: Path, local: str | os.PathLike | None) -> tuple[Path, str]:
    """Return the file used instead of a download, and its name in error messages."""
    if local is None:
        return kept, f"{kept}, kept from before"
    return Path(local), f"{source.key}: {local}"


def place(path: str | os.PathLike, target: str | os.PathLike) -> None:
    """Copy a verified file to a rule's output.

    A link would let changes of the original change the output without Snakemake's knowledge.
    """
    with replacing(target) as part:
        shutil.copyfile(path, part)


def gunzip(
    path: str | os.PathLike, target: str | os.PathLike, start: bytes, max_bytes: int
) -> None:
    """Unpack a gzip file whose content begins with `start` and has at most `max_bytes`.

    Raises `InputError` for anything else, without leaving a `target`.
    """
    size = 0
    with replacing(target) as part, open(part, "wb") as output:
        try:
            with gzip.open(path) as packed:
                while chunk := packed.read(CHUNK):
                    if not size and not chunk.startswith(start):
                        raise InputError(f"{path}: contains another kind of file: fetch it again")
                    size += len(chunk)
                    if size > max_bytes:
                        raise InputError(f"{path}: unpacks to more than {max_bytes:,} bytes")
                    output.write(chunk)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: cannot be unpacked ({error}): fetch it again") from None
        if not size:
            raise InputError(f"{path}: is empty inside: fetch it again")


def _download(
    source: Source,
    url: str,
    path: Path,
    lock: str | os.PathLike | None,
    timeout_s: float,
    pause_s: float,
) -> None:
    """Download to `path`; after a failure, the next call continues the partial file."""
    if reason := find_url_fault(url):
        raise _Unfit(reason)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, tag = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.etag")
    url = _at_known_commit(source, url, lock)
    log.info("downloading %s from %s (licence: %s)", source.file_name, url, source.licence)
    for resumed in (_size(part) > 0, False):
        commits: list[str] = []
        _complete(source, url, part, tag, timeout_s, pause_s, commits)
        try:
            _verify(part, source)
            _pin(source, part, " commit ".join([url, *commits[:1]]), lock)
            break
        except _Unfit:
            part.unlink()
            tag.unlink(missing_ok=True)
            if not resumed:
                raise
            log.warning("an earlier run received part of another file: starting again")
    os.replace(part, path)
    tag.unlink(missing_ok=True)
    log.info("%s is complete and verified", path)


def _complete(
    source: Source,
    url: str,
    part: Path,
    tag: Path,
    timeout_s: float,
    pause_s: float,
    commits: list[str],
) -> None:
    """Download the rest of `part`, and retry as long as that makes progress.

    A commit that the server says the file is of is added to `commits`.
    """
    opener = urllib.request.build_opener(_Redirects(commits), _Proxies)
    failures, furthest = 0, _size(part)
    while True:
        try:
            with _translate_errors(timeout_s):
                _receive(opener, source, url, part, tag, timeout_s, commits)
            return
        except _Interrupted as error:
            received = _size(part)
            if received >= furthest + CHUNK:
                failures, furthest = 0, received
            failures += 1
            if failures > RETRIES:
                raise _Unfit(f"{error}; {RETRIES} retries failed") from None
            pause = max(pause_s * 2 ** (failures - 1), error.pause_s)
            log.warning("%s; %d bytes received, retrying in %g s", error, received, pause)
            time.sleep(pause)


def _receive(
    opener: urllib.request.OpenerDirector,
    source: Source,
    url: str,
    part: Path,
    tag: Path,
    timeout_s: float,
    commits: list[str],
) -> None:
    """Request the rest of `part` once, and append it.

    `tag` keeps the version (ETag) of `part`, so that two versions are never mixed. Without one,
    only a file with a published hash is resumed, which shows a mixture.
    """
    offset = _size(part)
    if offset and offset == source.size:
        return
    version = tag.read_text(encoding="ascii") if tag.exists() else ""
    headers = {"User-Agent": USER_AGENT}
    if offset and (version or source.digest):
        headers["Range"] = f"bytes={offset}-"
        if version:
            headers["If-Range"] = version
    try:
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        with error:
            if error.headers.get("Content-Range") == f"bytes */{offset}":
                return  # it is complete
        part.unlink()
        raise _Interrupted("more was received before than the file has") from None

    with response:
        commits += _named_commit(response.headers)
        offset = _offset(response, offset, part)
        length = _length(response, offset, source)
        with _disk(part):
            file = open(part, "ab" if offset else "wb", buffering=0)  # noqa: SIM115
            if not offset:
                version = response.headers.get("ETag", "")
                # A weak ETag (W/"...") does not guarantee the same bytes.
                tag.write_text(version if re.fullmatch(r'"[!-~]*"', version) else "", "ascii")
        with file:
            received = _copy(response, file, part, offset, length)
    if length is not None and received < length:
        raise _Interrupted(f"cut short after {offset + received:,} of {offset + length:,} bytes")


def _offset(response: http.client.HTTPResponse, asked: int, part: Path) -> int:
    """Return the position in the file where the response begins."""
    if response.status == 200:
        return 0
    if response.status != 206:
        raise _Unfit(f"the server answers with status {response.status}")
    if not response.headers.get("Content-Range", "").startswith(f"bytes {asked}-"):
        part.unlink()
        raise _Interrupted("the server sent another part of the file than requested")
    return asked


def _length(response: http.client.HTTPResponse, offset: int, source: Source) -> int | None:
    """Return the response's size, or None if unknown. Raises `_Unfit` for another file."""
    if response.headers.get_content_type() == "text/html":
        raise _Unfit("the server sent an HTML page instead of the file")
    length = response.length
    if length is None:
        # If a chunked response is cut, `http.client` raises an error.
        if source.hash_kind == "lock" and not response.chunked:
            raise _Unfit("the server does not say how long the file is, so it may be incomplete")
    elif source.size is not None and offset + length != source.size:
        raise _Unfit(f"the server's file has {offset + length:,} bytes, expected {source.size:,}")
    return length


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, part: Path, offset: int, length: int | None
) -> int:
    """Append the response to `file`; return the number of bytes."""
    received, told = 0, time.monotonic()
    total = "" if length is None else f" of {(offset + length) / 1e6:,.1f}"
    while length is None or received < length:
        chunk = response.read1(CHUNK)
        if not chunk:
            break
        if not offset and not received and _is_html(chunk):
            raise _Unfit("the server sent an HTML page instead of the file")
        with _disk(part):
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) :]
        received += len(chunk)
        if time.monotonic() - told > PROGRESS_S:
            log.info("%.1f%s MB", (offset + received) / 1e6, total)
            told = time.monotonic()
    return received


@contextmanager
def _disk(part: Path) -> Iterator[None]:
    """Distinguish errors of the disk from those of the network; both are `OSError`."""
    try:
        yield
    except OSError as error:
        raise _Unfit(
            f"{part} cannot be written ({error.strerror}): what was received is kept, free disk "
            "and run again"
        ) from None


@contextmanager
def _translate_errors(timeout_s: float) -> Iterator[None]:
    """Translate network errors into those to retry and those that are final."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            message = f"the server answers with status {error.code} ({error.reason})"
            if error.code not in RETRIED_STATUS:
                raise _Unfit(message) from None
            wish = error.headers.get("Retry-After", "")
            pause = min(int(wish), MAX_PAUSE_S) if wish.isdecimal() else 0
            raise _Interrupted(message, pause) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise _Unfit(
                f"the server's certificate is not accepted ({reason.verify_message})"
            ) from None
        if isinstance(reason, socket.gaierror):
            raise _Interrupted("the server's name is unknown, is there a network?") from None
        if isinstance(reason, TimeoutError):
            raise _Interrupted(f"the server was silent for {timeout_s:g} s") from None
        raise _Interrupted(getattr(reason, "strerror", None) or repr(reason)) from None


def _named_commit(headers: http.client.HTTPMessage) -> list[str]:
    """Return the commit that a hub says a file is of, if it does."""
    found = headers.get(COMMIT_HEADER, "")
    return [found] if re.fullmatch("[0-9a-f]{40}", found) else []


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects only to addresses that a config could name.

    A commit that the redirecting server names is added to `commits`: hubs keep files elsewhere.
    """

    def __init__(self, commits: list[str]) -> None:
        self.commits = commits

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        self.commits += _named_commit(headers)
        reason = find_url_fault(newurl)
        if not reason and req.type == "https" and urlsplit(newurl).scheme != "https":
            # Plain HTTP is for requests that start on this machine, not for redirects to it.
            reason = "is plain HTTP, expected https://... as before"
        if reason:
            raise _Unfit(f"the server redirects to {newurl}, which {reason}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Proxies(urllib.request.ProxyHandler):
    """The environment's proxies, except for this machine itself."""

    def proxy_open(self, req, proxy, type):
        if is_loopback(urlsplit(req.full_url).hostname):
            return None
        return super().proxy_open(req, proxy, type)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_html(start: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower().startswith(HTML)


def compute_digest(path: str | os.PathLike, hash_kind: str) -> str:
    """Return a file's hash of kind `Source.hash_kind`, in hexadecimal; SHA-256 for ``lock``."""
    algorithm = {"md5": "md5", "git_blob": "sha1"}.get(hash_kind, "sha256")
    value = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        if hash_kind == "git_blob":
            value.update(b"blob %d\0" % os.fstat(file.fileno()).st_size)
        while chunk := file.read(CHUNK):
            value.update(chunk)
    return value.hexdigest()


def _verify(path: Path, source: Source) -> None:
    """Raise `_Unfit` for a file that is not the source's."""
    if not path.is_file():
        raise _Unfit("is not a file")
    with open(path, "rb") as file:
        start = file.read(64)
    size = path.stat().st_size
    if _is_html(start):
        raise _Unfit("is an HTML page instead of the file")
    if source.size is not None and size != source.size:
        raise _Unfit(f"has {size:,} bytes, expected {source.size:,}")
    if source.starts and not start.startswith(source.starts):
        raise _Unfit(f"is another kind of file, it begins with {start[:8]!r}")
    if source.digest and (found := compute_digest(path, source.hash_kind)) != source.digest:
        raise _Unfit(f"its {HASH_NAMES[source.hash_kind]} is {found}, expected {source.digest}")


def _pin(source: Source, path: Path, origin: str, lock: str | os.PathLike | None) -> None:
    """Pin the SHA-256 of a file without a published hash; raise `_Unfit` if another is pinned.

    The first file is trusted for its origin: HTTPS, or the user. The lock file is not a rule's
    output, so that nothing deletes it; a kernel lock lets several jobs pin at the same time.
    """
    if source.hash_kind == "lock":
        _pin_as(source.file_name, path, origin, lock, source.reported)


def _read_commits(source: Source, lock: str | os.PathLike | None) -> dict[str, str]:
    """Return the commits, by name, of files of the same repository that the lock file has."""
    found = {}
    stem, mark, _ = source.file_name.rpartition("--")
    if mark and lock and Path(lock).exists():
        for line in Path(lock).read_text(encoding="utf-8").splitlines():
            fields = line.split()
            if fields and fields[0].startswith(f"{stem}--") and fields[-2:-1] == ["commit"]:
                found[fields[0]] = fields[-1]
    return found


def _at_known_commit(source: Source, url: str, lock: str | os.PathLike | None) -> str:
    """Return the address of a file in the commit that others of its repository were fetched from.

    A branch may have moved since.
    """
    commits = set(_read_commits(source, lock).values())
    return url.replace(BRANCH, f"/resolve/{commits.pop()}/", 1) if len(commits) == 1 else url


def check_commits(source: Source, lock: str | os.PathLike) -> None:
    """Raise `InputError` if files of one repository were fetched from different commits."""
    found = _read_commits(source, lock)
    if len(set(found.values())) > 1:
        raise InputError(
            f"{lock}: {', '.join(sorted(found))} are of different commits, as the repository "
            "changed between downloads: delete these lines, and the files in weights/ and "
            "downloads/ beside it, and run again"
        )


def pin_unpacked(source: Source, path: str | os.PathLike, lock: str | os.PathLike) -> None:
    """Pin the SHA-256 of the file unpacked from a source's verified file, under its own name.

    The published hash is of the packed file, so only this pin detects later changes. Raises
    `InputError` if another is pinned.
    """
    path = Path(path)
    try:
        _pin_as(path.name, path, f"unpacked from {source.file_name}", lock)
    except _Unfit as error:
        kept = path.parents[1] / "downloads" / source.file_name
        raise InputError(f"{path}: {error}: {_say_how_by_hand(source, kept, lock)}") from None


def _pin_as(
    name: str, path: Path, origin: str, lock: str | os.PathLike, reported: str = ""
) -> None:
    """Pin a file under a name; `reported` is the SHA-256 that other users report."""
    found, size = compute_digest(path, "sha256"), path.stat().st_size
    lock = Path(lock)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        pinned = read_pins(lock, text).get(name)
        if pinned is None:
            today = datetime.now(UTC).date().isoformat()
            start = "" if text else f"{LOCK_HEADER}\n"
            gap = "\n" if text and not text.endswith("\n") else ""
            file.write(f"{start}{gap}{name} {found} {size} {today} {origin}\n")
            log.info(
                "%s: no published hash, pinned SHA-256 %s of %d bytes, %s, in %s",
                path,
                found,
                size,
                origin,
                lock,
            )
            if reported and found != reported:
                log.warning(
                    "%s is not the file that other users have: they report SHA-256 %s",
                    name,
                    reported,
                )
        elif pinned != found:
            raise _Unfit(
                f"has changed: its SHA-256 is {found}, {lock} has {pinned}; if this is the right "
                f"file, delete the line of {name} there, else"
            )


def _read_pin(source: Source, lock: str | os.PathLike | None) -> str:
    """Return the pinned SHA-256 of a source without a published hash; empty if there is none."""
    if source.digest or not lock or not Path(lock).exists():
        return ""
    return read_pins(lock, Path(lock).read_text(encoding="utf-8")).get(source.file_name, "")


def _say_how_by_hand(source: Source, kept: Path, lock: str | os.PathLike | None) -> str:
    """Return what to do by hand when the workflow cannot download a file."""
    facts = [] if source.size is None else [f"{source.size:,} bytes"]
    if source.digest:
        facts.append(f"{HASH_NAMES[source.hash_kind]} {source.digest}")
    elif pinned := _read_pin(source, lock):
        facts.append(f"pinned SHA-256 {pinned}")
    if not facts:
        reported = f"; other users report SHA-256 {source.reported}" if source.reported else ""
        facts.append(f"no hash is published{reported}")
    return (
        f"fetch {source.url} by hand ({', '.join(facts)}) and put it at {kept}, "
        f"or set {source.key} in the config to its path"
    )
