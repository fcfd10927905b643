"""Level strings, grids, and the plan that lets a run reuse what earlier ones embedded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.levels import (
    batch_levels,
    batch_name,
    geometric,
    level_string,
    list_steps,
    merge,
    part_levels,
    plan_batches,
)
from embedding_sensitivity.experiment.settings import Settings
from embedding_sensitivity.files.errors import InputError

GRID = ["4", "6", "8", "10", "12"]


def test_paper_grids_have_the_papers_levels():
    gain = list_steps(-40, 5, 1.5, 1, "gain")
    assert (len(gain), gain[0], gain[-1], gain[26:28]) == (31, "-40.0", "5.0", ["-1.0", "0.5"])
    lowpass = geometric(1600, 18333.3333333, 31, 3, "lowpass")
    assert lowpass[:2] == ["1600.000", "1735.498"] and lowpass[-1] == "18333.333"
    reverb = list_steps(0.01, 1, 0.03, 2, "reverb")
    assert (len(reverb), reverb[-1]) == (34, "1.00")
    assert list_steps(4, 15, 1, 0, "bitcrush") == [str(bits) for bits in range(4, 16)]


@pytest.mark.parametrize("value", [-40.25, "0.123", 1e-9])
def test_a_level_that_its_text_cannot_hold_is_refused(value):
    with pytest.raises(InputError, match=r"effects\.gain.*decimals"):
        level_string(value, 1, "effects.gain")


@pytest.mark.parametrize("value", ["loud", float("nan"), float("inf")])
def test_a_level_that_is_no_finite_number_is_refused(value):
    with pytest.raises(InputError, match=r"effects\.gain"):
        level_string(value, 1, "effects.gain")


@given(st.integers(-(10**6), 10**6), st.integers(0, 3))
def test_level_strings_round_trip(number, decimals):
    value = number / 10**decimals
    assert float(level_string(value, decimals, "key")) == value


def test_zero_has_no_sign():
    assert level_string(-0.0, 1, "key") == "0.0"
    assert level_string("-0", 0, "key") == "0"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("start", "stop", "step", "message"),
    [
        (0, 5, 0, "step is 0: give the distance between levels"),
        (0, 5, -1, "step is -1: give the distance between levels"),
        (5, 0, 1, "stop 0 is below start 5: .*swap"),
        (NAN, 5, 1, "start is NaN: give a finite number"),
        (-INF, 5, 1, "start is -Infinity: give a finite number"),
        (0, NAN, 1, "stop is NaN: give a finite number"),
        (0, INF, 1, "stop is Infinity: give a finite number"),
        (0, 5, NAN, "step is NaN: give a finite number"),
        (0, 5, INF, "step is Infinity: give a finite number"),
    ],
)
def test_impossible_steps_are_refused(start, stop, step, message):
    with pytest.raises(InputError, match=rf"effects\.x: {message}"):
        list_steps(start, stop, step, 1, "effects.x")


@pytest.mark.parametrize(
    "arguments",
    [(0, 5, 3), (5, 5, 3), (1, 5, 1), (9, 5, 3), (NAN, 5, 3), (1, NAN, 3), (1, INF, 3)],
)
def test_impossible_progressions_are_refused(arguments):
    with pytest.raises(InputError, match=r"effects\.x: geometric is .*0 < first < last"):
        geometric(*arguments, 3, "effects.x")


def test_extra_levels_are_merged_by_number():
    assert merge(["-40.0", "5.0"], ["-4.0"], "key") == ["-40.0", "-4.0", "5.0"]
    with pytest.raises(InputError, match=r"level 4\.0 is in the grid"):
        merge(["4.0"], ["4.0"], "key")
    with pytest.raises(InputError, match="ascend"):
        merge(["4", "4"], [], "key")


def test_first_run_batches_neighbours_and_gives_each_extra_its_own():
    assert plan_batches(GRID, ["5"], 2, []) == ["4_6", "8_10", "12", "5"]


def test_an_added_extra_moves_nothing():
    before = plan_batches(GRID, [], 2, [])
    assert plan_batches(GRID, ["5"], 2, before) == [*before, "5"]


def test_a_level_added_to_the_grid_is_the_only_new_one():
    before = plan_batches(GRID, [], 2, [])
    plan = plan_batches(["4", "5", *GRID[1:]], [], 2, before)
    assert set(plan) - set(before) == {"5"}


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=12, unique=True).map(sorted),
    st.integers(1, 5),
    st.data(),
)
def test_removing_levels_embeds_nothing(values, size, data):
    grid = [str(value) for value in values]
    before = plan_batches(grid, [], size, [])
    kept = data.draw(st.lists(st.sampled_from(grid), min_size=1, unique=True))
    plan = plan_batches([level for level in grid if level in kept], [], size, before)
    assert set(plan) <= set(before)
    assert set(kept) <= {level for name in plan for level in batch_levels(name)}


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=12, unique=True).map(sorted),
    st.integers(1, 5),
    st.data(),
)
def test_an_interrupted_run_plans_what_it_planned_before(values, size, data):
    grid = [str(value) for value in values]
    before = plan_batches(grid, [], size, [])
    finished = data.draw(st.lists(st.sampled_from(before), unique=True))
    assert sorted(plan_batches(grid, [], size, finished)) == sorted(before)


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_a_parts_name_is_not_too_long_for_a_file_system(effect):
    """With as many levels as `levels_per_job` may be, while it is written (`files.replacing`)."""
    most = Settings.model_fields["levels_per_job"].metadata
    n_levels = next(bound.le for bound in most if hasattr(bound, "le"))
    digits = ".4g" if effect.decimals is None else f".{effect.decimals}f"
    longest = max((format(level * 0.9999, digits) for level in effect.range), key=len)
    name = f".{batch_name([longest] * n_levels)}.01234567.h5.part"
    assert len(name.encode()) <= 255


def test_batch_names_say_their_levels():
    assert batch_levels(batch_name(["-40.0", "-38.5"])) == ["-40.0", "-38.5"]


def test_a_parts_name_says_its_levels():
    assert part_levels("-40.0_-38.5.0123abcd") == ["-40.0", "-38.5"]
    assert part_levels("1600.000.0123abcd") == ["1600.000"]
