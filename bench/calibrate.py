# environment: analysis
"""What the tables say of simulated worlds, beside the truth: writes docs/calibration.md.

    make calibrate                      all parts, 1000 experiments a world, 500 at the paper's size
    make calibrate SEEDS=100 PARTS="worlds_demo nulls"

Experiments are drawn and measured by tests/support/support/calibration.py, through the functions
that fill the workflow's tables. Each part keeps its counts in build/calibration/. Sections of parts
that have counts there are written; others stay as the document has them.
"""

import argparse
import csv
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import Pool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import material
import numpy as np
from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis import statistics
from support.calibration import (
    NEW,
    NULL_WORLDS,
    Size,
    covers,
    try_classifiers,
    try_experiment,
    try_nulls,
    try_recovery,
)
from support.worlds import WORLDS, World

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "calibration"
DOCUMENT = ROOT / "docs" / "calibration.md"
DIMENSION, N_LEVELS = 24, 6
SIZES = {
    "demo": Size(3, (12, 2), (4, 2)),
    "twelve": Size(3, (12, 2), (12, 2)),
    "paper": Size(2, (72, 4), (45, 4)),
}
# Of each world so strong that answers lie off their ends.
STRENGTHS = {"straight": 1.0, "curved": 1.2, "saturating": 1.0, "own": 2.0, "rotation": 0.7,
             "scatter": 1.0, "walk": 0.3, "clusters": 0.5, "alike": 0.5,
             "nothing": 0.0}  # fmt: skip
# Of a straight world, for R2 of about 0, .4, .7 and .8.
R2 = {"R2 0": 0.0, "R2 .4": 0.55, "R2 .7": 1.1, "R2 .8": 1.6}
# Draws of a null: p-values of 19 and of 999 both reject 5 % exactly, where the null holds.
N_DRAWS = 19
MIN_COVERED, MAX_COVERED, MAX_REJECTED = 0.90, 0.98, 0.07
# Truths off the ends of their scales, at which coverage over 98 % can't be avoided.
INSIDE, INSIDE_LEVELS = (0.1, 0.95), (1, N_LEVELS)


@dataclass
class Tally:
    """What was found of one cell: of values with and without an interval, or of p-values."""

    truths: list[float] = field(default_factory=list)
    said: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)

    def row(self) -> dict:
        said = [value for value in self.said if value is not None]
        return {
            "n": len(self.said),
            "truth": np.median(self.truths) if self.truths else "",
            "said": np.median(said) if said else "",
            "n_intervals": len(self.covered),
            "rate": np.mean(self.covered) if self.covered else "",
        }


def set_draws(n_draws: int) -> None:
    statistics.N_DRAWS = statistics.N_DRAWS_R2 = n_draws
    threadpool_limits(1)


def run_cell(pool: Pool, try_one, n_seeds: int) -> dict[str, Tally]:
    """Tallies of `n_seeds` experiments by name; those of nulls begin with ``p``."""
    found = defaultdict(Tally)
    for cells, p_values in pool.imap_unordered(try_one, range(n_seeds), chunksize=5):
        for cell in cells:
            tally = found[cell.name]
            tally.truths.append(cell.truth)
            tally.said.append(cell.said)
            if cell.low is not None:
                tally.covered.append(covers(cell))
        for name, values in p_values.items():
            found[" ".join(("p", *name))].said += values
            found[" ".join(("p", *name))].covered += [p <= 0.05 for p in values]
    return found


