"""What `make` says and does around Snakemake, with a stand-in for Snakemake."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = """#!/bin/sh
echo "$@"
for each; do [ "$each" != bad.yaml ] || exit 1; done
"""
SNAKEMAKE = """#!/bin/sh
echo "$@" >> calls.txt
[ ! -e fails ] || exit 3
while [ $# -gt 1 ]; do [ "$1" != --report ] || echo report > "$2"; shift; done
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with the Makefile, a finished set-up, and a Snakemake that notes its calls."""
    folder = tmp_path / "checkout"
    for name in ("tools", "report", "results/demo/tables", ".venv/bin", ".snakemake"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "tools/requirements.txt").touch()
    built = ".snakemake/.demo-environments"
    for name in ("results/demo/tables/table1.csv", ".venv/.ready", built):
        (folder / name).touch()
    for name, text in (("snakemake", SNAKEMAKE), ("embedding-sensitivity", COMMAND)):
        (folder / ".venv/bin" / name).write_text(text)
        (folder / ".venv/bin" / name).chmod(0o755)
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    # Not this process's own make, whose flags and variables would be inherited.
    environment = {
        name: v for name, v in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def calls(folder: Path) -> list[str]:
    """The calls to Snakemake since the last time, forgotten afterwards."""
    noted = (folder / "calls.txt").read_text().splitlines()
    (folder / "calls.txt").unlink()
    return noted


def test_help_lists_every_target(checkout):
    said = make(checkout).stdout
    phony = next(s for s in (ROOT / "Makefile").read_text().splitlines() if s.startswith(".PHONY"))
    assert [line.split()[1] for line in said.splitlines()] == phony.split()[1:]


def test_demo_builds_the_environments_that_it_needs():
    command = [sys.executable, "-m", "snakemake", "--list-conda-envs"]
    said = subprocess.run(
        [*command, "--configfile", "config/demo.yaml"],
        cwd=ROOT, env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    needed = {line.split("\t")[0] for line in said.stdout.splitlines() if "\t" in line}
    variable = make(ROOT, "--eval", "demo-stacks:; @echo $(DEMO_STACKS)", "demo-stacks").stdout
    assert {f"envs/{stack}.yaml" for stack in variable.split()} == needed - {"environment"}


def test_demo_makes_the_report_only_where_something_changed(checkout):
    first = make(checkout, "demo")
    report = checkout / "results" / "demo" / "report.html"
    assert first.returncode == 0 and str(report) in first.stdout.splitlines()[-1]
    run, made = calls(checkout)
    assert "--configfile config/demo.yaml" in run and "--report" in made
    assert report.read_text() == "report\n"

    assert str(report) in make(checkout, "demo").stdout.splitlines()[-1]
    assert len(calls(checkout)) == 1

    os.utime(checkout / "results" / "demo" / "tables" / "table1.csv", (2e9, 2e9))
    make(checkout, "demo")
    assert len(calls(checkout)) == 2


def test_demo_fails_with_snakemake_and_names_no_report(checkout):
    (checkout / "fails").touch()
    failed = make(checkout, "demo")
    assert failed.returncode != 0 and "report.html" not in failed.stdout
    assert not (checkout / "results" / "demo" / "report.html").exists()


def test_missing_python_is_one_clear_line(checkout):
    (checkout / ".venv" / ".ready").unlink()
    failed = make(checkout, "envs", "PYTHON=python3.11-that-is-not-there")
    said, made = failed.stderr.splitlines()
    assert failed.returncode != 0 and "make PYTHON=" in said and made.startswith("make: ***")


def test_python_without_venv_is_one_clear_line(checkout):
    (checkout / ".venv" / ".ready").unlink()
    python = checkout / "python-without-venv"
    python.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    python.chmod(0o755)
    failed = make(checkout, "envs", f"PYTHON={python}")
    said, made = failed.stderr.splitlines()
    assert failed.returncode != 0 and "python3.11-venv" in said and made.startswith("make: ***")


def test_path_with_a_blank_is_refused_in_one_line(checkout):
    blank = checkout.rename(checkout.with_name("a checkout"))
    failed = make(blank, "demo")
    assert failed.returncode != 0 and failed.stderr.count("\n") == 1 and "blank" in failed.stderr


def test_tidy_deletes_on_a_clear_yes_alone(checkout):
    assert "tidy config.yaml\n" in make(checkout, "tidy").stdout
    said = make(checkout, "tidy", "CONFIG=my.yaml", "DELETE=yes").stdout
    assert "tidy my.yaml --delete\n" in said
    failed = make(checkout, "tidy", "DELETE=no")
    assert failed.returncode != 0 and not failed.stdout
    assert "DELETE is 'no', expected yes" in failed.stderr


def test_verify_fails_as_the_command_does(checkout):
    assert make(checkout, "verify").stdout == "verify config.yaml\n"
    assert make(checkout, "verify", "CONFIG=bad.yaml").returncode != 0


def test_compare_asks_for_two_names(checkout):
    said = make(checkout, "compare", "A=x", "B=y", "CORES=2").stdout
    assert said.startswith("compare x y --config config.yaml --cores 2\n")
    failed = make(checkout, "compare", "A=x")
    assert failed.returncode != 0 and "name two experiments" in failed.stderr
