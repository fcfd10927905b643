"""Levels of an effect: their text, their grids, and the batches they are rendered in.

A level is named by its text everywhere (paths, stores, tables) and the number applied is the
text's, so two runs that agree on the text agree on the audio. Standard library only: the
Snakefile imports this before any environment exists.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from embedding_sensitivity.files.errors import InputError

# The level of a clip without the effect, in tables.
ORIGINAL = "original"
# Between the levels in the name of a batch; no level string contains it.
SEPARATOR = "_"


# More than any experiment has: a slip of the pen, which would take hours to list.
MAX_LEVELS = 1000
# Characters of a level that is named as it is written: sixteen of them name a file.
MAX_TEXT = 12
# Of the levels of a geometric grid whose number of decimals isn't fixed.
SIGNIFICANT_DIGITS = 4


def level_string(value: float | str | Decimal, decimals: int | None, key: str) -> str:
    """The text of one level, with a fixed number of decimals or, of None, those that it needs.

    Raises
    ------
    InputError
        if `value` is no number, or has more decimals than the text can hold: ``-40.25`` dB would
        silently become ``-40.2``. `key` is the config key to blame.
    """
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        raise InputError(f"{key}: {value!r} is not a number: give levels as numbers") from None
    if not exact.is_finite():
        raise InputError(f"{key}: {value!r} is not finite: give levels as finite numbers")
    text = f"{exact.normalize():f}" if decimals is None else f"{exact:.{decimals}f}"
    if Decimal(text) != exact:
        raise InputError(
            f"{key}: level {value} has more than the {decimals} decimals this effect's levels are "
            f"named with: write {text}"
        )
    if len(text) > MAX_TEXT:
        raise InputError(
            f"{key}: level {value} takes {len(text)} characters, expected at most {MAX_TEXT}: it "
            "is part of names of files: write fewer digits"
        )
    return text.lstrip("-") if float(text) == 0 else text


def list_steps(start: float, stop: float, step: float, decimals: int | None, key: str) -> list[str]:
    """Levels ``start, start + step, ...`` up to and including `stop`, computed in decimal."""
    first, last, by = (Decimal(str(value)) for value in (start, stop, step))
    for name, value in (("start", first), ("stop", last), ("step", by)):
        if not value.is_finite():
            raise InputError(f"{key}: {name} is {value}: give a finite number")
    if by <= 0:
        raise InputError(
            f"{key}: step is {step}: give the distance between levels, a positive number"
        )
    if last < first:
        raise InputError(f"{key}: stop {stop} is below start {start}: levels ascend, swap the two")
    count = int((last - first) / by) + 1
    _check_number(count, key)
    return [level_string(first + by * index, decimals, key) for index in range(count)]


def geometric(first: float, last: float, number: int, decimals: int | None, key: str) -> list[str]:
    """`number` levels in a geometric progression from `first` to `last`, rounded to the text.

    Of decimals that aren't fixed, each has as many as four significant digits take.
    """
    if not 0 < first < last < math.inf or number < 2:
        raise InputError(
            f"{key}: geometric is [{first}, {last}, {number}], expected [first, last, number] "
            "with finite numbers, 0 < first < last and number >= 2"
        )
    _check_number(number, key)
    ratio = last / first
    values = (first * ratio ** (index / (number - 1)) for index in range(number))
    if decimals is None:
        return [level_string(f"{value:.{SIGNIFICANT_DIGITS}g}", None, key) for value in values]
    return [f"{value:.{decimals}f}" for value in values]


def _check_number(number: int, key: str) -> None:
    """Refuse more levels than `MAX_LEVELS`."""
    if number > MAX_LEVELS:
        raise InputError(f"{key}: {number} levels, expected at most {MAX_LEVELS}: leave some out")


def check_ascending(levels: Sequence[str], key: str) -> None:
    """Refuse an empty, unsorted or repeating list of level strings."""
    if not levels:
        raise InputError(f"{key}: no levels: give at least two")
    _check_number(len(levels), key)
    for before, after in pairwise(levels):
        if float(after) <= float(before):
            raise InputError(
                f"{key}: level {after} follows {before}: levels ascend and none is repeated"
            )


def merge(grid: Iterable[str], extra: Iterable[str], key: str) -> list[str]:
    """All levels of an effect in ascending order."""
    grid = list(grid)
    for level in extra:
        if level in grid:
            raise InputError(f"{key}: extra level {level} is in the grid already: remove it")
    levels = sorted([*grid, *extra], key=float)
    check_ascending(levels, key)
    return levels


def batch_name(levels: Iterable[str]) -> str:
    """The name of a batch: its levels, so that a file says what it holds."""
    return SEPARATOR.join(levels)


def batch_levels(name: str) -> list[str]:
    """The levels of a batch from its name."""
    return name.split(SEPARATOR)


def part_levels(name: str) -> list[str]:
    """The levels of a part from its name: its batch's, and the digits of its identity."""
    return batch_levels(name.rpartition(".")[0])


def chunk(levels: Sequence[str], size: int) -> list[list[str]]:
    """Neighbouring levels in batches of at most `size`."""
    return [list(levels[start : start + size]) for start in range(0, len(levels), size)]


def plan_batches(
    grid: Sequence[str], extra: Sequence[str], size: int, existing: Collection[str]
) -> list[str]:
    """Names of the batches that together hold all levels of one model, reusing what is there.

    Parameters
    ----------
    grid, extra : level strings; neighbours of the grid share a batch, an extra has its own
    size : levels a batch
    existing : names of the batches that the model embedded in earlier runs

    A level that an existing batch holds is taken from there, whatever else that batch holds; the
    others are batched as they would be in a first run, less what is covered. So a level added to
    or removed from the config never embeds another level again, and a run that was interrupted
    plans as it did before. Where several existing batches hold a level, the batch of a first run
    wins, then the smallest, then the first by name.
    """
    first_run = chunk(grid, size) + [[level] for level in extra]
    canonical = {batch_name(levels) for levels in first_run}
    ranked = sorted(
        existing, key=lambda name: (name not in canonical, len(batch_levels(name)), name)
    )
    holder: dict[str, str] = {}
    for name in ranked:
        for level in batch_levels(name):
            holder.setdefault(level, name)
    batches: list[str] = []
    for levels in first_run:
        missing = [level for level in levels if level not in holder]
        names = {holder[level] for level in levels if level in holder}
        if missing:
            names.add(batch_name(missing))
        batches.extend(sorted(names - set(batches)))
    return batches
