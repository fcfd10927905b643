"""Fetch the packages of all environments into wheels/, to build them without a network.

Usage: wheels.py. Fetches the versions in this machine's environments, for machines of this kind.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from stacks import ROOT, build

# The requirements in a post-deploy script.
REQUIREMENTS = re.compile(r"<<'EOR'\n(.*?)^EOR$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9_.-]+")


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch(python: str | Path, post_deploy: Path, folder: Path) -> None:
    """Fetch an environment's packages as wheels, and what its post-deploy script pins."""
    text = post_deploy.read_text(encoding="utf-8") if post_deploy.exists() else ""
    pinned = "".join(REQUIREMENTS.findall(text))
    own = {normalise(NAME.match(line)[0]) for line in pinned.splitlines()}
    frozen = subprocess.check_output(
        [python, "-I", "-m", "pip", "list", "--format=freeze", "--exclude-editable"], text=True
    )
    listed = [line for line in frozen.splitlines() if normalise(NAME.match(line)[0]) not in own]
    _pip(python, "wheel", "\n".join(listed), "--wheel-dir", folder)
    if pinned:
        # The files with these hashes, which may be source archives.
        options = ("--require-hashes", "--no-build-isolation", "--no-cache-dir")
        _pip(python, "download", pinned, "--dest", folder, *options)


def _pip(python: str | Path, action: str, requirements: str, *options: str | Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        command = [python, "-I", "-m", "pip", action, "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", *options, "--requirement", file.name]
        if subprocess.run(command).returncode:
            sys.exit("error: not every package could be fetched: pip says why above")


if __name__ == "__main__":
    wheels = ROOT / "wheels"
    for stack, python in build().items():
        print(f"Fetching the packages of {stack}", flush=True)
        fetch(python, ROOT / "envs" / f"{stack}.post-deploy.sh", wheels)
    size = sum(path.stat().st_size for path in wheels.iterdir())
    print(f"{wheels}: {len(list(wheels.iterdir()))} packages, {size / 1e9:.1f} GB")
