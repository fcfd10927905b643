"""A download is the file it should be, whatever the server does; else one line says what to do."""

import fcntl
import gzip
import hashlib
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.request import Request

import pytest

from embedding_sensitivity.downloads import fetch as download
from embedding_sensitivity.downloads.fetch import compute_digest, fetch, gunzip, place
from embedding_sensitivity.downloads.published_files import Source
from embedding_sensitivity.files.errors import InputError
from support.file_server import (
    cut,
    cut_chunks,
    elsewhere,
    ignoring_range,
    reset,
    serving,
    status,
    unsized,
    whole,
)

CONTENT = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(300_000)
PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>"

SOURCE = Source(
    name="thing",
    file_name="thing.bin",
    url="https://example.invalid/thing.bin",
    key="models.thing.weights",
    hash_kind="sha256",
    digest=hashlib.sha256(CONTENT).hexdigest(),
    licence="none",
    size=len(CONTENT),
)
UNSIZED = replace(SOURCE, size=None)
# Like CLAP's: nothing is known of the file.
LOCKED = replace(SOURCE, hash_kind="lock", digest="", size=None)


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "downloads"


@pytest.fixture
def get(server, folder):
    """Fetch from the server, with short waits."""

    def get(source: Source = SOURCE, *answers, **options) -> Path:
        server.answers = list(answers) or server.answers
        options = {"url": server.url, "timeout_s": 5, "pause_s": 0.001, **options}
        return fetch(source, folder, lock=folder.parent / "weights.lock", **options)

    return get


def refused(get, *arguments, **options) -> str:
    """The refusal: one line that says what to fetch, its hash, and where to put it."""
    with pytest.raises(InputError) as caught:
        get(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "fetch https://example.invalid/thing.bin by hand" in message
    assert "/downloads/thing.bin, or set models.thing.weights in the config" in message
    source = arguments[0] if arguments else SOURCE
    assert (source.digest or "no hash is published") in message
    return message


def stalling(server, after: int):
    """The file, of which nothing more comes after some bytes."""

    def answer(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:after])
        handler.wfile.flush()
        server.hang(handler)

    return answer


