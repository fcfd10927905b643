"""A local web server that answers each request as a test wants: correctly or not."""

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class FileServer:
    """Answers each request by the next of `answers`, and further ones by the last.

    `requests` has the headers of every request so far.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, str]] = []
        self.closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = len(server.requests)
                server.requests.append(dict(self.headers))
                server.answers[min(number, len(server.answers) - 1)](self)

            def log_message(self, *arguments) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/file"

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Do not log."""
        self.closing.wait(30)


@contextmanager
def serving() -> Iterator[FileServer]:
    server = FileServer()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def whole(content: bytes, etag: str = "", kind: str = "application/octet-stream") -> Answer:
    """Send the file, or the requested part, as a good server does."""

    def answer(handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        if handler.headers.get("If-Range", etag) != etag:
            asked, start = None, 0
        if asked and start >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        _finish(handler, len(content) - start, etag, kind)
        handler.wfile.write(content[start:])

    return answer


def ignoring_range(content: bytes) -> Answer:
    """Send the whole file, whichever part is requested."""

    def answer(handler) -> None:
        handler.send_response(200)
        _finish(handler, len(content))
        handler.wfile.write(content)

    return answer


def elsewhere(content: bytes) -> Answer:
    """Send another part than requested."""

    def answer(handler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")
        _finish(handler, len(content))
        handler.wfile.write(content)

    return answer


def cut(content: bytes, after: int, etag: str = "") -> Answer:
    """Send the requested part, but close the connection after some bytes."""

    def answer(handler) -> None:
        start = _start(handler, content)
        _finish(handler, len(content) - start, etag)
        handler.wfile.write(content[start : start + after])

    return answer


def reset(content: bytes, after: int, etag: str = "") -> Answer:
    """Send the requested part, but reset the connection after some bytes."""

    def answer(handler) -> None:
        start = _start(handler, content)
        _finish(handler, len(content) - start, etag)
        handler.wfile.write(content[start : start + after])
        handler.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    return answer


def unsized(content: bytes) -> Answer:
    """Send the file without its length."""

    def answer(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def cut_chunks(content: bytes) -> Answer:
    """Send the file in chunks, without the last."""

    def answer(handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    return answer


def status(code: int, **headers: str) -> Answer:
    """Send only a status."""

    def answer(handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def _start(handler, content: bytes) -> int:
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    handler.send_response(206 if asked else 200)
    if asked:
        size = len(content)
        handler.send_header("Content-Range", f"bytes {asked[1]}-{size - 1}/{size}")
    return int(asked[1]) if asked else 0


def _finish(handler, length: int, etag: str = "", kind: str = "application/octet-stream") -> None:
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(length))
    if etag:
        handler.send_header("ETag", etag)
    handler.end_headers()
