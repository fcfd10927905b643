"""A Slurm for all tests here, and copies of the workflow that run on it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, missing, wait_until

from support.project import ROOT, Project, copy_checkout

# One of each rule that writes tables: it writes the others too.
TABLES = [
    f"results/tiny/tables/{name}.csv" for name in ("global_r2", "auc", "displacement", "claims")
]
TABLES.append("results/tiny/tables/provenance.json")


def fresh_project(folder: Path):
    """A copy of the checkout with the tiny experiment, less one model of which there are two."""
    project = copy_checkout(folder)
    config = project.read_config()
    del config["models"]["musicnn"]
    project.write_config(config)
    return project


class SlurmProject(Project):
    """A copy of the checkout that runs on the cluster, with the profile that it carries."""

    # A job takes seconds to get going.
    seconds = 1800

    def __init__(self, folder: Path, cluster: Cluster):
        super().__init__(folder)
        self.cluster = cluster
        self.python = cluster.python
        self.runs: list[subprocess.Popen] = []

    def arguments(self, *arguments: str, configfile: str | None = "tiny.yaml") -> list[str]:
        """Arguments to poll and wait less than real clusters need."""
        own = ["--workflow-profile", "profiles/slurm", "--configfile", configfile]
        own += ["--max-threads", "2", "--latency-wait", "10"]
        own += ["--conda-prefix", str(ROOT / ".snakemake" / "conda")]
        # The plugin asks after so many seconds, and each time that nothing has ended 10 s later.
        return [*own, "--slurm-init-seconds-before-status-checks", "10", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a login node."""
        found = dict(self.cluster.environment)
        own = str(self.python.parent)
        # After the wrapper of srun, before everything else.
        first, rest = found["PATH"].split(os.pathsep, 1)
        return {**found, "PATH": os.pathsep.join([first, own, rest])}

    def start(self, *arguments: str, configfile: str = "tiny.yaml", **options) -> subprocess.Popen:
        run = super().start(*arguments, configfile=configfile, **options)
        self.runs.append(run)
        return run

    @property
    def log(self) -> str:
        """What Snakemake wrote of the last run into its own log file."""
        files = sorted(self.path(".snakemake/log").glob("*.snakemake.log"))
        return files[-1].read_text(encoding="utf-8")

    def end(self) -> None:
        """Kill what a test that failed left running here; of its jobs the cluster takes care."""
        for run in self.runs:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace what a file of this copy has to say exactly once."""
        text = self.path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")

    def tables(self) -> dict[str, bytes]:
        folder = self.path("results/tiny/tables")
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}

    def counts(self) -> dict[str, int]:
        """How many jobs of each rule a run for the tables would do."""
        return {rule: len(jobs) for rule, jobs in self.planned(*TABLES).items()}


def make_slurm(folder: Path) -> Path:
    """Run `make slurm` in a checkout of its own; return the Python of its .venv.

    Not in this one: the other suites test what .venv has without the plugin.
    """
    copy_checkout(folder)
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder)
    base = Path(sys.base_prefix, "bin", "python3.11")
    subprocess.run(["make", "slurm", f"PYTHON={base}"], cwd=folder, check=True)
    return folder / ".venv" / "bin" / "python"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """Two nodes with a GPU each; nothing of it may be left at the end."""
    if reason := missing():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    cluster.python = make_slurm(tmp_path_factory.mktemp("login") / "checkout")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        wait_until(lambda: not cluster.processes(), 30, "nothing that was started is left")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, cluster) -> SlurmProject:
    """A copy in which the tables were made without Slurm and without a fault."""
    folder = tmp_path_factory.mktemp("undisturbed") / "project"
    fresh_project(folder).run(*TABLES)
    return SlurmProject(folder, cluster)


@pytest.fixture
def again(undisturbed, cluster, tmp_path) -> Iterator[SlurmProject]:
    """A copy of the undisturbed run, to break and to run on Slurm."""
    shutil.copytree(undisturbed.folder, tmp_path / "project", symlinks=True)
    project = SlurmProject(tmp_path / "project", cluster)
    yield project
    project.end()


@pytest.fixture
def new_jobs(cluster):
    """The jobs that were submitted since the test began."""
    before = {job.id for job in cluster.jobs()}
    return lambda: [job for job in cluster.jobs() if job.id not in before]