def left_behind(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def test_a_download_is_the_file_and_leaves_nothing_else(get, server, folder):
    path = get(SOURCE, whole(CONTENT, '"v1"'))
    assert path == folder / "thing.bin"
    assert path.read_bytes() == CONTENT
    assert os.listdir(folder) == ["thing.bin"]
    assert len(server.requests) == 1


def test_what_is_there_is_not_downloaded_again(get, server):
    get(SOURCE, whole(CONTENT))
    get()
    assert len(server.requests) == 1


@pytest.mark.parametrize("source", [SOURCE, UNSIZED], ids=["sized", "unsized"])
@pytest.mark.parametrize("fault", [cut, reset], ids=["cut short", "reset"])
def test_an_interrupted_download_goes_on_where_it_was(get, server, fault, source):
    assert get(source, fault(CONTENT, 100_000), whole(CONTENT)).read_bytes() == CONTENT
    started = int(server.requests[1]["Range"].removeprefix("bytes=").removesuffix("-"))
    # A reset may take with it what was on the way.
    assert 0 < started <= 100_000
    assert fault is reset or started == 100_000


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(get, server, folder):
    message = refused(get, SOURCE, cut(CONTENT, 100_000, '"v1"'), status(503))
    assert "the server answers with status 503" in message and "5 retries" in message
    assert left_behind(folder)[".thing.bin.part"] == CONTENT[:100_000]
    server.requests.clear()
    assert get(SOURCE, whole(CONTENT, '"v1"')).read_bytes() == CONTENT
    assert server.requests[0]["Range"] == "bytes=100000-"
    assert server.requests[0]["If-Range"] == '"v1"'
    assert os.listdir(folder) == ["thing.bin"]


def test_a_killed_run_leaves_what_it_received(get, server, folder):
    server.answers = [stalling(server, 200_000)]
    code = (
        "import sys; from dataclasses import replace\n"
        "from embedding_sensitivity.downloads.fetch import fetch\n"
        "from embedding_sensitivity.downloads.published_files import SOURCES\n"
        "fetch(replace(SOURCES['panns'], file_name='thing.bin', size=300_000), *sys.argv[1:])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(download.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(folder), server.url]
    part = folder / ".thing.bin.part"
    with subprocess.Popen(command, env=environment) as process:
        deadline = time.monotonic() + 60
        while not part.exists() or part.stat().st_size < 200_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    server.requests.clear()
    assert get(SOURCE, whole(CONTENT)).read_bytes() == CONTENT
    assert server.requests[0]["Range"] == "bytes=200000-"


def test_a_new_version_on_the_server_is_not_appended_to_the_old(get, server):
    assert get(LOCKED, cut(OTHER, 100_000, '"v1"'), whole(CONTENT, '"v2"')).read_bytes() == CONTENT
    assert server.requests[1]["If-Range"] == '"v1"'


@pytest.mark.parametrize("etag", ["", 'W/"v1"'], ids=["no version", "a weak one"])
def test_what_has_neither_hash_nor_version_is_not_resumed(get, server, etag):
    assert get(LOCKED, cut(OTHER, 100_000, etag), whole(CONTENT, etag)).read_bytes() == CONTENT
    assert "Range" not in server.requests[1]


def test_a_server_without_ranges_starts_again(get, server):
    assert get(SOURCE, cut(CONTENT, 1000), ignoring_range(CONTENT)).read_bytes() == CONTENT
    assert "Range" in server.requests[1]


def test_a_server_that_goes_on_elsewhere_is_asked_again(get):
    answers = cut(CONTENT, 1000), elsewhere(CONTENT), whole(CONTENT)
    assert get(SOURCE, *answers).read_bytes() == CONTENT


def test_ever_the_same_cut_ends(get, server):
    """A server without ranges that never gets further must not be asked for ever."""
    message = refused(get, UNSIZED, cut_without_ranges(1000))
    assert "cut short after 1,000 of 300,000 bytes; 5 retries failed" in message
    assert len(server.requests) == 6


def cut_without_ranges(after: int):
    def answer(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:after])

    return answer


def test_progress_starts_the_retries_anew(get, server):
    """A long download over a bad line, which fails more often than retries are allowed in a row."""
    content = CONTENT * 24  # 7.2 MB, each answer a bit more than the 1 MiB that count
    source = replace(UNSIZED, digest=hashlib.sha256(content).hexdigest())
    assert get(source, cut(content, 1_100_000)).read_bytes() == content
    assert len(server.requests) == 7


def test_a_complete_part_is_verified_and_not_asked_for(get, server, folder):
    folder.mkdir()
    (folder / ".thing.bin.part").write_bytes(CONTENT)
    assert get(SOURCE, status(500)).read_bytes() == CONTENT
    assert server.requests == []


def test_a_complete_part_of_unknown_size_is_found_complete(get, server, folder):
    folder.mkdir()
    (folder / ".thing.bin.part").write_bytes(CONTENT)
    assert get(UNSIZED, whole(CONTENT)).read_bytes() == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize("source", [SOURCE, LOCKED], ids=["hash", "no hash"])
def test_a_stale_part_that_is_too_long_is_dropped(get, server, folder, source):
    folder.mkdir()
    (folder / ".thing.bin.part").write_bytes(CONTENT + b"more")
    (folder / ".thing.bin.etag").write_text('"v1"', encoding="ascii")
    assert get(source, whole(CONTENT, '"v1"')).read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == ["bytes=300004-", None]


def test_a_stale_part_of_another_file_is_dropped(get, server, folder):
    folder.mkdir()
    (folder / ".thing.bin.part").write_bytes(OTHER[:1000])
    assert get(SOURCE, whole(CONTENT)).read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == ["bytes=1000-", None]


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429])
def test_a_server_in_trouble_is_asked_again(get, server, code):
    assert get(SOURCE, status(code), status(code), whole(CONTENT)).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_pauses_double_and_the_server_may_ask_for_more(get, monkeypatch):
    pauses = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    answers = [status(500)] * 3 + [status(429, Retry_After="7"), status(503, Retry_After="9999")]
    get(SOURCE, *answers, whole(CONTENT), pause_s=0.5)
    assert pauses == [0.5, 1, 2, 7, 60]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_asked_again(get, server, code):
    assert f"the server answers with status {code}" in refused(get, SOURCE, status(code))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (PAGE, "application/octet-stream"),
        (b"\n  <HTML>", "application/octet-stream"),
        (b"<title>Please log in</title>", "text/html; charset=utf-8"),
    ],
    ids=["doctype", "bare", "by its type alone"],
)
def test_an_html_page_is_not_the_file(get, server, folder, kind, page):
    message = refused(get, UNSIZED, whole(page, kind=kind))
    assert "the server sent an HTML page instead of the file" in message
    assert len(server.requests) == 1
    assert not any(left_behind(folder).values())


