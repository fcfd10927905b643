"""What the explorer says, as plain data: tables, cells of the matrix, findings, caveats.

Numbers are rounded to six significant digits, and rows that the page doesn't draw stay in the
files, which it names. So its size grows with models, effects, labels and levels, not with clips.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from embedding_sensitivity.clips.recordings import LabelRecordings, describe_faults
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.measures import Table
from embedding_sensitivity.page.findings import find_answers
from embedding_sensitivity.page.matrix import STATISTICS, EffectInfo, Row, Tables, make_matrix

# Rows of one table in the page. What has more is thinned: levels first.
MAX_ROWS = 40_000
# The tables that the page draws, each with the rows that it leaves in the file (columns and the
# only values that stay).
SHOWN: dict[str, dict[str, str]] = {
    "threshold_90": {},
    "displacement": {},
    "retrieval": {},
    "table1": {},
    "global_r2": {},
    "regularised": {},
    "nulls": {},
    "trained_untrained": {},
    "dimensionality_mean": {},
    "heldout_energy": {},
    "equivariance_mean": {},
    "equivariance": {},
    "claims": {},
    "recovery_mean": {},
    "recovery_best": {},
    "auc": {"method": "none", "train": ORIGINAL},
    "courses": {},
    "response_to_change": {},
    "recordings": {},
    "paper_comparison": {},
}
# Under so many test recordings in all, means over labels have no interval.
MIN_RECORDINGS = 12


@dataclass(frozen=True)
class ModelInfo:
    """A model; `control` is ``untrained``, ``handcrafted`` or empty."""

    name: str
    title: str
    control: str = ""


@dataclass(frozen=True)
class Run:
    """What the plan knows of a run.

    Attributes
    ----------
    experiment, clips : its name, and where its clips are from
    labels, models, effects : what it analyses
    protocol : its switches; empty for embeddings made elsewhere
    n_dropped : files that were no valid clips
    paper_figures : names of the paper's own figures, in its own run alone
    """

    experiment: str
    clips: str
    labels: Sequence[str]
    models: Sequence[ModelInfo]
    effects: Sequence[EffectInfo]
    protocol: Mapping[str, str] = field(default_factory=dict)
    n_dropped: int = 0
    paper_figures: Sequence[str] = ()


def gather(
    run: Run, tables: Tables, declared: Mapping[str, Table], provenance: Sequence[Mapping]
) -> dict[str, Any]:
    """Gather what the page says.

    Parameters
    ----------
    tables : rows as text of each table of `SHOWN`; of some there may be none
    declared : what each table's columns mean
    provenance : attributes of each store
    """
    effects = {effect.name: effect for effect in run.effects}
    cells = make_matrix(tables, effects)
    controls = [model.name for model in run.models if model.control]
    return {
        "run": asdict(run),
        "statistics": [
            {key: getattr(each, key) for key in ("name", "title", "meaning", "table", "column")}
            for each in STATISTICS
        ],
        "cells": {name: [_plain(asdict(cell)) for cell in each] for name, each in cells.items()},
        "findings": [asdict(each) for each in find_answers(tables, cells, effects, controls)],
        "caveats": list_caveats(run, tables),
        "recordings": count_recordings(tables["recordings"]),
        "tables": {
            name: pack(declared[name], tables[name], SHOWN[name])
            for name in SHOWN
            if name in tables
        },
        "provenance": list(provenance),
    }


def count_recordings(rows: Iterable[Row]) -> dict[str, int]:
    """Sum clips and recordings over labels."""
    columns = ("train_clips", "test_clips", "train_recordings", "test_recordings")
    rows = list(rows)
    return {column: sum(int(row[column]) for row in rows) for column in columns}


def list_caveats(run: Run, tables: Tables) -> list[str]:
    """List what a reader must know before any number; models that aren't trained come first."""
    found = []
    for model in run.models:
        if model.control == "untrained":
            found.append(f"{model.name} has untrained, random weights: it is a control.")
        elif model.control:
            found.append(f"{model.name} is handcrafted, nothing of it is learnt: it is a control.")
    rows = [
        LabelRecordings(**{k: v if k == "label" else int(v) for k, v in row.items()})
        for row in tables["recordings"]
    ]
    n_test = sum(row.test_recordings for row in rows)
    if n_test < MIN_RECORDINGS:
        found.append(
            f"{n_test} test recordings in all: intervals of means over labels need "
            f"{MIN_RECORDINGS}, so most questions stay open."
        )
    found += [f"{fault[0].upper()}{fault[1:]}." for fault in describe_faults(rows, run.labels)]
    if run.n_dropped:
        found.append(f"{run.n_dropped} files were not valid clips and were left out.")
    quiet = sorted(
        {
            f"{row['model']} to {row['effect']}"
            for row in tables["threshold_90"]
            if row["responds"] == "0"
        }
    )
    if quiet:
        found.append(f"Does not respond: {', '.join(quiet)}. What moves there is rounding.")
    saturated = [row["saturated"] == "1" for row in tables.get("global_r2", ()) if row["saturated"]]
    if any(saturated):
        found.append(
            f"The paper's R2 is 1 by identity in {sum(saturated)} of {len(saturated)} cases "
            "(saturated fits): read the correlation of the regularised direction instead."
        )
    if run.protocol.get("reverb_state") == "carried" and any(
        e.name == "reverb" for e in run.effects
    ):
        found.append("A clip's reverb starts with the tail of the clip before it, as in the paper.")
    return found


def pack(table: Table, rows: Sequence[Row], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Pack a table's rows by column: numbers, or the words and each row's position among them.

    `wanted` are the values that rows must have to be in the page. If more than `MAX_ROWS` remain,
    every n-th level stays, or every n-th row of a table without levels.
    """
    kept = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    thinned = ""
    if len(kept) > MAX_ROWS:
        step = math.ceil(len(kept) / MAX_ROWS)
        kept, thinned = _thin(kept, step)
    return {
        "columns": dict(table.columns),
        "keys": list(table.keys),
        "file": f"tables/{table.name}.csv" if table.is_result else "",
        "n_rows": len(rows),
        "only": dict(wanted),
        "thinned": thinned,
        "data": {
            column: _pack_column([row[column] for row in kept], column in table.keys)
            for column in table.columns
        },
        "length": len(kept),
    }


def _thin(rows: list[Row], step: int) -> tuple[list[Row], str]:
    """Keep every `step`-th level of each effect, or row; return also what was done, for people."""
    if "level" not in rows[0]:
        return rows[::step], f"every {step}. row"
    levels: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["level"] != ORIGINAL:
            of_effect = levels.setdefault(row["effect"], {})
            of_effect.setdefault(row["level"], len(of_effect))
    kept = [
        row
        for row in rows
        if row["level"] == ORIGINAL or levels[row["effect"]][row["level"]] % step == 0
    ]
    return kept, f"every {step}. level"


def _pack_column(cells: list[str], is_key: bool) -> Any:
    """Pack numbers as they are; keys stay words, since a label may be called 01."""
    if not is_key:
        with suppress(ValueError):
            return [_round(float(cell)) if cell else None for cell in cells]
    words = sorted(set(cells))
    position = {word: n for n, word in enumerate(words)}
    return {"words": words, "rows": [position[cell] for cell in cells]}


def _round(value: float) -> float | int | str | None:
    """Round to six significant digits; JSON has no infinity."""
    if not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _plain(value: Any) -> Any:
    """Replace numbers that JSON hasn't by None, and round the others."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return _round(value) if isinstance(value, float) else value


def to_json(value: Any) -> str:
    """Write JSON that may stand in a ``<script>`` of HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
