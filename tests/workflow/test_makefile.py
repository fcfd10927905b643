"""What `make` says and does around Snakemake, with a stand-in for Snakemake."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.project import first_of

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


@pytest.mark.parametrize("sign", first_of(" '\"()[]{}$:;&|<>*?!#%^`\\,\t", 4))
def test_path_with_a_blank_or_sign_is_refused_in_one_line(checkout, sign):
    odd = checkout.rename(checkout.with_name(f"a{sign}checkout"))
    failed = make(odd, "demo")
    assert failed.returncode != 0 and failed.stderr.count("\n") == 1 and "blank" in failed.stderr
    assert "move it to a path of letters" in failed.stderr


def test_a_path_in_other_letters_is_taken(checkout):
    other = checkout.rename(checkout.with_name("Flöte_笛子.+=@~-1"))
    assert make(other, "tidy").stdout == "tidy config.yaml\n"


ODD_CONFIG = """my [1] 'a' "b" $HOME $(c) `d`: e;f&g #h %.yaml"""


@pytest.mark.parametrize("target", ["plan", "missing", "verify", "tidy"])
def test_a_config_of_any_name_is_given_on_as_it_is(checkout, target):
    said = make(checkout, target, f"CONFIG={ODD_CONFIG}").stdout
    assert said == f"{target} {ODD_CONFIG}\n"


def test_experiments_and_cores_are_given_on_as_they_are(checkout):
    said = make(checkout, "compare", "A=$x y", "B='", f"CONFIG={ODD_CONFIG}", "CORES=1 2").stdout
    assert said.startswith(f"compare $x y ' --config {ODD_CONFIG} --cores 1 2\n")


def test_a_folder_of_wheels_that_pip_would_split_is_refused(checkout):
    for folder in ("my wheels", "my,wheels"):
        failed = make(checkout, "envs", f"WHEELS={folder}")
        assert failed.returncode != 0 and failed.stderr.count("\n") == 1
        assert f"'{folder}' has a blank or comma" in failed.stderr


def environment_in(checkout: Path, **variables: str) -> dict[str, str]:
    """What a command of a recipe finds in its environment."""
    (checkout / ".venv/bin/embedding-sensitivity").write_text("#!/bin/sh\nexec env -0\n")
    given = {**os.environ, **variables}
    command = ["make", "--silent", "plan"]
    said = subprocess.run(command, cwd=checkout, env=given, capture_output=True, check=True).stdout
    return dict(pair.split("=", 1) for pair in os.fsdecode(said).split("\0") if pair)


def test_the_users_settings_of_python_and_matplotlib_are_left_out(checkout):
    given = {
        **{"PYTHONPATH": "/x", "PYTHONSTARTUP": "/x", "PYTHONHOME": "/x", "PYTHONHASHSEED": "x"},
        **{"PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        **{"MPLBACKEND": "nonsense", "MATPLOTLIBRC": "/x", "TMPDIR": "/x y/z"},
    }
    found = environment_in(checkout, **given)
    assert not (set(given) & set(found))
    assert found["PYTHONUTF8"] == "1"


def test_where_home_cannot_be_written_caches_are_in_the_checkout(checkout, tmp_path):
    for home in ("/dev/null", "/proc"):
        found = environment_in(checkout, HOME=home, XDG_CACHE_HOME="")
        assert found["XDG_CACHE_HOME"] == str(checkout / ".snakemake" / "cache")
    home = tmp_path / "a home"
    assert environment_in(checkout, HOME=str(home), XDG_CACHE_HOME="")["XDG_CACHE_HOME"] == ""


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
