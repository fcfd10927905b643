"""Compare a run with the paper's published numbers (Deng et al., ICASSP 2025).

The numbers are in ``data/paper/``; its README says where each was read.
"""

import csv
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from embedding_sensitivity.clips.irmas import LABELS
from embedding_sensitivity.effects import effect_named
from embedding_sensitivity.effects import levels as level_text
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.measures import FigureKind
from embedding_sensitivity.files.csv_files import parse_number
from embedding_sensitivity.files.errors import InputError

if TYPE_CHECKING:
    from embedding_sensitivity.experiment.settings import Settings

MODELS = ("clap", "openl3", "panns")
# The paper's grids (spec section 3).
LEVELS = {
    "gain": level_text.list_steps(-40, 5, 1.5, effect_named("gain").decimals, "gain"),
    "lowpass": level_text.geometric(
        1600, 22000 / 1.2, 31, effect_named("lowpass").decimals, "lowpass"
    ),
    "reverb": level_text.list_steps(0.01, 1, 0.03, effect_named("reverb").decimals, "reverb"),
    "bitcrush": level_text.list_steps(4, 15, 1, effect_named("bitcrush").decimals, "bitcrush"),
}
# The rows of Fig. 4: model, effect, label.
CASES = (
    ("openl3", "reverb", "cello"),
    ("panns", "gain", "organ"),
    ("clap", "lowpass", "guitar_acc"),
)
# Where Fig. 4 draws what was trained and tested on clips without the effect. Not all are levels:
# 22500 Hz is above the Nyquist frequency.
NEUTRAL = {"gain": 0.0, "lowpass": 22500.0, "reverb": 0.0}
EFFECT_NAMES = {"lowpass_cheby": "lowpass"}
DIRECTIONS = ("train_original", "train_effected")
# Tolerances for matching a published level, which is rounded. Neighbouring levels are 8 % apart, or
# 0.03 (reverb).
RELATIVE, ABSOLUTE = 1e-3, 5e-3

# Of the paper's own run.
FIGURES = (
    FigureKind(
        "paper_table1",
        "published and own means, and their difference in published standard deviations",
        ("paper_comparison",),
        per="run",
        paper="Table I",
    ),
    FigureKind(
        "paper_auc",
        "published points and own curves, for the three cases of the figure",
        ("paper_comparison", "auc"),
        style={"line_width": 0.9, "point_size": 2.4},
        paper="Fig. 4",
    ),
)

R2_MEAN, R2_STD, ROC_AUC = "r2_mean", "r2_std", "roc_auc"


def find_fault(settings: "Settings") -> str:
    """Return why a run cannot be compared with the paper; empty if it can.

    It needs the paper's clips (IRMAS, the published split), labels and protocol, and at least one
    of its models and one of its effects at all of the paper's levels.
    """
    if settings.data is None:
        return "its embeddings were made elsewhere"
    data, protocol = settings.data, settings.protocol
    if data.source != "irmas":
        return f"data.source is {data.source}, the paper's clips are irmas"
    if data.split != "published":
        return f"data.split is {data.split}, the paper's is published"
    if data.on_bad_clip != "fail":
        return f"data.on_bad_clip is {data.on_bad_clip}, the paper's clips are all of the split"
    if missing := sorted(set(LABELS.values()) - set(settings.labels)):
        return f"labels lack {', '.join(missing)}: the paper's statistics are over all 11"
    for key, default in type(protocol)().model_dump().items():
        if (given := getattr(protocol, key)) != default:
            return f"protocol.{key} is {given}, the published numbers are made with {default}"
    if not list_compared_models(settings):
        return f"none of the paper's models {', '.join(MODELS)} is in models"
    if not list_compared_effects(settings):
        return "no effect has all of the paper's levels"
    return ""


def check(settings: "Settings") -> None:
    """Raise `InputError` if a run cannot be compared with the paper."""
    if reason := find_fault(settings):
        raise InputError(f"this run cannot be compared with the paper: {reason}")


def list_compared_models(settings: "Settings") -> list[str]:
    """Return the run's models that the paper has too, each with the paper's network.

    Of embeddings made elsewhere, the name is all that is known.
    """
    choices = settings.choices.values() if settings.data else ()
    variants = {choice.name for choice in choices if choice.is_variant}
    return [name for name in MODELS if name in settings.models and name not in variants]


def list_compared_effects(settings: "Settings") -> list[str]:
    """Return the run's effects with all of the paper's levels: R2 depends on the grid."""
    return [
        effect
        for effect in sorted(settings.effects)
        if set(LEVELS.get(effect, [""])) <= set(settings.levels(effect))
        and not getattr(settings.declared[effect].instance, "changed", None)
    ]


def list_compared_cases(settings: "Settings") -> list[tuple[str, str, str]]:
    """Return the rows (model, effect, label) of Fig. 4 that the run has."""
    models, effects = list_compared_models(settings), list_compared_effects(settings)
    return [case for case in CASES if case[0] in models and case[1] in effects]


class Point(NamedTuple):
    """A point of Fig. 4: `level` is the printed parameter, `forwards`: trained on originals."""

    model: str
    effect: str
    label: str
    method: str
    threshold: str
    forwards: bool
    level: str
    roc_auc: float

    @property
    def neutral(self) -> bool:
        """Whether it was trained and tested on clips without the effect."""
        return math.isclose(float(self.level), NEUTRAL[self.effect], abs_tol=1e-9)


