"""Build and find the software stacks: the environments of `envs/`, and `workflow`, Snakemake's own.

As a program: builds the environments that are missing and prints each stack with its Python.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def snakemake(*arguments: str | Path, **options) -> subprocess.Popen:
    """Start Snakemake in the checkout; the text it prints is to be read from `stdout`."""
    own = Path(sys.executable).parent  # Snakemake, and the conda that tools/conda/bin links there
    return subprocess.Popen(
        [own / "snakemake", *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{own}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def _environments(*arguments: str) -> str:
    """Run tools/environments.smk with the default profile; return what it prints."""
    with snakemake("--snakefile", ROOT / "tools" / "environments.smk", *arguments) as process:
        said, _ = process.communicate()
    if process.returncode:
        sys.exit(process.returncode)  # Snakemake has said why
    return said


def read_list(said: str) -> dict[str, Path]:
    """The folder of each environment by its file, of what `--list-conda-envs` prints."""
    rows = [line.split("\t") for line in said.splitlines() if line.startswith("envs/")]
    return {file: ROOT / folder for file, _, folder in sorted(rows)}


def is_built(folder: Path) -> bool:
    """Whether an environment is complete, by the file that Snakemake makes last."""
    return Path(f"{folder}.env_setup_done").exists()


def find() -> dict[str, Path]:
    """Return the folder of each environment by its stack, built or not."""
    folders = read_list(_environments("--list-conda-envs", "--quiet"))
    return {Path(file).stem: folder for file, folder in folders.items()}


def build() -> dict[str, Path]:
    """Return the Python of each stack, after building the environments that are missing."""
    folders = find()
    # Asked first: it takes a second Snakemake to build.
    if not all(map(is_built, folders.values())):
        _environments("--conda-create-envs-only", "--cores", "1")
    pythons = {stack: folder / "bin" / "python" for stack, folder in folders.items()}
    return pythons | {"workflow": Path(sys.executable)}


if __name__ == "__main__":
    for stack, python in build().items():
        print(stack, python, sep="\t")
