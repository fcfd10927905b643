"""Build and find the software stacks: the environments of `envs/`, and `workflow`, Snakemake's own.

As a program: builds the environments that are missing, all or those named, and prints each stack
with its Python.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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
    given = ("--snakefile", ROOT / "tools" / "environments.smk", *arguments)
    with snakemake(*given, stderr=subprocess.PIPE) as process:
        said, errors = process.communicate()
    if process.returncode:
        sys.exit(errors)  # what Snakemake says of it
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


def _create(stack: str) -> None:
    start = time.monotonic()
    target = f".snakemake/never_made/{stack}"
    _environments("--conda-create-envs-only", "--cores", "1", "--nolock", target)
    print(
        f"Built envs/{stack}.yaml in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True
    )


def _at_a_time(n_missing: int) -> int:
    """The stand-in for conda builds environments beside each other; a real conda has its locks."""
    version = subprocess.check_output(
        [Path(sys.executable).parent / "conda", "--version"], text=True
    )
    return n_missing if "stand-in" in version else 1


def build(*stacks: str) -> dict[str, Path]:
    """Return the Python of each stack, of all or those named; build the environments missing."""
    folders = find()
    folders = {stack: folders[stack] for stack in stacks or folders}
    # Asked first: it takes Snakemake seconds to build.
    if missing := [stack for stack, folder in folders.items() if not is_built(folder)]:
        print(f"Building environments: {', '.join(missing)}", file=sys.stderr, flush=True)
        with ThreadPoolExecutor(_at_a_time(len(missing))) as pool:
            list(pool.map(_create, missing))
    pythons = {stack: folder / "bin" / "python" for stack, folder in folders.items()}
    return pythons | {"workflow": Path(sys.executable)}


if __name__ == "__main__":
    for stack, python in build(*sys.argv[1:]).items():
        print(stack, python, sep="\t")