def _read(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise InputError(
                f"{path}: the columns are {reader.fieldnames}, expected {list(columns)}: "
                "restore the file from the repository"
            )
        return list(reader)


def read_table1(path: str | Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Read Table I: mean and standard deviation over labels of global R2 by model and effect."""
    return {
        (row["model"], row["effect"]): (float(row["mean"]), float(row["std"]))
        for row in _read(path, ("model", "effect", "mean", "std"))
    }


def read_fig4(path: str | Path) -> list[Point]:
    """Read the points of Fig. 4, with the workflow's names of effects."""
    columns = ("model", "effect", "instrument", "direction", "method", "threshold", "parameter")
    points = []
    for row in _read(path, (*columns, "roc_auc")):
        if row["direction"] not in DIRECTIONS:
            raise InputError(
                f"{path}: direction {row['direction']!r}, expected {' or '.join(DIRECTIONS)}: "
                "restore the file from the repository"
            )
        effect = EFFECT_NAMES.get(row["effect"], row["effect"])
        forwards = row["direction"] == DIRECTIONS[0]
        what = (row["model"], effect, row["instrument"], row["method"], row["threshold"])
        points.append(Point(*what, forwards, row["parameter"], float(row["roc_auc"])))
    return points


def nearest_level(published: str, levels: Iterable[str]) -> str | None:
    """Return the level string that a published number is rounded from; None if there is none."""
    number = float(published)
    nearest = min(levels, key=lambda level: abs(float(level) - number), default=None)
    if nearest is None or not math.isclose(
        float(nearest), number, rel_tol=RELATIVE, abs_tol=ABSOLUTE
    ):
        return None
    return nearest


def _row(quantity: str, paper: float, ours: float | None, paper_std=None, **keys) -> dict:
    difference = None if ours is None else ours - paper
    return {
        "quantity": quantity,
        **keys,
        "paper": paper,
        "ours": ours,
        "difference": difference,
        "paper_std": paper_std,
        "difference_in_std": difference / paper_std if paper_std and ours is not None else None,
    }


def compare_table1(
    published: Mapping[tuple[str, str], tuple[float, float]],
    ours: Iterable[Mapping[str, str]],
    models: Collection[str],
    effects: Collection[str],
) -> list[dict]:
    """Return rows of the table paper_comparison for Table I: mean and standard deviation.

    `ours` are rows of table1. The difference of means is also given in units of the paper's
    standard deviation over labels.
    """
    own = {(row["model"], row["effect"]): row for row in ours}
    rows = []
    for (model, effect), (mean, std) in published.items():
        if model in models and effect in effects:
            row = own.get((model, effect), {"mean": "", "std": ""})
            keys = {"model": model, "effect": effect}
            rows.append(_row(R2_MEAN, mean, parse_number(row["mean"]), std, **keys))
            rows.append(_row(R2_STD, std, parse_number(row["std"]), **keys))
    return rows


def compare_fig4(
    published: Iterable[Point],
    ours: Iterable[Mapping[str, str]],
    models: Collection[str],
    effects: Collection[str],
) -> list[dict]:
    """Return rows of the table paper_comparison for the points of Fig. 4.

    `ours` are rows of auc, joined by number: published levels and thresholds are rounded. A point
    that the run does not have stays in the table, without a number of the run. The point without
    the effect, which both directions share, is one row.
    """
    own, levels = {}, {}
    for row in ours:
        curve = _curve(row)
        own[curve, row["train"], row["test"]] = row["roc_auc"]
        levels.setdefault(curve, set()).update({row["train"], row["test"]} - {ORIGINAL})
    rows = {}
    for point in published:
        if point.model not in models or point.effect not in effects:
            continue
        curve = _curve(point._asdict())
        if point.neutral:
            train = test = ORIGINAL
        else:
            level = (
                nearest_level(point.level, levels.get(curve, ()))
                or nearest_level(point.level, LEVELS[point.effect])
                or point.level
            )
            train, test = (ORIGINAL, level) if point.forwards else (level, ORIGINAL)
        keys = {
            "model": point.model, "effect": point.effect, "label": point.label,
            "method": point.method, "threshold": point.threshold, "train": train, "test": test,
        }  # fmt: skip
        row = _row(ROC_AUC, point.roc_auc, parse_number(own.get((curve, train, test), "")), **keys)
        if rows.setdefault((curve, train, test), row) != row:
            raise InputError(
                f"data/paper: two numbers for {', '.join(filter(None, keys.values()))}: restore "
                "the file from the repository"
            )
    return list(rows.values())


def _curve(row: Mapping[str, str]) -> tuple:
    """Return the key of a curve that a row of auc or a point of Fig. 4 belongs to."""
    return (
        *(row[key] for key in ("model", "effect", "label", "method")),
        parse_number(row["threshold"]),
    )


def summarise(rows: Sequence[Mapping]) -> list[str]:
    """Summarise rows of the table paper_comparison in a few lines."""
    lines = []
    for name, quantity, column, unit in (
        ("Table I", R2_MEAN, "difference_in_std", " of the paper's standard deviations"),
        ("Fig. 4", ROC_AUC, "difference", " of ROC AUC"),
    ):
        published = [row for row in rows if row["quantity"] == quantity]
        found = [abs(row[column]) for row in published if row[column] is not None]
        if published:
            line = f"{name}: this run has {len(found)} of {len(published)} numbers"
            if found:
                mean = math.fsum(found) / len(found)
                line += f", mean absolute difference {mean:.4f}, largest {max(found):.4f}{unit}"
            lines.append(line)
    return lines


def list_unmatched(rows: Iterable[Mapping]) -> list[str]:
    """Return a line for each published curve or number that the run lacks points of."""
    missing = {}
    for row in rows:
        if row["ours"] is None:
            keys = ("quantity", "model", "effect", "label", "method", "threshold")
            what = " ".join(row[key] for key in keys if row.get(key))
            missing[what] = missing.get(what, 0) + 1
    return [f"not in this run: {n} x {what}" for what, n in missing.items()]
