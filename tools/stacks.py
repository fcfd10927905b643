"""Build and find the software stacks: the environments of `envs/`, and `workflow`, Snakemake's own.

As a program: builds the environments that are missing and prints each stack with its Python.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _environments(*arguments: str) -> str:
    """Run tools/environments.smk with the default profile; return what it prints."""
    own = Path(sys.executable).parent  # Snakemake, and the conda that tools/conda/bin links there
    result = subprocess.run(
        [own / "snakemake", "--snakefile", ROOT / "tools" / "environments.smk", *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{own}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    if result.returncode:
        sys.exit(result.returncode)  # Snakemake has said why
    return result.stdout


def find() -> dict[str, Path]:
    """Return the folder of each environment by its stack, built or not."""
    lines = _environments("--list-conda-envs", "--quiet").splitlines()
    rows = [line.split("\t") for line in lines if line.startswith("envs/")]
    return {Path(file).stem: ROOT / folder for file, _, folder in sorted(rows)}


def build() -> dict[str, Path]:
    """Return the Python of each stack, after building the environments that are missing."""
    folders = find()
    # The file Snakemake makes last. Asked first: it takes a second Snakemake to build.
    if not all(Path(f"{folder}.env_setup_done").exists() for folder in folders.values()):
        _environments("--conda-create-envs-only", "--cores", "1")
    pythons = {stack: folder / "bin" / "python" for stack, folder in folders.items()}
    return pythons | {"workflow": Path(sys.executable)}


if __name__ == "__main__":
    for stack, python in build().items():
        print(stack, python, sep="\t")
