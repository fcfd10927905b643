"""Fetch the packages of every environment into wheels/, to build them where there is no network.

Usage: wheels.py. What is fetched is what the environments here have, for machines of this kind.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from stacks import ROOT, build

# In a post-deploy script, what it hands to pip.
REQUIREMENTS = re.compile(r"<<'EOR'\n(.*?)^EOR$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9_.-]+")


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch(python: str | Path, post_deploy: Path, folder: Path) -> None:
    """Fetch what an environment has, with its pip: wheels, and what its post-deploy script pins."""
    text = post_deploy.read_text(encoding="utf-8") if post_deploy.exists() else ""
    pinned = "".join(REQUIREMENTS.findall(text))
    own = {normalise(NAME.match(line)[0]) for line in pinned.splitlines()}
    frozen = subprocess.check_output(
        [python, "-I", "-m", "pip", "list", "--format=freeze", "--exclude-editable"], text=True
    )
    listed = [line for line in frozen.splitlines() if normalise(NAME.match(line)[0]) not in own]
    _pip(python, "wheel", "\n".join(listed), "--wheel-dir", folder)
    if pinned:
        # Files of these hashes, source archives too; pip looks into those as the script does.
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
