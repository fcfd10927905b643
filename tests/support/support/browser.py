"""Open a page in headless Chromium and ask it things, through the DevTools protocol on pipes."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1500,950",
    # Every name is unknown: what a page asks for is noted, not served.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
TIMEOUT = 60.0


class Page:
    """One tab.

    Attributes
    ----------
    errors : what its console showed as an error, exceptions among them
    requests : the address of everything it asked for
    """

    def __init__(self, to_browser: int, from_browser: int):
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._to, self._from = to_browser, from_browser
        self._unread, self._number, self._session = b"", 0, {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params) -> dict:
        """Send a command and return its result; what happens meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def evaluate(self, expression: str):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression: str):
        """The value of a JavaScript expression as soon as it is true; an error if it never is."""
        deadline = time.monotonic() + TIMEOUT / 4
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true in the page: {expression}")
            time.sleep(0.05)
        return value

    def screenshot(self, path: Path) -> None:
        """Write what is seen of the page as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _receive(self) -> dict:
        while b"\0" not in self._unread:
            if not select.select([self._from], [], [], TIMEOUT)[0]:
                raise TimeoutError(f"chromium said nothing for {TIMEOUT:g} s")
            if not (data := os.read(self._from, 1 << 20)):
                raise EOFError("chromium ended")
            self._unread += data
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event: dict) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(params["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.errors.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(json.dumps(params["entry"]))


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Page]:
    """A new Chromium, nothing remembered, in which `file` has loaded; without one, skip."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH to open the page in")
    browser_reads, to_browser = os.pipe()
    from_browser, browser_writes = os.pipe()

    def give_pipes() -> None:
        os.dup2(browser_reads, 3)
        os.dup2(browser_writes, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=give_pipes,
        )
        os.close(browser_reads)
        os.close(browser_writes)
        try:
            page = Page(to_browser, from_browser)
            page.call("Page.navigate", url=file.resolve().as_uri())
            page.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")
            yield page
        finally:
            # Its end of the pipe closed, Chromium leaves by itself, with all its processes.
            os.close(to_browser)
            os.close(from_browser)
            try:
                browser.wait(timeout=10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
