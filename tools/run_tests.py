"""Run tests/STACK with the Python of each stack, all of them even if one fails.

Usage: run_tests.py [--more | --all] [STACK ...], by default all stacks. Without an option it runs
tests that are not marked `more`; with --more the others and the suites of SLOW; with --all both.
"""

import os
import subprocess
import sys
from pathlib import Path
from threading import Semaphore, Thread

from stacks import ROOT, build

# Suites that `make test` leaves out, with the stack whose Python runs them.
SLOW = {"slurm": "workflow"}
# The suite that runs in several processes; in others, importing takes longer than the tests.
SHARED_OUT = "workflow"
# These first, from the longest on: the last of all keeps one core while the others have nothing.
LONGEST = (SHARED_OUT, "analysis", "torch", "audio", "tensorflow")
CHOICES = {"--more": ["-m", "more"], "--all": ["-m", ""]}
LOGS = ROOT / "logs" / "tests"
NO_TEST_CHOSEN = 5

# Last on the path, so that a test uses its environment's packages first. (Without tests/ itself:
# `import torch` would find the folder tests/torch.)
PYTEST = f"""
import sys
sys.path += [{str(ROOT / ".test-tools")!r}, {str(ROOT / "tests" / "plugins")!r}]
import pytest
sys.exit(pytest.main())
"""


class Suite(Thread):
    """Runs a suite in `n_processes`, prints and logs its output, then releases its `n_cores`."""

    def __init__(
        self,
        name: str,
        python: Path,
        options: list[str],
        n_processes: int,
        n_cores: int,
        free: Semaphore,
    ) -> None:
        super().__init__()
        self.name, self.n_cores, self.free = name, n_cores, free
        # The suite's conftest says which files begin first.
        shared = ["--numprocesses", str(n_processes), "--dist", "loadfile"]
        shared += ["--no-loadscope-reorder"]
        self.command = [python, "-P", "-c", PYTEST, "-p", "steady", "--durations", "20"]
        self.command += [*(shared if n_processes > 1 else ()), *options, f"tests/{name}"]
        self.status, self.said = 1, ""

    def run(self) -> None:
        # One thread in each process, so that sums have the same order on every machine.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        options = {"cwd": ROOT, "env": environment, "text": True, "stdout": subprocess.PIPE}
        with (
            open(LOGS / f"{self.name}.txt", "w", encoding="utf-8") as log,
            subprocess.Popen(self.command, stderr=subprocess.STDOUT, **options) as process,
        ):
            for line in process.stdout:
                print(f"{self.name}: {line}", end="", flush=True)
                log.write(line)
                self.said = line.strip(" =\n")
        self.status = 0 if process.returncode == NO_TEST_CHOSEN else process.returncode
        self.free.release(self.n_cores)


def main(arguments: list[str]) -> int:
    """Run the suites of some stacks, or of all; return how many failed."""
    options = [option for argument in arguments for option in CHOICES.get(argument, ())]
    chosen = [argument for argument in arguments if argument not in CHOICES]
    pythons = build()
    others = (stack for stack in pythons if stack not in LONGEST)
    default = [*(SLOW if options else ()), *LONGEST, *others]
    pythons |= {suite: pythons[stack] for suite, stack in SLOW.items()}
    if unknown := set(chosen) - set(pythons):
        sys.exit(f"no stack {', '.join(sorted(unknown))}: there are {', '.join(sorted(pythons))}")
    LOGS.mkdir(parents=True, exist_ok=True)

    n_cores = len(os.sched_getaffinity(0))
    # The shared one has a process a core even where a slow one has a core: that waits much of its
    # time, and all others together take less than the shared one does alone.
    n_left = max(1, n_cores - sum(name in SLOW for name in chosen or default))
    free, suites = Semaphore(n_cores), []
    for name in chosen or default:
        n_processes, n_taken = (n_cores, n_left) if name == SHARED_OUT else (1, 1)
        for _ in range(n_taken):
            free.acquire()
        suites.append(Suite(name, pythons[name], options, n_processes, n_taken, free))
        suites[-1].start()
    for suite in suites:
        suite.join()
    for suite in suites:
        result = "failed" if suite.status else "ok"
        print(f"tests/{suite.name}: {result}, {suite.said} ({LOGS / suite.name}.txt)")
    return sum(suite.status != 0 for suite in suites)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
