"""The Python of another environment of the same checkout, for what a package makes there."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def python_of(stack: str) -> str:
    """Return the path of the Python of ``envs/<stack>.yaml``, which `make test` has made."""
    command = [ROOT / ".venv" / "bin" / "python", ROOT / "tools" / "stacks.py"]
    said = subprocess.check_output(command, text=True)
    return dict(line.split("\t") for line in said.splitlines())[stack]
