"""Fixtures of the whole workflow: a fresh copy of it, one in which the tiny experiment has run."""

import fcntl
import subprocess
import sys

import pytest

from support.offline import WITHOUT_NETWORK
from support.project import ROOT, Project, copy_checkout, copy_finished

# Files that take longest, from the longest on. They begin first: the last file of all keeps one
# process busy while the others have nothing left.
LONGEST = (
    *("rebuilds", "end_to_end", "surroundings", "kills", "effect_entries", "paper_models"),
    *("layers", "module", "packaged_weights", "weights", "own_files", "imports", "offline"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of `LONGEST` first."""
    places = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def pythons() -> dict[str, str]:
    """The Python of each stack, its environment built."""
    command = [sys.executable, ROOT / "tools" / "stacks.py"]
    said = subprocess.check_output(command, text=True)
    return dict(line.split("\t") for line in said.splitlines())


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy of the workflow in which nothing has run."""
    return copy_checkout(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Project:
    """A copy in which the tiny experiment has run; not to be changed (see `again`).

    It ran without any network where a namespace is to be had: see test_offline.py. Test processes
    share it: the first that needs it makes it, and the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    folder = (shared if worker_id == "master" else shared.parent) / "finished"
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made"
        if not made.exists():
            assert not folder.exists(), "the tiny experiment failed in another test process"
            done = copy_checkout(folder / "project", WITHOUT_NETWORK).run()
            (folder / "said").write_text(done.output, encoding="utf-8")
            made.touch()
    return Project(folder / "project", WITHOUT_NETWORK)


@pytest.fixture
def again(finished, tmp_path) -> Project:
    """A copy of the finished run that a test may change."""
    return copy_finished(finished, tmp_path / "project")
