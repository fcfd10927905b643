"""Three sentences that a run's tables say first; where they can't tell, the sentence says so."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from embedding_sensitivity.files.csv_files import parse_number
from embedding_sensitivity.page.matrix import (
    Cell,
    EffectInfo,
    Row,
    Tables,
    describe_threshold,
    describe_threshold_range,
    find_strongest_displacements,
    format_number,
    format_range,
    is_never_lost,
)


@dataclass(frozen=True)
class Finding:
    """A sentence.

    Attributes
    ----------
    question : that it answers
    text : the sentence
    is_clear : whether the data decide it
    statistic : the matrix's, which it is read from
    model, effect : the cell that it is about; empty if there is none
    """

    question: str
    text: str
    is_clear: bool
    statistic: str
    model: str = ""
    effect: str = ""


def find_answers(
    tables: Tables,
    cells: Mapping[str, Iterable[Cell]],
    effects: Mapping[str, EffectInfo],
    controls: Collection[str],
) -> list[Finding]:
    """Answer three questions: what moves most, from which level on, and what it costs.

    Controls count only if there is no other model.
    """
    models = {row["model"] for row in tables["displacement"]}
    asked = models - set(controls) or models
    order = _rank_displacements(tables, asked)
    return [
        _say_what_moves_most(order, effects),
        _say_from_which_level(tables, order, effects),
        _say_what_it_costs(tables, cells["auc"], asked),
    ]


def _rank_displacements(tables: Tables, models: Collection[str]) -> list[tuple]:
    """Rank (mean, case, level, value of each label), the largest mean first."""
    found = []
    for case, (level, rows) in find_strongest_displacements(tables).items():
        if case[0] in models:
            values = {row["label"]: float(row["relative"]) for row in rows}
            found.append((sum(values.values()) / len(values), case, level, values))
    return sorted(found, key=lambda each: (-each[0], each[1]))


def _say_what_moves_most(order: list[tuple], effects: Mapping[str, EffectInfo]) -> Finding:
    question = "Which effect moves which model most?"
    if not order:
        text = "Cannot tell: no displacement is known, relative to the distance between labels."
        return Finding(question, text, False, "displacement")
    mean, (model, effect), level, values = order[0]
    at = effects[effect].format_level(float(level))
    told = (
        f"{effect} at {at} moves {model} by {format_number(mean)} times the distance between labels"
    )
    if len(order) == 1:
        text = f"{told}; nothing else was tried."
        return Finding(question, text, True, "displacement", model, effect)
    other_mean, (other_model, other_effect), _, others = order[1]
    other = f"{other_effect} with {other_model}"
    shared = sorted(values.keys() & others.keys())
    ahead = sum(values[label] > others[label] for label in shared)
    if ahead == len(shared) >= 2:
        text = (
            f"{told}, the most of all, and more than the next in each of {len(shared)} labels "
            f"({other}: {format_number(other_mean)})."
        )
        return Finding(question, text, True, "displacement", model, effect)
    first = f"{effect} with {model} ({format_number(mean)} times the distance between labels)"
    text = (
        f"Cannot tell {first} from {other} ({format_number(other_mean)}): the first leads in "
        f"{ahead} of {len(shared)} labels."
    )
    return Finding(question, text, False, "displacement", model, effect)


def _say_from_which_level(
    tables: Tables, order: list[tuple], effects: Mapping[str, EffectInfo]
) -> Finding:
    """Of the model and effect that move most."""
    question = "From which level on does it matter?"
    case = order[0][1] if order else None
    rows = [row for row in tables["threshold_90"] if (row["model"], row["effect"]) == case]
    if not rows:
        text = (
            "Cannot tell: a test clip is looked for among test clips of other recordings, and "
            "there are none."
            if case
            else "Cannot tell: nothing was measured."
        )
        return Finding(question, text, False, "threshold")
    model, name = case
    effect, texts, is_clear = effects[name], [], True
    without = None
    for row in rows:
        side = {"up": "upwards", "down": "downwards"}[row["side"]]
        place = describe_threshold(row, effect)
        between = describe_threshold_range(row, effect)
        if {row["bound_low"], row["bound_high"]} == {"<", ">"}:
            is_clear = False
            texts.append(f"{side} cannot tell, since the interval holds all levels ({place})")
            continue
        if is_never_lost(row):
            place = "at no level tried"
        elif row["bound"] != "=":
            place = "at every level tried"
        else:
            place = f"from {'' if between else 'about '}{place} on"
        texts.append(f"{side} {place}" + (f" (interval {between})" if between else ""))
        if not between:
            is_clear, without = False, row
    lost = f"lose 1 clip in 10 among {rows[0]['gallery']} originals"
    text = f"{name} makes {model} {lost}: {'; '.join(texts)}."
    if without:
        text += (
            f" Cannot tell how exactly: {without['n_groups']} test recordings, and an interval "
            "needs 12."
        )
    return Finding(question, text, is_clear, "threshold", model, name)


def _say_what_it_costs(tables: Tables, cells: Iterable[Cell], models: Collection[str]) -> Finding:
    question = "What does it cost a classifier, and does projecting it out help?"
    known = [cell for cell in cells if cell.model in models and cell.value is not None]
    if not known:
        return Finding(question, "Cannot tell: no headroom is known.", False, "auc")
    cell = max(known, key=lambda each: each.value)
    told = f"{cell.effect} costs {cell.model} {format_number(cell.value)} of ROC AUC"
    most = f"the largest cost, {cell.effect} with {cell.model}, is {format_number(cell.value)} of"
    if cell.low is None:
        text = f"Cannot tell: {most} ROC AUC, but there are too few recordings for an interval."
        return Finding(question, text, False, "auc", cell.model, cell.effect)
    if cell.low <= 0:
        between = format_range(cell.low, cell.high)
        text = f"Cannot tell: {most} ROC AUC, but its interval holds 0 ({between})."
        return Finding(question, text, False, "auc", cell.model, cell.effect)
    best = _find_best_method(tables, cell)
    text = f"{told} ({format_range(cell.low, cell.high)}), the largest cost. {best}"
    return Finding(question, text, True, "auc", cell.model, cell.effect)


def _find_best_method(tables: Tables, cell: Cell) -> str:
    """Say what the paper's best projection, chosen on training recordings, gives back."""
    row: Row | None = next(
        (
            row
            for row in tables.get("recovery_best", ())
            if (row["model"], row["effect"]) == (cell.model, cell.effect)
        ),
        None,
    )
    recovered = row and parse_number(row["recovered"])
    if recovered is None:
        return "Cannot tell what a projection gives back."
    low, high = parse_number(row["recovered_low"]), parse_number(row["recovered_high"])
    told = f"The best projection ({row['method']}) gives back {recovered:.0%} of it"
    if low is None or high is None:
        return f"{told}, without an interval: cannot tell."
    if low <= 0:
        return f"{told} ({low:.0%} to {high:.0%}): cannot tell whether it helps."
    return f"{told} ({low:.0%} to {high:.0%})."
