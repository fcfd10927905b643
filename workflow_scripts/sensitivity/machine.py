"""What the machine has that Snakemake runs on. Standard library only."""

import os
from pathlib import Path

# Where Linux says what a container, batch job or session may use (control groups, version 2 and 1).
LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_mb(root: str | os.PathLike = "/") -> int:
    """This machine's memory, or what its container may use of it, in MB; `root` is for tests."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in LIMITS:
        file = Path(root, name)
        said = file.read_text().strip() if file.exists() else "max"
        limits += [int(said)] if said.isdigit() else []
    return min(limits) // 1_000_000
