# environment: workflow
"""Where the demo's time goes: the jobs of the last `make demo`, by stage.

Read from what Snakemake measured of each job (benchmarks/demo); run `make demo` first.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

FOLDER = Path("benchmarks", "demo")


def find_stage(path: Path) -> str:
    """Return the stage of a job, from the path of its benchmark file."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    if parts[-1] == "assemble" or (parts[0] == "embeddings" and len(parts) == 2):
        return "assembling stores"
    if parts[0] == "embeddings":
        return f"embedding, {parts[1]}"
    if parts[0] == "audio":
        return f"rendering, {parts[1]}"
    if parts[0] == "analysis":
        return parts[-1].partition("_")[0]
    return parts[0]


def main() -> None:
    """Print the number of jobs, their wall and CPU seconds and the largest memory of each stage."""
    stages = defaultdict(list)
    for path in sorted(FOLDER.rglob("*.tsv")):
        with open(path, encoding="utf-8", newline="") as file:
            stages[find_stage(path)] += list(csv.DictReader(file, delimiter="\t"))
    if not stages:
        sys.exit(f"error: {FOLDER} has no measurements: run `make demo` first")
    print(f"{'stage':32} {'jobs':>5} {'wall s':>8} {'CPU s':>8} {'MB':>6}")
    totals = [0, 0.0, 0.0]
    for stage, rows in sorted(stages.items()):
        wall = sum(float(row["s"]) for row in rows)
        cpu = sum(float(row["cpu_time"]) for row in rows if row["cpu_time"] != "NA")
        memory = max((float(row["max_rss"]) for row in rows if row["max_rss"] != "NA"), default=0)
        print(f"{stage:32} {len(rows):5} {wall:8.1f} {cpu:8.1f} {memory:6.0f}")
        totals = [totals[0] + len(rows), totals[1] + wall, totals[2] + cpu]
    print(f"{'all of these':32} {totals[0]:5} {totals[1]:8.1f} {totals[2]:8.1f}")
    report_hardness()


def report_hardness() -> None:
    """Print MusiCNN's test AUC on uneffected clips; fail where the demo is too easy or hopeless."""
    with open(Path("results", "demo", "tables", "auc.csv"), encoding="utf-8", newline="") as file:
        areas = {
            row["label"]: float(row["roc_auc"])
            for row in csv.DictReader(file)
            if (row["model"], row["method"]) == ("musicnn", "none")
            and row["train"] == row["test"] == "original"
        }
    mean = sum(areas.values()) / len(areas)
    print("musicnn, uneffected test AUC: ", *(f"{k} {v:.3f}" for k, v in areas.items()), sep="  ")
    print(f"mean {mean:.3f}, expected between 0.90 and 0.99")
    if not 0.90 <= mean <= 0.99:
        sys.exit("error: the demo is too easy or too hard: change data.accompaniment_db")


if __name__ == "__main__":
    main()