def plan_parts() -> dict[str, dict[str, partial]]:
    """By part, and in it by world, a function from a seed to an experiment's cells."""
    world = partial(World, dimension=DIMENSION, n_levels=N_LEVELS)
    parts = {}
    for name, size in SIZES.items():
        parts[f"worlds_{name}"] = {
            kind: partial(try_experiment, world(kind, strength=STRENGTHS[kind]), size)
            for kind in WORLDS
        }
        straight = partial(world, "straight")
        unequal = [straight(strength=strength, spread=0.5) for strength in R2.values()][1:]
        parts[f"worlds_{name}"]["unequal labels"] = partial(try_experiment, unequal, size)
        if name != "demo":  # whose labels have no intervals
            parts[f"r2_{name}"] = {
                f"{aim}, slopes {spread}": partial(
                    try_experiment, straight(strength=R2[aim], spread=spread), size
                )
                for aim, spread in [*((aim, 0.2) for aim in R2), ("R2 .7", 0.5), ("R2 .7", 0.8)]
            }
    parts["nulls"] = {
        f"{kind}, {clips} clips, shared {shared}": partial(
            try_nulls, world(kind, strength=STRENGTHS[kind], shared=shared), (12, clips)
        )
        for kind in ("nothing", "clusters", "own")
        for clips in (1, 2, 4)
        for shared in (0.0, 0.3, 0.8)
    }
    # Of fewer dimensions, and so strong, that clips lose their originals within the levels.
    parts["threshold"] = {
        f"{kind}, {size.n_labels} x {size.test[0]} recordings": partial(
            try_experiment,
            World(kind, n_levels=N_LEVELS, dimension=8, strength=strength, spread=0.4),
            size,
            measures=("retrieval",),
        )
        for kind, strength in (("straight", 1.2), ("own", 1.0), ("walk", 0.2))
        for size in (replace(SIZES["twelve"], n_labels=1), SIZES["twelve"], SIZES["paper"])
    }
    for name, training in (("twelve", (12, 2)), ("paper", (24, 4))):
        parts[f"classifiers_{name}"] = {
            kind: partial(
                try_classifiers,
                world(kind, strength=STRENGTHS[kind]),
                Size(3, training, SIZES[name].test),
            )
            for kind in ("straight", "own", "nothing")
        }
        # So strong that the effect costs a classifier of originals something.
        parts[f"recovery_{name}"] = {
            f"{kind}, strength {strength}": partial(
                try_recovery,
                world(kind, strength=strength),
                Size(3, training, SIZES[name].test),
            )
            for kind, strength in (("straight", 1.0), ("straight", 3.0), ("own", 3.0))
        }
    return parts


def run_part(part: str, worlds: dict, n_seeds: int) -> None:
    """Count, and keep the counts in a file."""
    start, rows = time.time(), []
    n_draws = 1 if part.startswith("r2") else N_DRAWS
    with Pool(os.cpu_count(), set_draws, (n_draws,)) as pool:
        for name, try_one in worlds.items():
            for cell, tally in run_cell(pool, try_one, n_seeds).items():
                if n_draws == 1 and cell.startswith("p "):
                    continue  # a p-value of one draw
                rows.append({"world": name, "cell": cell, "seeds": n_seeds, **tally.row()})
            keep_rows(KEPT / f"{part}.csv", rows)
            print(f"{part}: {name} ({time.time() - start:.0f} s)", flush=True)


