"""Copies of the workflow that tests run, change and break, and what Snakemake did in them."""

import atexit
import functools
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from support.offline import NAMESPACE

ROOT = Path(__file__).resolve().parents[3]
COPIED = (
    *("Snakefile", "rules", "workflow_scripts", "envs", "profiles", "report", "config", "data"),
    *("tools", "workflow"),
)


class Run(subprocess.Popen):
    """Snakemake, killed with all its jobs if the test fails or is stopped."""

    def __exit__(self, kind, error, traceback) -> None:
        if kind:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        super().__exit__(kind, error, traceback)


@dataclass
class Job:
    """A job that a run planned or ran."""

    rule: str
    wildcards: dict[str, str]
    reason: str
    inputs: list[str]
    outputs: list[str]
    priority: int | str


@dataclass
class Done:
    """The result of Snakemake: its exit status, what it printed, and what it did.

    `jobs` are all that it planned (dry run) or started, `finished` and `failed` those that ended;
    `resources` are shared by jobs. All are None for a run `through` a command other than a network
    namespace.
    """

    returncode: int
    stdout: str
    stderr: str
    jobs: list[Job] | None = None
    finished: list[Job] | None = None
    failed: list[Job] | None = None
    resources: dict[str, int] | None = None

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@dataclass
class Server:
    """The process whose forks run Snakemake (`snakemake_server.py`), started when needed."""

    through: tuple[str, ...]
    python: Path
    process: subprocess.Popen | None = None

    def ask(self, request: dict, seconds: float) -> dict:
        """Have Snakemake run; if that fails or takes longer, kill it with all its jobs."""
        if self.process is None or self.process.poll() is not None:
            program = Path(__file__).with_name("snakemake_server.py")
            command = [*self.through, self.python, "-P", program]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            with selectors.DefaultSelector() as selector:
                selector.register(self.process.stdout, selectors.EVENT_READ)
                assert selector.select(seconds), f"Snakemake takes longer than {seconds} s"
            return json.loads(self.process.stdout.readline())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the server, which kills its Snakemake."""
        if self.process:
            self.process.communicate()
            self.process = None


@functools.cache
def server(through: tuple[str, ...], python: Path) -> Server:
    """Return the server that runs `through` a command; it ends with the tests."""
    found = Server(through, python)
    atexit.register(found.close)
    return found


def read_records(records: list[dict]) -> dict:
    """Return the fields of `Done` from Snakemake's records."""
    jobs, ended, resources = {}, {"job_finished": [], "job_error": []}, {}
    for record in records:
        event = record.pop("event")
        if event == "job_info":
            number = record.pop("id")
            jobs[number] = Job(**record)
        elif event == "resources_info":
            resources = record["resources"]
        else:
            ended[event].append(jobs[record["id"]])
    return {
        "jobs": list(jobs.values()),
        "finished": ended["job_finished"],
        "failed": ended["job_error"],
        "resources": resources,
    }