def test_an_html_page_is_never_pinned(get, tmp_path):
    refused(get, LOCKED, whole(PAGE))
    assert not (tmp_path / "weights.lock").exists()


def test_wrong_bytes_are_refused_and_removed(get, folder):
    message = refused(get, SOURCE, whole(OTHER))
    assert (
        f"its SHA-256 is {hashlib.sha256(OTHER).hexdigest()}, expected {SOURCE.digest}" in message
    )
    assert left_behind(folder) == {}


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(get, folder):
    message = refused(get, SOURCE, whole(CONTENT[:-1]))
    assert "the server's file has 299,999 bytes, expected 300,000" in message
    assert left_behind(folder) == {}


def test_an_end_without_a_length_shows_in_the_size(get, folder):
    message = refused(get, SOURCE, unsized(CONTENT[:1000]))
    assert "has 1,000 bytes, expected 300,000" in message
    assert left_behind(folder) == {}


def test_without_hash_and_length_nothing_is_trusted(get, tmp_path):
    assert "does not say how long" in refused(get, LOCKED, unsized(CONTENT))
    assert not (tmp_path / "weights.lock").exists()


def test_a_missing_chunk_is_a_cut(get):
    assert get(UNSIZED, cut_chunks(CONTENT), whole(CONTENT)).read_bytes() == CONTENT


def test_a_silent_server(get, server):
    message = refused(get, SOURCE, server.hang, timeout_s=0.05)
    assert "the server was silent for 0.05 s; 5 retries failed" in message


def test_a_server_that_falls_silent_keeps_what_it_sent(get, server):
    answers = stalling(server, 5000), whole(CONTENT)
    assert get(SOURCE, *answers, timeout_s=0.2).read_bytes() == CONTENT
    assert server.requests[1]["Range"] == "bytes=5000-"


def test_no_server(get):
    with serving() as gone:
        url = gone.url
    message = refused(get, SOURCE, url=url)
    assert f"thing.bin: {url}: Connection refused" in message


def test_no_name(get, monkeypatch):
    def unresolved(*arguments, **options):
        raise download.socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(download.socket, "getaddrinfo", unresolved)
    message = refused(get, SOURCE, url=None)
    assert "https://example.invalid/thing.bin: the server's name is unknown" in message


def test_a_server_without_tls(get, server):
    message = refused(get, SOURCE, status(200), url=server.url.replace("http:", "https:"))
    assert "SSL" in message


def test_a_certificate_of_nobody(get, server, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not installed")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    made += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2"]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    message = refused(get, SOURCE, whole(CONTENT), url=server.url.replace("http:", "https:"))
    assert "the server's certificate is not accepted" in message
    assert server.requests == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full, the disk without room")
def test_a_full_disk(get, server, folder):
    folder.mkdir()
    (folder / ".thing.bin.part").symlink_to("/dev/full")
    message = refused(get, SOURCE, whole(CONTENT))
    assert "cannot be written (No space left on device)" in message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://example.invalid/thing.bin", "is plain HTTP"),
        ("http://127.0.0.1.example.invalid/thing.bin", "is plain HTTP"),
        ("http://10.0.0.1/thing.bin", "is plain HTTP"),
        ("ftp://127.0.0.1/thing.bin", "is not an address of a file, expected https://"),
        ("http://me:secret@127.0.0.1/thing.bin", "has a user name or password in it"),
    ],
)
def test_no_other_address_is_asked(get, server, folder, address, reason):
    assert f"thing.bin: {address}: {reason}" in refused(get, SOURCE, status(200), url=address)
    assert server.requests == []
    message = refused(get, SOURCE, status(302, Location=address))
    assert f"the server redirects to {address}, which {reason}" in message
    assert len(server.requests) == 1
    assert left_behind(folder) == {}


def test_who_asked_by_https_is_not_sent_on_to_plain_http():
    """Not to this machine either, whose services a server elsewhere has no business with."""
    handler = download._Redirects([])

    def sent(start: str, end: str):
        return handler.redirect_request(Request(start), None, 302, "Found", Message(), end)

    for end in ("http://127.0.0.1/f", "http://localhost/f", "http://[::1]/f"):
        with pytest.raises(download._Unfit, match=f"redirects to {re.escape(end)}, which is plain"):
            sent("https://example.invalid/f", end)
        assert sent("http://127.0.0.1/g", end).full_url == end
    end = "https://other.invalid/f"
    assert sent("https://example.invalid/f", end).full_url == end


