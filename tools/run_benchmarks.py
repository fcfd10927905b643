"""Run bench/bench_*.py, each with the Python of the stack in its line `# environment: STACK`.

Usage: run_benchmarks.py [FILE ...], by default all benchmarks.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from stacks import ROOT, build


def main(files: list[Path]) -> int:
    """Run some benchmarks; return how many failed."""
    pythons = build()
    # One core each; PYTHONPATH is what Snakemake sets for scripts.
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT / "workflow_scripts"),
        # TensorFlow warns about each layer of the package musicnn.
        "PYTHONWARNINGS": "ignore",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with tempfile.TemporaryDirectory() as clips:
        material = [pythons["audio"], ROOT / "bench" / "material.py", clips]
        subprocess.run(material, cwd=ROOT, env=environment, check=True)
        return run(files, pythons, environment | {"BENCH_CLIPS": clips})


def place(python: Path, environment: dict[str, str]) -> str:
    """Describe the processor, and the kernels of a stack's NumPy and SciPy."""
    script = """
import importlib.util, sys
sys.path.append("bench")
for module in ("numpy", "scipy.linalg"):
    if importlib.util.find_spec(module.partition(".")[0]):
        __import__(module)
import material
print(material.describe_machine())
"""
    command = [python, "-c", script]
    return subprocess.check_output(command, cwd=ROOT, env=environment, text=True).strip()


def run(files: list[Path], pythons: dict[str, Path], environment: dict[str, str]) -> int:
    """Run benchmarks, each with its stack's Python; return how many failed."""
    failed = 0
    for file in files:
        stack = re.search(r"^# environment: (\w+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        if not stack or stack[1] not in pythons:
            sys.exit(f"{file}: add a line `# environment: STACK`, one of {', '.join(pythons)}")
        print(f"== {file.stem} ({place(pythons[stack[1]], environment)}) ==", flush=True)
        failed += bool(
            subprocess.run([pythons[stack[1]], file], cwd=ROOT, env=environment).returncode
        )
    return failed


if __name__ == "__main__":
    sys.exit(
        main([Path(name) for name in sys.argv[1:]] or sorted((ROOT / "bench").glob("bench_*.py")))
    )
