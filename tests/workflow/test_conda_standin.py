"""The conda stand-in answers what Snakemake asks, and never leaves half an environment."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from snakemake.deployment.conda import MIN_CONDA_VER

TOOLS = Path(__file__).resolve().parents[2] / "tools"
CONDA = Path(sys.executable).parent / "conda"  # the link that `make` sets
VERSION_CALL = f"conda {MIN_CONDA_VER} (PyPI stand-in)\n"


def environment_without_conda(*first: Path, **variables) -> dict[str, str]:
    """The environment of this process with `first` before a PATH that has no real conda."""
    folders = [f for f in os.environ["PATH"].split(os.pathsep) if not Path(f, "conda").exists()]
    path = os.pathsep.join([str(CONDA.parent), *map(str, first), *folders])
    return {**os.environ, "PATH": path, **{name: str(value) for name, value in variables.items()}}


def run_conda(*arguments, first=(), **variables) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["conda", *map(str, arguments)],
        env=environment_without_conda(*first, **variables),
        capture_output=True,
        text=True,
    )


def write_wheel(folder: Path) -> Path:
    """Make a wheel of an empty module `probe` 1.0, so that no test needs a network."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "probe-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("probe.py", "")
        info = "probe-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def write_environment(folder: Path, *dependencies: str, pip: str = "probe==1.0") -> Path:
    path = folder / "stack.yaml"
    lines = ["python=3.11", *dependencies, f"pip:\n    - {pip}"]
    path.write_text("dependencies:\n" + "".join(f"  - {line}\n" for line in lines))
    return path


def create(file: Path, prefix: Path, links: object, **variables) -> subprocess.CompletedProcess:
    """Make the call that Snakemake makes, with packages from `links` alone."""
    return run_conda(
        *("env", "create", "--quiet", "--no-default-packages"),
        *("--file", file, "--prefix", prefix),
        **{"PIP_FIND_LINKS": links, "UV_OFFLINE": "1", "UV_NO_CONFIG": "1"} | variables,
    )


def one_line(result: subprocess.CompletedProcess) -> str:
    """What a refused call said: one line, and a status that is not 0."""
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_answers_the_questions_of_every_run():
    info = json.loads(run_conda("info", "--json").stdout)
    assert info["platform"] == "linux-64"
    assert Path(info["conda_prefix"], "bin", "activate").is_file()
    version = run_conda("--version").stdout
    assert version == VERSION_CALL
    assert len(re.findall(r"\d+\.\d+\.\d+", version)) == 1
    priority = run_conda("config", "--get", "channel_priority", "--json").stdout
    assert json.loads(priority) == {"get": {"channel_priority": "strict"}}
    assert run_conda("clean", "-y", "--tarballs").returncode == 0
    found = subprocess.run(
        ["bash", "-c", "type conda"], env=environment_without_conda(), capture_output=True
    )
    assert found.returncode == 0


@pytest.mark.parametrize(
    "call", [["list"], ["env", "export"], ["install", "six"], ["env", "create", "-n", "x"], []]
)
def test_refuses_other_calls_in_one_line(call):
    assert "real conda" in one_line(run_conda(*call))


def test_builds_an_environment_apart_from_every_other(tmp_path):
    prefix = tmp_path / "built_"
    result = create(write_environment(tmp_path), prefix, write_wheel(tmp_path / "links"))
    assert result.returncode == 0, result.stderr
    command = "import probe, sys; print(sys.version_info[:2], probe.__file__)"
    said = subprocess.check_output([prefix / "bin" / "python", "-I", "-c", command], text=True)
    assert said.startswith(f"(3, 11) {prefix}/")
    missing = subprocess.run([prefix / "bin" / "python", "-I", "-c", "import yaml"])
    assert missing.returncode != 0  # the workflow's own packages are out of reach


def test_environment_is_one_for_a_real_conda_too(tmp_path):
    prefix = tmp_path / "built_"
    create(write_environment(tmp_path), prefix, write_wheel(tmp_path / "links"))
    assert (prefix / "conda-meta" / "history").is_file()


def test_find_links_of_pip_reach_uv_all_of_them(tmp_path):
    (tmp_path / "empty").mkdir()
    links = f"{tmp_path / 'empty'} {write_wheel(tmp_path / 'links')}"
    assert create(write_environment(tmp_path), tmp_path / "both_", links).returncode == 0
    assert create(write_environment(tmp_path), tmp_path / "none_", "").returncode != 0


@pytest.mark.parametrize("dependency", ["ffmpeg", "numpy=1.26", "python>=3.10", "pip>20"])
def test_refuses_what_only_a_real_conda_installs(tmp_path, dependency):
    file = write_environment(tmp_path, dependency)
    said = one_line(create(file, tmp_path / "built_", write_wheel(tmp_path / "links")))
    assert f"`{dependency}`" in said and str(file) in said and MIN_CONDA_VER in said
    assert not (tmp_path / "built_").exists()


def test_failed_build_leaves_no_environment(tmp_path):
    prefix = tmp_path / "built_"
    mark = Path(f"{prefix}.env_setup_done")
    mark.touch()  # of an environment that was removed by hand
    file = write_environment(tmp_path, pip="probe==2.0")
    result = create(file, prefix, write_wheel(tmp_path / "links"))
    assert result.returncode != 0 and "probe==2.0" in result.stderr
    assert not prefix.exists() and not mark.exists()


