"""Memory and programs of the machine that Snakemake runs on."""

import os
import sys
from pathlib import Path

# Memory limits of a container, batch job or session (control groups, versions 2 and 1).
LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_mb(root: str | os.PathLike = "/") -> int:
    """Return this machine's memory, or its container's limit, in MB; `root` is for tests."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in LIMITS:
        file = Path(root, name)
        said = file.read_text().strip() if file.exists() else "max"
        limits += [int(said)] if said.isdigit() else []
    return min(limits) // 1_000_000


def find_programs_beside_python() -> None:
    """Put the folder of this Python first on PATH, as activating its environment would.

    Snakemake called by its path, as from cron or an editor, then finds the conda beside it.
    """
    folder = str(Path(sys.executable).parent)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([folder, *(each for each in folders if each != folder)])
