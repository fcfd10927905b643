"""The library as a package: built, installed, imported; its page and notebook are what it says."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from support.project import ROOT

sys.path.append(str(ROOT / "tools"))
import write_api


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package as `pip install .` builds it, with no network."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    made = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "workflow_scripts", copy / "workflow_scripts", ignore=made)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", folder, copy]
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, check=True, env=environment)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_library_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "embedding_sensitivity"
    }
    library = ROOT / "workflow_scripts"
    modules = {str(path.relative_to(library)) for path in library.glob("*/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_a_fresh_environment_has_the_package_and_its_command(wheel, tmp_path, pythons):
    """NumPy and SciPy are lent by the analysis stack: a path behind the new environment's own."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    uv = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--offline"]
    subprocess.run([*uv, "--no-deps", "--python", venv, wheel], check=True)
    lent = [pythons["analysis"], "-c", "import numpy; print(numpy.__path__[0])"]
    packages = Path(subprocess.check_output(lent, text=True).strip()).parent
    (site,) = venv.glob("lib/*/site-packages")
    (site / "lent.pth").write_text(str(packages))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def run(*command) -> subprocess.CompletedProcess:
        options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        return subprocess.run([venv / "bin" / command[0], *command[1:]], **options)

    code = (
        "import doctest, embedding_sensitivity as es\n"
        f"assert es.__file__.startswith({str(venv)!r}), es.__file__\n"
        "from embedding_sensitivity import api\n"
        "print(doctest.testmod(es).attempted, doctest.run_docstring_examples("
        "es.global_r2, vars(api)))\n"
    )
    done = run("python", "-c", code)
    assert done.stdout == "5 None\n", done.stderr
    assert "verify" in run("embedding-sensitivity", "--help").stdout
    # Without a checkout, and without what the plan needs, each is one line.
    done = run("embedding-sensitivity", "run", "--dry-run")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "not a checkout" in done.stderr
    done = run("embedding-sensitivity", "plan")
    assert done.returncode == 1 and "embedding-sensitivity[workflow]" in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_the_command_of_the_checkout_is_this_librarys():
    command = Path(sys.executable).with_name("embedding-sensitivity")
    code = "import embedding_sensitivity; print(embedding_sensitivity.__file__)"
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": "/", "env": environment, "text": True}
    found = subprocess.check_output([sys.executable, "-c", code], **options).strip()
    assert Path(found).parent == ROOT / "workflow_scripts" / "embedding_sensitivity"
    done = subprocess.run([command, "tidy"], capture_output=True, **options)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1 and "CONFIG" in done.stderr


def test_run_is_snakemake_with_the_checkouts_snakefile_and_profile(project, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "my.yaml").write_bytes(project.config_file.read_bytes())
    project = type(project)(project.folder)
    environment = project.environment | {"PYTHONPATH": str(project.path("workflow_scripts"))}
    command = [sys.executable, "-P", "-m", "embedding_sensitivity.cli", "run"]
    command += ["--cores", "2", "--configfile", "my.yaml", "--dry-run", "--quiet", "rules"]
    options = {"cwd": tmp_path / "mine", "env": environment, "text": True}
    done = subprocess.run(command, capture_output=True, **options)
    assert done.returncode == 0, done.stderr
    assert "write_manifest" in done.stdout + done.stderr
    assert not list((tmp_path / "mine").glob("results"))


def test_export_takes_the_analysis_stacks_python_where_h5py_is_missing(project):
    done = project.command("export", "nothing.h5", "copy.h5")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "make envs" in done.stderr  # this copy has built none


def test_the_api_page_is_that_of_the_docstrings():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert page == write_api.make_page(), "run `make schema`"


def test_the_notebook_is_one_without_outputs():
    path = ROOT / "docs" / "first_curve.ipynb"
    nbformat.validate(nbformat.read(path, as_version=4))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)
