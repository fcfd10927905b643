"""Answer the calls Snakemake makes to conda, building environments from PyPI with uv.

`bin/conda` calls it if no real conda is on PATH. It understands the environments in `envs/`: Python
and pip from conda, everything else under `pip:`. Anything else is an error that asks for conda.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

VERSION = "24.7.1"  # the oldest that Snakemake 9 accepts
PYTHON_SPEC = re.compile(r"python *={1,2} *(3\.\d+)(?:\.\*)?$")
PIP_SPEC = re.compile(r"pip(?: *={1,2} *([\d.]+))?$")


class Refusal(Exception):
    """A call or file that is not supported; the message is one line with the remedy."""


class Parser(argparse.ArgumentParser):
    """Raises `Refusal` for bad arguments, instead of printing argparse's usage text."""

    def error(self, message: str):
        raise Refusal(f"{message}: this needs a real conda >= {VERSION} on PATH")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return one call to conda: `action` and its options.

    Raises
    ------
    Refusal
        If it is not one of the calls in snakemake/deployment/conda.py.
    """
    parser = Parser(prog="conda", allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True)
    create = (
        actions.add_parser("env").add_subparsers(dest="env", required=True).add_parser("create")
    )
    create.add_argument("--quiet", action="store_true")
    create.add_argument("--no-default-packages", action="store_true")
    create.add_argument("--file", type=Path, required=True)
    create.add_argument("--prefix", type=Path, required=True)
    clean = actions.add_parser("clean")
    clean.add_argument("-y", action="store_true")
    clean.add_argument("--tarballs", action="store_true")
    clean.add_argument("--packages", action="store_true")
    return parser.parse_args(arguments)


def read_environment(path: Path) -> tuple[str, list[str]]:
    """Return the Python version and the pip requirements of an environment file.

    Raises
    ------
    Refusal
        If the file needs anything but Python and pip from conda.
    """
    python, requirements = None, []
    for dependency in yaml.safe_load(path.read_text())["dependencies"]:
        if isinstance(dependency, dict):
            requirements += dependency["pip"]
        elif match := PYTHON_SPEC.match(dependency):
            python = match[1]
        elif match := PIP_SPEC.match(dependency):
            requirements.append(f"pip=={match[1]}" if match[1] else "pip")
        else:
            raise Refusal(
                f"{path}: the PyPI stand-in cannot install `{dependency}`: "
                f"put a real conda >= {VERSION} on PATH, or list it under `pip:`"
            )
    if python is None:
        raise Refusal(f"{path}: names no Python: add `python=3.11` to its dependencies")
    return python, requirements


def uv(*arguments: str) -> None:
    """Run uv quietly; it reports errors itself."""
    from uv import find_uv_bin

    environment = dict(os.environ)
    # uv ignores pip's settings; without these links, torch is a CUDA build of several GB.
    if links := environment.get("PIP_FIND_LINKS"):
        environment.setdefault("UV_FIND_LINKS", ",".join(links.split()))
    subprocess.run([find_uv_bin(), "--quiet", *arguments], check=True, env=environment)


def create(file: Path, prefix: Path) -> None:
    """Build the environment of `file`; `prefix` exists only once it is complete.

    Raises
    ------
    Refusal
        If `file` needs a real conda, or `prefix` exists.
    """
    python, requirements = read_environment(file)
    if prefix.exists():
        raise Refusal(f"{prefix} exists: remove it to build it again")
    # Snakemake's mark of a complete environment stays if an environment is removed by hand.
    Path(f"{prefix}.env_setup_done").unlink(missing_ok=True)
    partial = Path(f"{prefix}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # Use this Python if it has the right version, so that uv does not search or download one.
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        python = sys._base_executable
    uv("venv", "--relocatable", "--python", python, str(partial))
    listing = partial / "requirements.txt"
    listing.write_text("".join(f"{requirement}\n" for requirement in requirements))
    uv("pip", "install", "--python", str(partial), "--requirement", str(listing))
    # With this file, a real conda installed later accepts the folder as an environment.
    (partial / "conda-meta").mkdir()
    (partial / "conda-meta" / "history").touch()
    partial.rename(prefix)


def main(arguments: list[str]) -> int:
    """Run one call and return its exit status."""
    try:
        call = parse(arguments)
        if call.action == "env":
            create(call.file, call.prefix)
    except Refusal as refusal:
        print(f"conda stand-in: {refusal}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(
            f"conda stand-in: {call.prefix} is not built, uv says why above: where there is no "
            "network, `make wheels` on a machine that has one, copy its folder wheels here, and "
            "`make envs WHEELS=wheels`; `make missing CONFIG=file` lists all that a run lacks",
            file=sys.stderr,
        )
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