@dataclass
class Project:
    """A copy of the checkout in a temporary folder, which shares the built environments.

    `through` is a command that runs Snakemake, for example in a network namespace.
    """

    folder: Path
    through: tuple[str, ...] = ()
    # A longer run is taken to hang.
    seconds: ClassVar[float] = 600
    # Whose Snakemake runs.
    python: ClassVar[Path] = Path(sys.executable)

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def config_file(self) -> Path:
        return self.folder / "tiny.yaml"

    def read_config(self) -> dict:
        return yaml.safe_load(self.config_file.read_text(encoding="utf-8"))

    def write_config(self, config: dict) -> None:
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")

    def arguments(self, *arguments: str, configfile: str | None = "tiny.yaml") -> list[str]:
        """Return Snakemake's arguments: those given, and those of every run of a test."""
        chosen = ["--configfile", configfile] if configfile else []
        prefix = str(ROOT / ".snakemake" / "conda")
        return ["--cores", "2", *chosen, "--conda-prefix", prefix, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.python.parent), os.environ["PATH"]])
        return {**os.environ, "PATH": path}

    def start(self, *arguments: str, configfile: str | None = "tiny.yaml", **options) -> Run:
        """Start Snakemake as a user of the checkout would, with the options of `Popen`."""
        command = [*self.through, self.python, "-m", "snakemake"]
        command += self.arguments(*arguments, configfile=configfile)
        options |= {"cwd": self.folder, "env": self.environment, "text": True}
        return Run(command, start_new_session=True, **options)

    def snakemake(self, *arguments: str, configfile: str | None = "tiny.yaml") -> Done:
        """Run Snakemake, to the end or for `seconds`."""
        if self.through not in ((), NAMESPACE):
            pipe = subprocess.PIPE
            with self.start(*arguments, configfile=configfile, stdout=pipe, stderr=pipe) as run:
                output, errors = run.communicate(timeout=self.seconds)
            return Done(run.returncode, output, errors)
        request = {
            "folder": str(self.folder),
            "environment": self.environment,
            "arguments": self.arguments(*arguments, configfile=configfile),
        }
        found = server(self.through, self.python).ask(request, self.seconds)
        records = read_records(found["records"])
        return Done(found["status"], found["stdout"], found["stderr"], **records)

    def find(self, pattern: str) -> str:
        """Return the only path that matches a pattern, relative to the project's folder."""
        (found,) = self.folder.glob(pattern)
        return str(found.relative_to(self.folder))

    def output_of(self, rule: str, *arguments: str, **wildcards: str) -> str:
        """Return the output of the planned job of a rule with some wildcards."""
        jobs = self.run("--dry-run", *arguments).jobs
        (outputs,) = (
            job.outputs
            for job in jobs
            if job.rule == rule and wildcards.items() <= job.wildcards.items()
        )
        return outputs[0]

    def run(self, *arguments: str) -> Done:
        """Run Snakemake to the end; if it fails, the test fails with its output."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.output
        return done

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run the console command with the copy's own library."""
        library = {"PYTHONPATH": str(self.folder / "workflow_scripts")}
        return subprocess.run(
            [*self.through, sys.executable, "-P", "-m", "embedding_sensitivity.cli", *arguments],
            cwd=self.folder,
            env=self.environment | library,
            capture_output=True,
            text=True,
        )

    def planned(self, *arguments: str) -> dict[str, list[dict[str, str]]]:
        """Return the wildcards and reason of each planned job, by rule (dry run).

        A whole run also plans the manifest, and mostly the explorer, which follow from most of the
        others. They are only listed if there is no other job.
        """
        jobs = defaultdict(list)
        for job in self.run("--dry-run", *arguments).jobs:
            jobs[job.rule].append({**job.wildcards, "reason": job.reason})
        jobs.pop("all", None)
        if set(jobs) - {"write_manifest", "write_explorer"}:
            jobs.pop("write_explorer", None)
            manifest = jobs.pop("write_manifest", [])
            whole = all(argument.startswith("-") for argument in arguments)
            assert len(manifest) == whole, "the manifest follows a whole run, once"
        return dict(jobs)


def ignore_unfinished(folder: str, names: list[str]) -> list[str]:
    """Name what other processes may be writing: all but whole files of the code that is cached.

    A copy without them would compile and parse the library again, which takes as long as a plan.
    """
    if Path(folder).name != "__pycache__":
        return []
    return [name for name in names if not name.endswith((".pyc", "source_code.json"))]


def copy_checkout(folder: Path, through: tuple[str, ...] = ()) -> Project:
    """Copy everything that a run needs, and the tiny config."""
    folder.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore_unfinished)
        else:
            shutil.copy2(source, folder / name)
    shutil.copy2(ROOT / "tests" / "workflow" / "tiny.yaml", folder / "tiny.yaml")
    return Project(folder, through)


def refused(project, *arguments: str, message: str) -> Done:
    """Run Snakemake, expect it to fail with `message` in one line, and return the result."""
    done = project.snakemake(*arguments)
    assert done.returncode != 0, done.output
    lines = [line for line in done.output.splitlines() if message in line]
    assert lines, f"{message!r} is not in:\n{done.output}"
    assert "Traceback" not in done.output
    return done


def first_of(cases: Iterable, n: int = 1) -> list:
    """Mark all cases of a test but the first `n` as variations (`more`)."""
    cases = list(cases)
    return cases[:n] + [pytest.param(case, marks=pytest.mark.more) for case in cases[n:]]


def copy_finished(finished: Project, folder: Path) -> Project:
    """Copy the finished run, in which another test process may run Snakemake."""
    passing = shutil.ignore_patterns("iocache")  # Snakemake adds and deletes files there
    shutil.copytree(finished.folder, folder, symlinks=True, ignore=passing)
    return Project(folder)