def keep_rows(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


HEAD = """# Calibration

This page has what the tables say of simulated worlds whose answer is known
(tests/support/support/worlds.py). It has how often 95 % intervals contain the truth, and how often
nulls are rejected. `make calibrate` writes it through the functions that fill the workflow's own
tables (each measure's `measure` and `conclude`): edit bench/calibrate.py, not this file. Each
section says how many experiments a world it is of, with seeds from 0 on, and the machine.

A truth is what the same fitted direction, map, classifier or gallery gives on {new} times as many
new recordings. It is the estimand of the intervals ([measures.md](measures.md)). Its own error
takes 1 to 3 % off the coverage. Every experiment is a world of its own, with other directions,
places of levels and recordings. Clips have {dimension} dimensions and {levels} levels. Nulls have
{draws} draws in place of 999, which costs power and moves no level: with either, a true null is
rejected in exactly 5 %. Counts are of values: three labels an experiment, or two at *paper*.

| size | labels | training recordings x clips | test recordings x clips |
|---|---|---|---|
{sizes}

"""
# Columns of a document's table, by the part of a cell's name that is of a label and of means.
MEASURES = {
    "a label": (
        "regularised.rho_ridge", "regularised.rho_within", "global_r2.r2_test",
        "equivariance.equivariance", "equivariance.predicted", "dimensionality.energy_3",
        "recovery.pooled_auc", "recovery.gain", "recovery.headroom", "recovery.recovered",
    ),
    "means over labels": (
        "r2_means.mean_rho_ridge", "r2_means.mean_rho_within", "r2_means.mean_test",
        "samplewise_mean.rho_heldout_levels",
        "equivariance_mean.equivariance", "equivariance_mean.predicted",
        "dimensionality_mean.energy_3", "threshold_90.threshold_90",
        "recovery_mean.gain", "recovery_mean.headroom", "recovery_mean.recovered",
    ),
}  # fmt: skip
SHORT = "Cells that fall short"
TITLES = {
    "worlds_demo": "Worlds at the demo's numbers of recordings and clips",
    "worlds_twelve": "Worlds at 12 test recordings a label",
    "worlds_paper": "Worlds at the paper's numbers of recordings and clips",
    "r2_twelve": "A straight response, by its R2, at 12 test recordings",
    "r2_paper": "A straight response, by its R2, at 45 test recordings",
    "threshold": "Where clips lose their originals",
    "nulls": "Nulls, one label of 12 recordings, by clips of a recording and what they share",
    "classifiers_twelve": "Classifiers at 12 test recordings",
    "classifiers_paper": "Classifiers at 45 test recordings",
    "recovery_twelve": "What projecting out regains, at 12 test recordings",
    "recovery_paper": "What projecting out regains, at 45 test recordings",
}


def write_document() -> None:
    """Make the document: sections of the counts that are kept, and others as it has them."""
    found = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]
    sections = dict(section.split("\n\n", 1) for section in found)
    short = [line for line in sections[SHORT].splitlines() if line.startswith("- ")]
    machine = material.describe_machine()
    text, lines = "", []
    for part, title in TITLES.items():
        if (KEPT / f"{part}.csv").exists():
            with open(KEPT / f"{part}.csv", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            lines += find_short(part, rows)
            how = f"{rows[0]['seeds']} experiments a world, on {machine}."
            sections[title] = "\n".join([how, "", *tables_of(rows)])
        else:
            lines += [line for line in short if line.startswith(f"- {part},")]
        if title in sections:
            text += f"## {title}\n\n{sections[title].rstrip()}\n\n"
    sizes = "\n".join(
        f"| {name} | {size.n_labels} | {size.training[0]} x {size.training[1]} "
        f"| {size.test[0]} x {size.test[1]} |"
        for name, size in SIZES.items()
    )
    head = HEAD.format(new=NEW, sizes=sizes, dimension=DIMENSION, levels=N_LEVELS, draws=N_DRAWS)
    text = head + describe_short(lines) + text
    DOCUMENT.write_text(text.rstrip() + "\n", encoding="utf-8")


def tables_of(rows: list[dict]) -> Iterator[str]:
    """Lines of the tables of one part: values of labels, of means, and rejections of nulls."""
    cells = {(row["world"], row["cell"]): row for row in rows}
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    names = list(dict.fromkeys(row["cell"] for row in rows))
    known = [name for columns in MEASURES.values() for name in columns]
    others = tuple(name for name in names if name not in known and not name.startswith("p "))
    for of, columns in (*MEASURES.items(), ("classifiers", others)):
        if columns := [name for name in columns if name in names]:
            yield f"Of {of}: truth and the tables' value (medians), coverage of the 95 % interval."
            yield from table(worlds, columns, lambda *key: value_of(cells.get(key)))
    if tests := [name for name in names if name.startswith("p ")]:
        yield "Share of p-values of at most 0.05: in bold where the null holds, else its power."
        yield from table(worlds, tests, lambda *key: test_of(cells.get(key)))


def table(worlds: list[str], columns: list[str], text_of) -> Iterator[str]:
    titles = [name.rpartition(".")[2].removeprefix("p ") for name in columns]
    yield f"\n| world | {' | '.join(titles)} |\n|---|{'---|' * len(columns)}"
    for world in worlds:
        yield f"| {world} | {' | '.join(text_of(world, name) for name in columns)} |"
    yield ""


def value_of(row: dict | None) -> str:
    if row is None:
        return ""
    said = " ".join(number(row[name]) for name in ("truth", "said"))
    few = int(row["n_intervals"]) < int(row["n"])
    empty = f" ({1 - int(row['n_intervals']) / int(row['n']):.0%} cannot tell)" if few else ""
    return f"{said}, {float(row['rate']):.3f}{empty}" if row["rate"] else f"{said}, cannot tell"


def test_of(row: dict | None) -> str:
    if row is None:
        return ""
    return f"**{float(row['rate']):.3f}**" if holds(row) else f"{float(row['rate']):.3f}"


def holds(row: dict) -> bool:
    """Whether what a null says is true in the world of a row."""
    return row["world"].partition(",")[0] in NULL_WORLDS[row["cell"].rpartition(" ")[2]]


def is_inside(row: dict) -> bool:
    low, high = INSIDE_LEVELS if "threshold" in row["cell"] else INSIDE
    return low < abs(float(row["truth"])) < high


def number(text: str) -> str:
    return f"{float(text):.2f}".replace("-0.00", "0.00") if text else "-"


def find_short(part: str, rows: list[dict]) -> list[str]:
    """Say which cells fall short of what is wanted, by more than chance."""
    lines = []
    for row in rows:
        if not row["rate"]:
            continue
        rate, n = float(row["rate"]), int(row["n_intervals"])
        where = f"- {part}, {row['world']}: {row['cell'].removeprefix('p ')}"
        low, high = (
            bound + sign * np.sqrt(bound * (1 - bound) / n)
            for bound, sign in ((MIN_COVERED, -1), (MAX_COVERED, 1))
        )
        if row["cell"].startswith("p "):
            chance = np.sqrt(MAX_REJECTED * (1 - MAX_REJECTED) / n)
            if holds(row) and rate > MAX_REJECTED + chance:
                lines.append(f"{where} rejects {rate:.3f} of {n}")
        elif rate < low:
            lines.append(f"{where} covers {rate:.3f} of {n}")
        elif rate > high and is_inside(row):
            lines.append(f"{where} covers {rate:.3f} of {n}: wider than need be")
    return lines


def describe_short(lines: list[str]) -> str:
    """The section of cells that fall short."""
    said = "\n".join(lines) or "None."
    return f"""## {SHORT}

A cell falls short if coverage is under {MIN_COVERED:.0%}, or over {MAX_COVERED:.0%} away from an
end of the scale. It also does if a true null is rejected in over {MAX_REJECTED:.0%}. Each is by
more than one standard error of these counts (some of a hundred cells are, by chance):

{said}

What can't tell has an empty interval in the tables. One rule decides, in the first lines of
`analysis/intervals.py`: under 6 recordings of a label, under 12 of all labels, or recordings that
are copies of each other. `common` is not asked under 5 levels. Responses may differ in length
between recordings by a factor of 2 and more (slopes 0.8: the standard deviation of the logarithm).
The recordings that decide a share of energy, or that are not in order, may then not be among 12.
They count as fewer (docs/measures.md, Intervals), which makes intervals wide.

"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("seeds", type=int, help="experiments a world; 0: only the document is made")
    parser.add_argument("parts", nargs="*", help="all that there are, if none is named")
    arguments = parser.parse_args()
    seeds, chosen = arguments.seeds, arguments.parts
    if seeds < 0:
        parser.error(f"seeds is {seeds}, expected more than 0, or 0 to write the document alone")
    if unknown := set(chosen) - set(TITLES):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(TITLES)}")
    for part, worlds in plan_parts().items():
        if seeds and (not chosen or part in chosen):
            # At the paper's size two labels an experiment, so as many values as seeds.
            run_part(part, worlds, max(1, seeds // 2) if part.endswith("paper") else seeds)
    write_document()