@pytest.mark.parametrize("name", ["../evil.bin", "{absolute}/evil.bin", "thing.bin; touch x"])
def test_what_a_file_is_called_is_not_the_servers_to_say(get, server, folder, name):
    name = name.format(absolute=folder.parent)

    def answer(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.send_header("Content-Disposition", f'attachment; filename="{name}"')
        handler.end_headers()
        handler.wfile.write(CONTENT)

    before = set(folder.parent.rglob("*"))
    assert get(SOURCE, answer) == folder / "thing.bin"
    assert set(folder.parent.rglob("*")) - before == {folder, folder / "thing.bin"}


def test_no_file_is_read_for_a_server(get):
    refused(get, SOURCE, status(302, Location="file:///etc/passwd"))
    assert "is not an address of a file" in refused(get, SOURCE, url="file:///etc/passwd")


def test_a_redirect_is_followed_with_its_range(get, server):
    with serving() as other:
        other.answers = [whole(CONTENT)]
        get(SOURCE, cut(CONTENT, 1000), status(302, Location=other.url))
        assert other.requests[0]["Range"] == "bytes=1000-"


def test_proxies_are_used_but_not_for_this_machine(get, server, monkeypatch):
    with serving() as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/file"))
        monkeypatch.delenv("no_proxy", raising=False)
        assert get(SOURCE, whole(CONTENT)).read_bytes() == CONTENT
        assert proxy.requests == []
        os.remove(get())
        # CONNECT, which the stand-in for a proxy doesn't know.
        assert "Tunnel connection failed: 501" in refused(get, SOURCE, url=None)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        # git hash-object of the three letters abc
        ("git_blob", "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"),
    ],
)
def test_hashes(tmp_path, kind, expected):
    (tmp_path / "abc").write_bytes(b"abc")
    assert compute_digest(tmp_path / "abc", kind) == expected


# A file that is already there


def test_a_local_file_is_verified_where_it_is(get, tmp_path, server):
    (tmp_path / "mine").write_bytes(CONTENT)
    assert get(SOURCE, local=tmp_path / "mine") == tmp_path / "mine"
    assert server.requests == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "is not a file"),
        (CONTENT[:-1], "has 299,999 bytes, expected 300,000"),
        (OTHER, "its SHA-256 is"),
        (PAGE, "is an HTML page instead of the file"),
    ],
    ids=["missing", "cut short", "wrong", "page"],
)
def test_a_wrong_local_file_is_refused_and_kept(get, tmp_path, content, fault):
    if content is not None:
        (tmp_path / "mine").write_bytes(content)
    message = refused(get, SOURCE, local=tmp_path / "mine")
    assert f"models.thing.weights: {tmp_path / 'mine'}: {fault}" in message
    assert (tmp_path / "mine").exists() == (content is not None)


def test_a_wrong_kept_file_is_refused_and_kept(get, folder):
    folder.mkdir()
    (folder / "thing.bin").write_bytes(OTHER)
    assert f"{folder / 'thing.bin'}, kept from before: its SHA-256 is" in refused(get)
    assert (folder / "thing.bin").read_bytes() == OTHER


