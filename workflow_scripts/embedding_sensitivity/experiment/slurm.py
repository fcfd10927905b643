"""What an earlier run left in Slurm's queue."""

import re
import subprocess
from pathlib import Path

from embedding_sensitivity.files.errors import InputError

# What Snakemake's Slurm plugin names the jobs of a run: a UUID, after a prefix where one is set.
RUN = re.compile(r"(.*_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def refuse_jobs_left(folder: str) -> None:
    """Refuse to start while jobs of another run from `folder` are in the queue.

    A run that is killed leaves its jobs behind. They would write the files that the next run
    writes, at the same time and by way of the same temporary names.

    Raises
    ------
    InputError
        Naming the jobs; or what squeue says, where it fails.
    """
    command = ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode:
        said = " ".join(asked.stderr.split())
        raise InputError(f"squeue, asked for what an earlier run left, says: {said}")
    jobs = [line.split("|", 2) for line in asked.stdout.splitlines()]
    here = Path(folder).resolve()
    left = [
        job
        for job, name, started in jobs
        if RUN.fullmatch(name) and Path(started).resolve() == here
    ]
    if left:
        raise InputError(
            f"{len(left)} Slurm jobs of another run are in the queue that started in this folder: "
            "they would write what this one writes. If that run is dead, wait for them or "
            f"cancel them: scancel {' '.join(left)}"
        )
