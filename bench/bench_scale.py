# environment: workflow
"""IRMAS's size on this machine: the audio stage and `logmel`, two levels of each effect.

As many clips as the paper embeds are rendered from the demo's soundfont, then effected, embedded
and assembled, in a temporary folder of some 8 GB. Printed: how long each stage took, the largest
memory of its jobs (and for a quarter of the clips), the most effected audio that lay on disk at a
time, and how long Snakemake takes to plan the paper's own run with nothing done yet.
"""

import csv
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
LABELS = (
    "cello", "clarinet", "flute", "guitar_acc", "guitar_ele", "organ", "piano", "saxophone",
    "trumpet", "violin", "voice",
)  # fmt: skip
TRAIN, TEST = 288, 152  # a label: 4840 clips; the paper has 4834
LEVELS = {"gain": [-20, 5], "lowpass": [1600, 6400], "reverb": [0.1, 1], "bitcrush": [4, 8]}
STAGES = {"render_demo_clips": "rendering clips", "index_clips": "index"}


def run_snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the checkout's workflow with its environments, results below `folder`."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--directory", str(folder)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--conda-prefix"]
    command += [str(ROOT / ".snakemake" / "conda"), *arguments]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-4000:])
    return done


def watch(folder: Path, stop: threading.Event, largest: list[int]) -> None:
    """Keep the largest number of bytes of effected audio in `folder` at a time."""
    while not stop.wait(0.1):
        sizes = []
        for path in folder.rglob("*.h5*"):
            try:
                sizes.append(path.stat().st_blocks * 512)
            except FileNotFoundError:  # removed since it was listed
                continue
        largest[0] = max(largest[0], sum(sizes))


def find_stage(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder).parts
    if parts[0] == "audio":
        return f"rendering {parts[1]}"
    if parts[0] == "embeddings":
        return "assembling" if path.stem == "assemble" or len(parts) == 2 else "embedding logmel"
    return STAGES[path.stem]


def measure(train: int, test: int) -> tuple[dict[str, list[float]], int, float]:
    """Run the workflow; return seconds and MB by stage, the largest audio, and all seconds."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = {
            "experiment": "scale",
            "data": {"source": "demo", "labels": list(LABELS), "train": train, "test": test},
            "labels": list(LABELS),
            "effects": {name: {"levels": levels} for name, levels in LEVELS.items()},
            "models": {"logmel": {}},
            "levels_per_job": 2,
        }
        (folder / "scale.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        stop, largest = threading.Event(), [0]
        audio = folder / "results" / "scale" / "audio"
        watcher = threading.Thread(target=watch, args=(audio, stop, largest))
        watcher.start()
        start = time.perf_counter()
        try:
            file = str(folder / "scale.yaml")
            run_snakemake(folder, "--configfile", file, "--", "results/scale/embeddings/logmel.h5")
        finally:
            stop.set()
            watcher.join()
        seconds = time.perf_counter() - start
        stages = defaultdict(lambda: [0.0, 0.0, 0.0])
        measured = folder / "benchmarks" / "scale"
        for path in sorted(measured.rglob("*.tsv")):
            with open(path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t"):
                    stage = stages[find_stage(path, measured)]
                    stage[0] += float(row["s"])
                    stage[1] += float(row["cpu_time"])
                    stage[2] = max(stage[2], float(row["max_rss"]))
        return dict(stages), largest[0], seconds


def report_plan() -> None:
    """Print how many jobs the paper's own run has, and how long a dry run of it takes."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = run_snakemake(
            Path(folder), "--configfile", str(ROOT / "config.yaml"), "--dry-run", "--quiet", "rules"
        )
        seconds = time.perf_counter() - start
    jobs = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("total"))
    print(f"dry run of config.yaml: {jobs} jobs in {seconds:.1f} s")


def main() -> None:
    """Print the figures."""
    report_plan()
    quarter, _, _ = measure(TRAIN // 4, TEST // 4)
    whole, audio, seconds = measure(TRAIN, TEST)
    clips = len(LABELS) * (TRAIN + TEST)
    print(f"{clips} clips, {len(LEVELS)} effects at 2 levels, 2 cores: {seconds:.0f} s in all")
    print(f"{'stage':24} {'wall s':>8} {'CPU s':>8} {'MB':>6} {'MB at a quarter':>16}")
    for stage, (wall, cpu, memory) in sorted(whole.items()):
        print(f"{stage:24} {wall:8.1f} {cpu:8.1f} {memory:6.0f} {quarter[stage][2]:16.0f}")
    batch = clips * 2 * 3 * 44100 * 2 * 2
    print(f"effected audio on disk at a time: {audio / 1e9:.2f} GB (a batch is {batch / 1e9:.2f})")


if __name__ == "__main__":
    main()
