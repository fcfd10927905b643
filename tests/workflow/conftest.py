"""A throw-away copy of the workflow to run, change and break."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from offline import WITHOUT_NETWORK

ROOT = Path(__file__).resolve().parents[2]
CARRIED = (
    *("Snakefile", "rules", "workflow_scripts", "envs", "profiles", "report", "config", "data"),
    "tools",
)


class Run(subprocess.Popen):
    """Snakemake; killed with all its jobs where the test that waits for it fails or is stopped."""

    def __exit__(self, kind, error, traceback) -> None:
        if kind:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        super().__exit__(kind, error, traceback)


@dataclass
class Project:
    """A copy of the checkout below a temporary folder, which shares the built environments.

    `through` is a command that Snakemake is run by, as for a network namespace.
    """

    folder: Path
    through: tuple[str, ...] = ()

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def config_file(self) -> Path:
        return self.folder / "tiny.yaml"

    def read_config(self) -> dict:
        return yaml.safe_load(self.config_file.read_text(encoding="utf-8"))

    def write_config(self, config: dict) -> None:
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")

    def start(self, *arguments: str, configfile: str | None = "tiny.yaml", **options) -> Run:
        """Start Snakemake as a user of the checkout would, with the options of `Popen`."""
        command = [*self.through, sys.executable, "-m", "snakemake", "--cores", "2"]
        command += ["--configfile", configfile] if configfile else []
        command += ["--conda-prefix", str(ROOT / ".snakemake" / "conda"), *arguments]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path}
        options |= {"cwd": self.folder, "env": environment, "text": True}
        return Run(command, start_new_session=True, **options)

    def snakemake(
        self, *arguments: str, configfile: str | None = "tiny.yaml"
    ) -> subprocess.CompletedProcess:
        """Run Snakemake, to the end or for ten minutes."""
        pipe = subprocess.PIPE
        with self.start(*arguments, configfile=configfile, stdout=pipe, stderr=pipe) as run:
            output, errors = run.communicate(timeout=600)
        return subprocess.CompletedProcess(run.args, run.returncode, output, errors)

    def run(self, *arguments: str) -> str:
        """Run to the end; the test fails with Snakemake's output if that fails."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, list[dict[str, str]]]:
        """What a run would do: the wildcards of each planned job, by rule (dry run).

        The manifest follows whatever a whole run makes: it is listed where it is all there is to
        do, and else has to be planned and is left out.
        """
        text = self.run("--dry-run", *arguments)
        jobs = defaultdict(list)
        for rule, body in re.findall(
            r"^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", text, re.M
        ):
            found = re.search(r"^    wildcards: (.*)$", body, re.M)
            pairs = (pair.split("=", 1) for pair in found[1].split(", ")) if found else ()
            reason = re.search(r"^    reason: (.*)$", body, re.M)
            jobs[rule].append({**dict(pairs), "reason": reason[1] if reason else ""})
        jobs.pop("all", None)
        if set(jobs) - {"write_manifest"}:
            manifest = jobs.pop("write_manifest", [])
            whole = all(argument.startswith("-") for argument in arguments)
            assert len(manifest) == whole, "the manifest follows a whole run, once"
        return dict(jobs)


def copy_checkout(folder: Path) -> Project:
    """Copy what a run needs, and the tiny config."""
    folder.mkdir(parents=True)
    for name in CARRIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    # A rule's message takes the place of its name and wildcards in what Snakemake prints.
    for path in (folder / "rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\n +message:\n +\".*\"", "", text), encoding="utf-8")
    shutil.copy2(ROOT / "tests" / "workflow" / "tiny.yaml", folder / "tiny.yaml")
    return Project(folder)


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
def finished(tmp_path_factory) -> Project:
    """A copy in which the tiny experiment has run; not to be changed (see `again`).

    It ran without any network where a namespace is to be had: see test_offline.py.
    """
    project = copy_checkout(tmp_path_factory.mktemp("finished") / "project")
    project.through = WITHOUT_NETWORK
    project.run()
    return project


@pytest.fixture
def again(finished, tmp_path) -> Project:
    """A copy of the finished run that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
