"""How far the results of two experiments, a and b, lie apart: their tables, joined on their keys.

Standard library only, as the tables are.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from embedding_sensitivity.experiment.tables import find_table
from embedding_sensitivity.files.errors import InputError

# What of each table is set side by side as a number, and what as it is.
NUMBERS = {
    "global_r2": ("r2", "r2_test"),
    "table1": ("mean", "std", "mean_test", "std_test"),
    "auc": ("roc_auc",),
}
AS_IT_IS = {"global_r2": ("saturated",), "table1": ("n_labels",), "auc": ()}
# Of a store's provenance, what follows from the others and would only repeat them.
DERIVED = ("config_sha256",)


def tables_of(experiment: str) -> dict[str, Path]:
    """The files of an experiment that are compared, by table, and `provenance`.

    Raises `InputError` where the experiment has none yet: a comparison computes no results.
    """
    folder = Path("results", experiment, "tables")
    files = {table: folder / f"{table}.csv" for table in NUMBERS}
    files["provenance"] = folder / "provenance.json"
    for path in files.values():
        if not path.exists():
            raise InputError(
                f"{path}: not there yet: run experiment {experiment} first, with snakemake "
                "--cores all --configfile and the file whose `experiment` is that"
            )
    return files


def tables_of_both(a: str, b: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """`tables_of` two experiments, which have to be two."""
    if a == b:
        raise InputError(f"{a} against itself: name two experiments to compare")
    return tables_of(a), tables_of(b)


def join(table: str, first: Iterable[Mapping], second: Iterable[Mapping]) -> list[dict]:
    """Rows of the table ``comparison_<table>``: those of both experiments, joined on the keys.

    A row of one experiment alone stays, its other side empty. Differences are b - a.
    """
    keys = find_table(table).keys
    sides = [{tuple(row[key] for key in keys): row for row in rows} for rows in (first, second)]
    joined = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        row = dict(zip(keys, key, strict=True))
        a, b = (side.get(key, {}) for side in sides)
        for column in NUMBERS[table]:
            values = [float(found) if (found := side.get(column)) else None for side in (a, b)]
            row[f"{column}_a"], row[f"{column}_b"] = values
            row[f"{column}_difference"] = None if None in values else values[1] - values[0]
        for column in AS_IT_IS[table]:
            row[f"{column}_a"], row[f"{column}_b"] = a.get(column), b.get(column)
        joined.append(row)
    return joined


def summarise(global_r2: Iterable[Mapping], auc: Iterable[Mapping]) -> list[dict]:
    """Rows of comparison_summary: how far R2 and ROC AUC move, per model and effect.

    `global_r2` and `auc` are `join`'s. An r2 that is saturated in either experiment is 1 there by
    identity: it is counted, and no part of the means. Differences are b - a, the mean absolute and
    the largest one are of their sizes.
    """
    cells = defaultdict(list)
    for row in global_r2:
        identity = "1" in (row["saturated_a"], row["saturated_b"])
        cells[row["model"], row["effect"], "r2"].append((row["r2_a"], row["r2_b"], identity))
        test = (row["r2_test_a"], row["r2_test_b"], False)
        cells[row["model"], row["effect"], "r2_test"].append(test)
    for row in auc:
        cell = (row["roc_auc_a"], row["roc_auc_b"], False)
        cells[row["model"], row["effect"], "roc_auc"].append(cell)
    rows = []
    for key, values in cells.items():
        both = [cell for cell in values if None not in cell]
        moves = [b - a for a, b, identity in both if not identity]
        sizes = [abs(move) for move in moves]
        rows.append(
            {
                **dict(zip(("model", "effect", "quantity"), key, strict=True)),
                "n_compared": len(moves),
                "n_only_a": sum(a is not None and b is None for a, b, _ in values),
                "n_only_b": sum(a is None and b is not None for a, b, _ in values),
                "n_saturated": len(both) - len(moves),
                "mean_difference": math.fsum(moves) / len(moves) if moves else None,
                "mean_absolute_difference": math.fsum(sizes) / len(sizes) if sizes else None,
                "largest_absolute_difference": max(sizes, default=None),
            }
        )
    return rows


def list_differences(first: Sequence[Mapping], second: Sequence[Mapping]) -> dict[str, list[list]]:
    """What of the embeddings' provenance differs: attribute to the values in a and those in b.

    The experiments' provenances have an entry a model and effect; those in both are compared.
    Attributes within attributes are named with a point, as in ``protocol.audio``. Raises
    `InputError` where no model and effect is in both: then there is nothing to compare.
    """
    sides = [{(s["model"], s["effect"]): _flat(s) for s in stores} for stores in (first, second)]
    found = defaultdict(lambda: ([], []))
    if not (common := sorted(set(sides[0]) & set(sides[1]))):
        raise InputError(
            "no model and effect is in both experiments, nothing to compare: run one of them with "
            "a model and an effect of the other"
        )
    for key in common:
        a, b = (side[key] for side in sides)
        for attribute in sorted(set(a) | set(b)):
            if attribute not in DERIVED and a.get(attribute) != b.get(attribute):
                for values, side in zip(found[attribute], (a, b), strict=True):
                    if side.get(attribute) not in values:
                        values.append(side.get(attribute))
    return {attribute: list(values) for attribute, values in sorted(found.items())}


def _flat(attributes: Mapping) -> dict:
    flat = {}
    for key, value in attributes.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": entry for inner, entry in value.items()}
        else:
            flat[key] = value
    return flat


def read_provenance(path: str | Path) -> list[dict]:
    """What ``tables/provenance.json`` says of an experiment's embeddings."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def describe_differences(differences: Mapping[str, Sequence[Sequence]]) -> str:
    """What differs in the protocol, ``audio pcm16 to float32``, and whether the clips do."""
    words = []
    for attribute, sides in differences.items():
        if attribute.startswith("protocol."):
            before, after = (" or ".join(map(str, values)) for values in sides)
            words.append(f"{attribute.removeprefix('protocol.')} {before} to {after}")
    if "data_sha256" in differences:
        words.append("other clips")
    return "; ".join(words) or "same protocol and clips"
