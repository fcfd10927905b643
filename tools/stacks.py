"""Build and find the software stacks: the environments of `envs/`, and `workflow`, Snakemake's own.

As a program, builds missing environments (all, or those named) and prints each stack's Python.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedding_sensitivity.commands.checkout import ask_environments, find_environments, is_built

ROOT = Path(__file__).resolve().parents[1]


def _create(stack: str) -> None:
    start = time.monotonic()
    target = f".snakemake/never_made/{stack}"
    ask_environments("--conda-create-envs-only", "--cores", "1", "--nolock", target)
    print(
        f"Built envs/{stack}.yaml in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True
    )


def _at_a_time(n_missing: int) -> int:
    """Return how many environments to build in parallel: a real conda locks its folders."""
    version = subprocess.check_output(
        [Path(sys.executable).parent / "conda", "--version"], text=True
    )
    return n_missing if "stand-in" in version else 1


def find_needless_cuda(folders: Mapping[str, Path], devices: Path) -> str | None:
    """Say which environments have PyTorch's CUDA build, where there is no NVIDIA GPU."""
    if any(devices.glob("nvidia[0-9]*")) or (devices / "dxg").exists():  # the latter under WSL
        return None
    installed = "lib/python3.*/site-packages/nvidia_*.dist-info"
    large = [stack for stack, folder in folders.items() if any(folder.glob(installed))]
    if not large:
        return None
    return (
        f"warning: {', '.join(large)}: PyTorch's CUDA build is installed, some GB an environment, "
        "and this machine has no NVIDIA GPU: docs/models.md says how to have the CPU build"
    )


def build(*stacks: str) -> dict[str, Path]:
    """Return the Python of each stack, all or those named; build missing environments."""
    os.chdir(ROOT)  # environments are built below it
    folders = find_environments()
    folders = {stack: folders[stack] for stack in stacks or folders}
    # Only if needed: Snakemake takes seconds to start.
    if missing := [stack for stack, folder in folders.items() if not is_built(folder)]:
        print(f"Building environments: {', '.join(missing)}", file=sys.stderr, flush=True)
        with ThreadPoolExecutor(_at_a_time(len(missing))) as pool:
            list(pool.map(_create, missing))
    if warning := find_needless_cuda(folders, Path("/dev")):
        print(warning, file=sys.stderr, flush=True)
    pythons = {stack: folder / "bin" / "python" for stack, folder in folders.items()}
    return pythons | {"workflow": Path(sys.executable)}


if __name__ == "__main__":
    for stack, python in build(*sys.argv[1:]).items():
        print(stack, python, sep="\t")
