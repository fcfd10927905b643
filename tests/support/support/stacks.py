"""The Python of another environment of the same checkout, for what a package makes there."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def python_of(stack: str) -> str:
    """Return the path of the Python of ``envs/<stack>.yaml``; skip where nothing finds it."""
    workflow = ROOT / ".venv" / "bin" / "python"
    if not workflow.exists():
        pytest.skip("no .venv, which finds the other environment: run `make test`")
    said = subprocess.check_output([workflow, ROOT / "tools" / "stacks.py"], text=True)
    return dict(line.split("\t") for line in said.splitlines())[stack]
