"""Run tests/STACK with the Python of each stack, all of them even where one fails.

Usage: run_tests.py [STACK ...], by default every stack. A suite of SLOW runs when it is named.
"""

import os
import subprocess
import sys

from stacks import ROOT, build

# Suites that `make test` leaves out, each with the stack whose Python runs it.
SLOW = {"slurm": "workflow"}

# Last on the path: a test uses what its environment has, and pytest only where that has none.
PYTEST = f"""
import sys
sys.path.append({str(ROOT / ".test-tools")!r})
import pytest
from hypothesis import settings
# The same examples in every run: a run that fails must fail again for whoever looks into it.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")
sys.exit(pytest.main())
"""


def main(chosen: list[str]) -> int:
    """Run the suites of the stacks named, or of all; return how many failed."""
    pythons = build()
    default = list(pythons)
    pythons |= {suite: pythons[stack] for suite, stack in SLOW.items()}
    if unknown := set(chosen) - set(pythons):
        sys.exit(f"no stack {', '.join(sorted(unknown))}: there are {', '.join(sorted(pythons))}")
    # One thread a process: sums come out in one order, and results do not depend on the machine.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    statuses = {}
    for stack in chosen or default:
        print(f"== tests/{stack} ==", flush=True)
        command = [pythons[stack], "-P", "-c", PYTEST, f"tests/{stack}"]
        statuses[stack] = subprocess.run(command, cwd=ROOT, env=environment).returncode
    print("".join(f"tests/{s}: {'failed' if code else 'ok'}\n" for s, code in statuses.items()))
    return sum(map(bool, statuses.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
