# environment: analysis
"""Do the intervals of section III cover, and do its nulls hold their level? Simulated worlds.

    .venv/bin/python tools/run_benchmarks.py bench/calibrate_intervals.py [trials]

Through the functions that fill the workflow's tables: the regularised direction of training
recordings, its correlation on test recordings against that on 3000 new ones, and the three nulls.
"""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import numpy as np
from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis import statistics
from embedding_sensitivity.analysis.correlation import global_rho, project, within_clips
from embedding_sensitivity.analysis.intervals import (
    MIN_RECORDINGS_OF_LABELS,
    estimate_mean,
    estimate_rho,
    interval,
    interval_of_square,
    interval_within_clips,
    mean_estimate,
    mean_of_squares,
)
from embedding_sensitivity.analysis.ridge import fit_ridge
from support.worlds import World

# (recordings, clips each), of training and of test clips alike.
SIZES = ((12, 2), (45, 4))
STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0)
N_LABELS = 5
N_NEW = 3000


def try_label(world: World, size: tuple[int, int], new: np.ndarray, rng) -> dict:
    """A label's truths and estimates, its direction fitted to one sample and tried on another.

    `new` : (P, N, d), as many new recordings as tell the truth of a direction
    """
    _, training, groups = world.draw(*size, rng)
    _, test, test_groups = world.draw(*size, rng, prefix="t")
    weights, _ = fit_ridge(training, groups)
    along = project(test, weights)
    truth = new @ weights
    return {
        "truth": global_rho(truth),
        "within": float(np.nanmean(within_clips(truth))),
        "rho": estimate_rho(along, test_groups),
        "share": estimate_mean((1 + within_clips(along)) / 2, test_groups),
        "n_clips": len(test_groups),
    }


def covers(ends, truth: float) -> bool:
    return ends[0] is not None and ends[0] - 1e-9 <= truth <= ends[1] + 1e-9


def cover(world: World, size: tuple[int, int], n_trials: int) -> str:
    """Coverage of the intervals of a label, and of the mean over labels of unequal strength."""
    rng = np.random.default_rng(1)
    found = {"rho_ridge": [], "r2": [], "rho_within": [], "mean rho": [], "mean r2": []}
    truths = []
    _, new, _ = world.draw(N_NEW, 1, np.random.default_rng(3))
    for _ in range(n_trials):
        labels = [try_label(world, size, new, rng) for _ in range(N_LABELS)]
        one = labels[0]
        truths.append(one["truth"])
        found["rho_ridge"].append(covers(interval(one["rho"]), one["truth"]))
        found["r2"].append(covers(interval_of_square(one["rho"]), one["truth"] ** 2))
        ends = interval_within_clips(one["share"], world.n_levels, one["n_clips"])
        found["rho_within"].append(covers(ends, one["within"]))
        mean = mean_estimate([each["rho"] for each in labels])
        truth = np.mean([each["truth"] for each in labels])
        found["mean rho"].append(covers(interval(mean, MIN_RECORDINGS_OF_LABELS), truth))
        squares = np.mean([each["truth"] ** 2 for each in labels])
        found["mean r2"].append(covers(mean_of_squares([e["rho"] for e in labels])[1], squares))
    cells = "".join(f"{np.mean(each):12.3f}" for each in found.values())
    return f"{np.mean(truths) ** 2:8.2f}{cells}"


def reject(
    world: World, size: tuple[int, int], n_trials: int, statistic: str, null: str, level=0.05
) -> float:
    """Share of trials in which a null is rejected."""
    rng = np.random.default_rng(2)
    rejected = []
    for trial in range(n_trials):
        _, training, groups = world.draw(*size, rng)
        _, test, test_groups = world.draw(size[0] // 2, size[1], rng, prefix="t")
        _, penalty = fit_ridge(training, groups)
        names = [str(trial)]
        drawn = statistics.null_statistics(training, test, groups, test_groups, penalty, names)
        if (statistic, null) in drawn:
            rejected.append(statistics.p_value(*drawn[statistic, null]) <= level)
    return float(np.mean(rejected)) if rejected else float("nan")


def main(n_trials: int = 1000) -> None:
    print("coverage of 95 % intervals, one common direction, straight")
    names = ("rho_ridge", "r2", "rho_within", "mean rho", "mean r2")
    print(f"{'recordings':>12}{'d':>5}{'R2':>8}" + "".join(f"{name:>12}" for name in names))
    for size in SIZES:
        for dimension in (96, 256):
            for strength in STRENGTHS:
                world = World("straight", dimension=dimension, strength=strength)
                label = f"{size[0]} x {size[1]}"
                print(f"{label:>12}{dimension:>5}{cover(world, size, n_trials)}", flush=True)
    print("rejections at 5 % under each null's own world")
    for clips in (1, 2, 4):
        for shared in (0.0, 0.3, 0.8):
            own = partial(World, dimension=48, shared=shared)
            cases = {
                "recording": own("nothing"),
                "common": own("clusters", strength=0.5),
                "reversal": own("own", strength=1.0),
            }
            for null, world in cases.items():
                cells = "".join(
                    f"  {name} {reject(world, (12, clips), n_trials, name, null):.3f}"
                    for name in statistics.STATISTICS
                )
                print(f"  {null:<10} {clips} clips, shared {shared}: {cells}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(*map(int, sys.argv[1:]))
