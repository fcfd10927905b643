"""Do the tables tell the truth? A seeded part of `make calibrate`, whose counts are in docs/."""

import numpy as np
import pytest

from embedding_sensitivity.analysis import statistics
from support.calibration import (
    Size,
    covers,
    try_classifiers,
    try_experiment,
    try_nulls,
    try_recovery,
)
from support.worlds import World

TWELVE = Size(1, (12, 2), (12, 2))
# Of intervals that hold 95 %, fewer of 60 are covered in one of 10,000 tests; and more of 60 tests
# reject at 5 %.
MIN_COVERED, MAX_REJECTED = 49, 11
N_EXPERIMENTS = 60


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """p-values of 19 draws reject 5 % exactly where a null holds, as those of 999 do."""
    for name in ("N_DRAWS", "N_DRAWS_R2"):
        monkeypatch.setattr(statistics, name, 19)


def collect(try_one, *given, n_experiments=N_EXPERIMENTS, **options):
    """Cells by name, and p-values by statistic and null, of experiments with seeds in turn."""
    cells, p_values = {}, {}
    for seed in range(n_experiments):
        found, tests = try_one(*given, seed, **options)
        for cell in found:
            cells.setdefault(cell.name, []).append(cell)
        for (_, *key), values in tests.items():
            p_values.setdefault(tuple(key), []).extend(values)
    return cells, p_values


def check(cells, truth_within=0.05):
    """Intervals cover, none is empty, and what is said is the truth on average."""
    for name, found in cells.items():
        assert all(cell.low is not None for cell in found), name
        covered = np.mean([covers(cell) for cell in found])
        assert covered >= MIN_COVERED / N_EXPERIMENTS, f"{name}: {covered:.2f} covered"
        error = np.median([cell.said for cell in found]) - np.median([c.truth for c in found])
        assert abs(error) < truth_within, f"{name}: off by {error:.3f}"


def test_a_straight_response_is_told_with_intervals_that_hold():
    cells, p_values = collect(try_experiment, World("straight", dimension=24, strength=1.1), TWELVE)
    check({name: found for name, found in cells.items() if name != "threshold_90.threshold_90"})
    assert np.mean([cell.truth for cell in cells["regularised.rho_ridge"]]) > 0.7
    assert all(np.mean(np.array(p_values["rho_ridge", null]) <= 0.05) > 0.9 for null in
               statistics.NULLS)  # fmt: skip


def test_a_threshold_is_told_with_an_interval_that_holds():
    world = World("straight", dimension=8, strength=1.2, spread=0.4)
    cells, _ = collect(try_experiment, world, TWELVE, measures=("retrieval",))
    check(cells, truth_within=0.5)
    assert np.mean([np.isfinite(cell.truth) for cell in cells["threshold_90.threshold_90"]]) > 0.9


def test_aucs_and_gains_have_intervals_that_hold():
    cells, _ = collect(try_classifiers, World("straight", dimension=8), Size(3, (12, 2), (12, 2)))
    for found in cells.values():
        assert np.mean([covers(cell) for cell in found]) >= MIN_COVERED / N_EXPERIMENTS


def test_what_is_regained_has_intervals_that_hold():
    world = World("straight", dimension=8, strength=3.0)
    cells, _ = collect(try_recovery, world, Size(3, (12, 2), (12, 2)), n_experiments=10)
    names = ("gain", "headroom", "recovered")
    expected = {f"{table}.{name}" for table in ("recovery", "recovery_mean") for name in names}
    assert set(cells) == expected | {"recovery.pooled_auc"}
    for name, found in cells.items():
        # A share of a label's headroom that isn't clear has none.
        kept = [covers(cell) for cell in found if cell.low is not None]
        assert len(kept) == len(found) or (name == "recovery.recovered" and len(kept) > 15), name
        assert np.mean(kept) >= MIN_COVERED / N_EXPERIMENTS, name
    assert np.median([cell.truth for cell in cells["recovery_mean.recovered"]]) > 0.5


@pytest.mark.parametrize(
    ("kind", "null"), [("nothing", "recording"), ("clusters", "common"), ("own", "reversal")]
)
def test_a_null_holds_its_level_where_clips_of_a_recording_respond_alike(kind, null):
    world = World(kind, dimension=24, strength=0.5, shared=0.8)
    _, p_values = collect(try_nulls, world, (12, 4))
    for statistic in statistics.STATISTICS:
        rejected = (np.array(p_values[statistic, null]) <= 0.05).sum()
        assert rejected <= MAX_REJECTED, f"{statistic}: {rejected} of {N_EXPERIMENTS} rejected"


def test_a_world_of_each_recordings_own_has_nothing_in_common():
    """What the paper's spectra can't tell from one curved direction."""
    own, curved = (
        collect(try_experiment, World(kind, dimension=48, strength=1.0), TWELVE, n_experiments=12)[
            0
        ]
        for kind in ("own", "curved")
    )
    medians = [
        {name: np.median([cell.said for cell in found]) for name, found in cells.items()}
        for cells in (own, curved)
    ]
    for name in ("equivariance.equivariance", "equivariance.predicted"):
        assert medians[0][name] < 0.1 < 0.3 < medians[1][name]
    assert abs(medians[0]["regularised.rho_ridge"]) < 0.3 < medians[1]["regularised.rho_ridge"]