def test_killed_build_is_built_anew(tmp_path):
    prefix = tmp_path / "built_"
    file = write_environment(tmp_path)
    partial = Path(f"{prefix}.partial")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        process = subprocess.Popen(
            [CONDA, "env", "create", "--file", file, "--prefix", prefix],
            env=environment_without_conda(
                PIP_FIND_LINKS=f"http://127.0.0.1:{silent.getsockname()[1]}/",
                UV_NO_CONFIG=1,
            ),
            start_new_session=True,
        )
        try:
            silent.settimeout(60)
            silent.accept()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert partial.exists() and not prefix.exists()
    (partial / "left_behind").touch()
    assert create(file, prefix, write_wheel(tmp_path / "links")).returncode == 0
    assert not partial.exists() and not (prefix / "left_behind").exists()
    subprocess.run([prefix / "bin" / "python", "-I", "-c", "import probe"], check=True)


def test_activate_puts_the_environment_first_under_strict_shell_settings(tmp_path):
    prefix = tmp_path / "built_"
    create(write_environment(tmp_path), prefix, write_wheel(tmp_path / "links"))
    activate = TOOLS / "conda" / "bin" / "activate"
    command = f"set -euo pipefail; source {activate} '{prefix}'; type -P python; echo $CONDA_PREFIX"
    said = subprocess.check_output(["bash", "-c", command], text=True)
    assert said.split() == [str(prefix / "bin" / "python"), str(prefix)]
    command = f"set -euo pipefail; source {activate} '{tmp_path}/absent'; echo went on"
    failed = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "make envs" in one_line(failed) and "went on" not in failed.stdout


def test_snakemake_runs_a_script_in_an_environment_it_builds(tmp_path):
    write_environment(tmp_path)
    (tmp_path / "stack.post-deploy.sh").write_text(
        "#!/usr/bin/env bash\npython -c 'import probe' && touch $CONDA_PREFIX/post-deployed\n"
    )
    (tmp_path / "script.py").write_text(
        "import probe, sys\n"
        "with open(snakemake.output[0], 'w') as out: print(sys.prefix, file=out)\n"
    )
    (tmp_path / "Snakefile").write_text(
        'rule:\n    output: "prefix.txt"\n    conda: "stack.yaml"\n    script: "script.py"\n'
    )
    result = subprocess.run(
        ["snakemake", "--cores", "1", "--software-deployment-method", "conda"],
        cwd=tmp_path,
        env=environment_without_conda(
            PIP_FIND_LINKS=write_wheel(tmp_path / "links"), UV_OFFLINE=1, UV_NO_CONFIG=1
        ),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    prefix = Path((tmp_path / "prefix.txt").read_text().strip())
    assert prefix.parent == tmp_path / ".snakemake" / "conda"
    assert (prefix / "post-deployed").exists()


def write_real_conda(folder: Path, version: str) -> Path:
    folder.mkdir()
    script = folder / "conda"
    script.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "conda {version}" || echo "real: $@"\n'
    )
    script.chmod(0o755)
    return folder


@pytest.mark.parametrize("version", [MIN_CONDA_VER, "24.11.0", "26.1.2"])
def test_hands_over_to_a_real_conda(tmp_path, version):
    folder = write_real_conda(tmp_path / "real", version)
    result = run_conda("env", "create", "--prefix", "a b", first=[folder])
    assert result.stdout == "real: env create --prefix a b\n"


def test_says_once_a_run_that_a_real_conda_is_too_old(tmp_path):
    folder = write_real_conda(tmp_path / "old", "4.14.0")
    info = run_conda("info", "--json", first=[folder])
    assert json.loads(info.stdout)["conda_prefix"] == str(TOOLS / "conda")
    assert f"{folder}/conda is version 4.14.0" in info.stderr and info.stderr.count("\n") == 1
    version = run_conda("--version", first=[folder])
    assert (version.stdout, version.stderr) == (VERSION_CALL, "")


def test_prefers_a_new_conda_behind_an_old_one(tmp_path):
    old = write_real_conda(tmp_path / "old", "4.14.0")
    new = write_real_conda(tmp_path / "new", "25.1.0")
    assert run_conda("info", first=[old, new]).stdout == "real: info\n"


def test_another_checkouts_stand_in_is_no_real_conda(tmp_path):
    """Two that ask each other for their version start processes until the machine has no more."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "standin.py").touch()
    program = write_real_conda(tmp_path / "other" / "bin", "25.1.0") / "conda"
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "conda").symlink_to(program)
    info = run_conda("info", "--json", first=[tmp_path / "venv"])
    assert json.loads(info.stdout)["conda_prefix"] == str(TOOLS / "conda") and not info.stderr


def test_refuses_a_path_with_a_blank(tmp_path):
    folder = tmp_path / "a checkout" / "conda"
    shutil.copytree(TOOLS / "conda", folder)
    call = [folder / "bin" / "conda", "info", "--json"]
    found = environment_without_conda()
    assert "blank" in one_line(subprocess.run(call, env=found, capture_output=True, text=True))


@pytest.mark.parametrize("sign", ['"', "\\", "'", "(", "$", ":"])
def test_refuses_a_path_with_a_sign_that_bash_acts_on(tmp_path, sign):
    """Snakemake activates with it unquoted: the answer would be right, and no job would start."""
    shutil.copytree(TOOLS / "conda", tmp_path / f"a{sign}c" / "conda")
    call = [tmp_path / f"a{sign}c" / "conda" / "bin" / "conda", "info", "--json"]
    found = environment_without_conda()
    assert "sign" in one_line(subprocess.run(call, env=found, capture_output=True, text=True))


def test_a_path_in_other_letters_is_answered_as_it_is(tmp_path):
    folder = tmp_path / "Flöte_笛子.+=@~-1"
    shutil.copytree(TOOLS / "conda", folder / "conda")
    call = [folder / "conda" / "bin" / "conda", "info", "--json"]
    info = json.loads(subprocess.check_output(call, env=environment_without_conda()))
    assert info["conda_prefix"] == f"{folder}/conda"
