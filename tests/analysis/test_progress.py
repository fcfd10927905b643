"""Progress bars: on a terminal alone, without a thread of their own."""

import io
import subprocess
import sys

from sensitivity import progress as module
from sensitivity.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_a_log_file_nothing():
    terminal, log = Terminal(), io.StringIO()
    for file in (terminal, log):
        assert list(progress("abc", desc="labels", file=file)) == ["a", "b", "c"]
    assert "labels: 100%" in terminal.getvalue()
    assert log.getvalue() == ""


def test_no_thread_is_started():
    """In a process of its own: tqdm starts one for all bars there are."""
    lines = ["import threading", "from progress import progress", "list(progress([1]))"]
    script = "; ".join([*lines, "print(threading.active_count())"])
    folder = module.__file__.rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