def test_another_kind_of_file_is_refused(get, tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\n"
    message = refused(get, replace(LOCKED, starts=(b"PK\x03\x04",)), whole(pointer))
    assert "is another kind of file, it begins with b'version '" in message
    assert not (tmp_path / "weights.lock").exists()


# What has no published hash


def pins(tmp_path) -> list[str]:
    lines = (tmp_path / "weights.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_first_file_is_pinned(get, tmp_path, server):
    get(LOCKED, whole(CONTENT))
    name, digest, size, _, origin = pins(tmp_path)[0].split()
    assert (name, digest, size) == ("thing.bin", SOURCE.digest, "300000")
    assert origin == server.url
    get(LOCKED)
    assert len(pins(tmp_path)) == 1


@pytest.mark.parametrize("way", ["downloaded", "kept", "local"])
def test_a_changed_file_is_refused_until_its_line_is_deleted(get, tmp_path, folder, way):
    get(LOCKED, whole(CONTENT))
    before = (tmp_path / "weights.lock").read_text(encoding="utf-8")
    kept, options = folder / "thing.bin", {}
    if way == "downloaded":
        kept.unlink()
    elif way == "kept":
        kept.write_bytes(OTHER)
    else:
        (tmp_path / "mine").write_bytes(OTHER)
        options["local"] = tmp_path / "mine"
    with pytest.raises(InputError) as caught:
        get(LOCKED, whole(OTHER), **options)
    message = str(caught.value)
    changed = hashlib.sha256(OTHER).hexdigest()
    assert f"its SHA-256 is {changed}, {tmp_path / 'weights.lock'} has {SOURCE.digest}" in message
    assert "delete the line of thing.bin there" in message
    assert f"by hand (pinned SHA-256 {SOURCE.digest})" in message
    assert (tmp_path / "weights.lock").read_text(encoding="utf-8") == before
    assert kept.exists() == (way != "downloaded")

    lines = before.splitlines(keepends=True)
    (tmp_path / "weights.lock").write_text("".join(lines[:1]), encoding="utf-8")
    assert get(LOCKED, whole(OTHER), **options).read_bytes() == OTHER
    assert pins(tmp_path)[0].split()[1] == changed


def test_a_first_file_that_others_do_not_have_is_warned_of(get, caplog):
    get(replace(LOCKED, reported=SOURCE.digest), whole(OTHER))
    assert f"they report SHA-256 {SOURCE.digest}" in caplog.text


def test_a_first_file_that_others_have_is_fine(get, caplog):
    get(replace(LOCKED, reported=SOURCE.digest), whole(CONTENT))
    assert "WARNING" not in caplog.text


def test_a_broken_lock_file_is_refused(get, tmp_path):
    (tmp_path / "weights.lock").write_text("# files\nthing.bin abc 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"weights.lock, line 2: expected a file and its SHA-256"):
        get(LOCKED, whole(CONTENT))


def test_a_lock_file_that_pins_two_files_under_one_name_is_refused(get, tmp_path):
    get(LOCKED, whole(CONTENT))
    lock = tmp_path / "weights.lock"
    with open(lock, "a", encoding="utf-8") as file:
        file.write(f"thing.bin {hashlib.sha256(OTHER).hexdigest()} 300000 2026-11-23 elsewhere\n")
    with pytest.raises(InputError, match=r"weights\.lock, line 3: pins thing\.bin to another SHA"):
        get(LOCKED)


def test_two_jobs_do_not_pin_two_files(tmp_path):
    """While one pins, the other waits, and then sees what was pinned."""
    (tmp_path / "thing.bin").write_bytes(CONTENT)
    lock, messages = tmp_path / "weights.lock", []

    def run() -> None:
        try:
            fetch(LOCKED, tmp_path, lock=lock)
        except InputError as error:
            messages.append(str(error))

    with open(lock, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        other = threading.Thread(target=run)
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive()
        file.write(f"thing.bin {hashlib.sha256(OTHER).hexdigest()} 300000 2026-11-23 elsewhere\n")
    other.join(timeout=30)
    assert len(messages) == 1 and "kept from before: has changed" in messages[0]
    assert len(pins(tmp_path)) == 1


# What rules make of it


def test_an_output_is_a_copy(tmp_path):
    (tmp_path / "mine").write_bytes(CONTENT)
    place(tmp_path / "mine", tmp_path / "weights" / "thing.bin")
    (tmp_path / "mine").write_bytes(OTHER)
    assert (tmp_path / "weights" / "thing.bin").read_bytes() == CONTENT


def test_gunzip(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONTENT))
    gunzip(tmp_path / "a.gz", tmp_path / "a", CONTENT[:4], len(CONTENT))
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("packed", "limit", "fault"),
    [
        (gzip.compress(CONTENT)[:-100], 10**6, "cannot be unpacked"),
        (CONTENT, 10**6, "cannot be unpacked"),
        (gzip.compress(b""), 10**6, "is empty inside"),
        (gzip.compress(OTHER), 10**6, "contains another kind of file"),
        (gzip.compress(CONTENT[:4] + bytes(10**7)), 10**6, "unpacks to more than 1,000,000 bytes"),
    ],
    ids=["cut", "not gzip", "empty", "another", "bomb"],
)
def test_gunzip_refuses(tmp_path, packed, limit, fault):
    (tmp_path / "a.gz").write_bytes(packed)
    with pytest.raises(InputError, match=fault):
        gunzip(tmp_path / "a.gz", tmp_path / "a", CONTENT[:4], limit)
    assert sorted(os.listdir(tmp_path)) == ["a.gz"]
