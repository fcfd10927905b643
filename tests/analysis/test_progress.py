"""Progress bars: on a terminal alone, without a thread of their own."""

import io
import subprocess
import sys

from embedding_sensitivity.files.progress import progress


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
    code = "import threading\n"
    code += "from embedding_sensitivity.files.progress import progress\nlist(progress([1]))\n"
    code += "print(threading.active_count())"
    path = next(path for path in sys.path if path.endswith("workflow_scripts"))
    assert subprocess.check_output([sys.executable, "-c", code], cwd=path, text=True) == "1\n"
