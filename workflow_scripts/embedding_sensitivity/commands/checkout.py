"""The checkout that a command works on: its Snakefile and its environments."""

import subprocess
import sys
from pathlib import Path

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.machine_limits import make_environment

# The metadata of a run's RO-Crate, and the copy of the Snakefile that it describes.
CRATE, CRATE_WORKFLOW = "ro-crate-metadata.json", "workflow/Snakefile"
# Made after a run from its results, so not outputs of rules.
MADE_LATER = ("report.html", ".report.html", ".audio.json", CRATE, CRATE_WORKFLOW)


def find_root() -> Path:
    """Return the folder of the Snakefile: above this library, or else the current one.

    Raises `InputError` if neither is a checkout.
    """
    for folder in (Path(__file__).resolve().parents[3], Path.cwd()):
        if (folder / "rules" / "common.smk").is_file():
            return folder
    raise InputError(
        "the current folder is not a checkout of the workflow: change into one (this library was "
        "installed without it)"
    )


def start_snakemake(*arguments: str | Path, **options) -> subprocess.Popen:
    """Start Snakemake in the current folder; its output is read from `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        env=make_environment(),
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def ask_environments(*arguments: str) -> str:
    """Run tools/environments.smk with the default profile; return what it prints."""
    given = ("--snakefile", find_root() / "tools" / "environments.smk", *arguments)
    with start_snakemake(*given, stderr=subprocess.PIPE) as process:
        said, errors = process.communicate()
    if process.returncode:
        sys.exit(errors)
    return said


def read_environments(said: str) -> dict[str, Path]:
    """Return the folder of each environment by its file, from the output of `--list-conda-envs`."""
    _, *rows = [line.split("\t") for line in said.splitlines() if line.count("\t") == 2]
    return {file: Path(folder).absolute() for file, _, folder in sorted(rows)}


def find_environments() -> dict[str, Path]:
    """Return the folder of each stack's environment, built or not, below the current folder."""
    folders = read_environments(ask_environments("--list-conda-envs", "--quiet"))
    return {Path(file).stem: folder for file, folder in folders.items()}


def is_built(folder: Path) -> bool:
    """Whether an environment is complete: Snakemake makes this file last."""
    return Path(f"{folder}.env_setup_done").exists()


def format_size(n_bytes: float) -> str:
    """Format a size for people: ``4 kB``, ``15.2 GB``."""
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} GB"
