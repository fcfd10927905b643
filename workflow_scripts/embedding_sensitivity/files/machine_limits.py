"""Memory and programs of the machine that Snakemake runs on."""

import os
import re
import sys
from pathlib import Path

from embedding_sensitivity.files.errors import InputError

# Memory limits of a container, batch job or session (control groups, versions 2 and 1).
LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")

# What a path may not have in it where it stands in a command without quotes (the Makefile and
# tools/conda refuse the same).
ODD_SIGN = re.compile(r"[^\w/.+=@~-]")


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


# In front of each job's command, after Snakemake's own strict mode: how a user has set up Python,
# matplotlib and the locale changes no result. (Python reads and writes UTF-8 by its own variable.)
SHIELD = (
    "set -euo pipefail; unset ${{!PYTHON@}} MATPLOTLIBRC; "
    "export PYTHONNOUSERSITE=1 PYTHONHASHSEED=0 PYTHONUTF8=1 MPLBACKEND=agg LC_ALL=C;"
)


def check_encoding() -> None:
    """Refuse a locale in which Python takes names of files for other text than UTF-8."""
    if (found := sys.getfilesystemencoding()) != "utf-8":
        raise InputError(f"the locale's encoding is {found}: export PYTHONUTF8=1, and run again")


def make_environment() -> dict[str, str]:
    """Return the environment to start Snakemake in: without the user's settings of Python.

    But for where modules are; in UTF-8; and with this Python's programs first on PATH.
    """
    find_programs_beside_python()
    kept = ("PYTHONPATH", "PYTHONHOME")
    own = {key: v for key, v in os.environ.items() if not key.startswith("PYTHON") or key in kept}
    return own | {"PYTHONUTF8": "1"}


def use_writable_cache() -> None:
    """Have caches in the current folder where those below HOME can't be written.

    Snakemake ends in a traceback without one; uv, matplotlib and numba look here too.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        writable = os.access(cache, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        os.environ["XDG_CACHE_HOME"] = str(Path(".snakemake/cache").absolute())
