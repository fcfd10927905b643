"""The lines after a run: where its results are and its largest effects, or what is missing."""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from embedding_sensitivity.downloads.fetch import find_fetch_fault
from embedding_sensitivity.downloads.published_files import find_source, local_weights
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.measures import VERDICTS
from embedding_sensitivity.experiment.settings import Settings
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.files.errors import InputError

Rows = list[Mapping[str, str]]


def closing_lines(
    results: str,
    logs: str,
    config: str,
    controls: Collection[str] = (),
    left_out: str = "",
    units: Mapping[str, str] | None = None,
) -> list[str]:
    """Say where the results are, name three effects and count claims, in at most nine lines.

    Parameters
    ----------
    results, logs : the experiment's folders
    config : its config file, for the command that makes the report
    controls : names of the models that are controls
    left_out : what a run without originals leaves out, `plan.describe_left_out`
    units : of the levels, by effect
    """
    tables, figures = Path(results, "tables"), Path(results, "figures")
    lines = []
    if n_figures := len(list(figures.glob("*.png"))):
        lines.append(f"figures  {figures}/ ({n_figures}, each as PDF and PNG)")
        config = shlex.quote(config)
        lines.append(f"report   snakemake --configfile {config} --report {results}/report.html")
    if n_tables := len(list(tables.glob("*.csv"))):
        lines.append(f"tables   {tables}/ ({n_tables}; results/README.md explains their columns)")
    lines += find_largest_effects(tables, controls, units or {})
    lines += [left_out] if left_out else []
    lines.append(f"logs     {logs}/ (of jobs), .snakemake/log/ (of runs)")
    if (page := Path(results, "explorer.html")).exists():
        lines.append(f"answers  {page} (open it in a browser)")
    return lines


def find_largest_effects(
    tables: str | Path, controls: Collection[str], units: Mapping[str, str]
) -> list[str]:
    """Describe the largest displacement, drop of ROC AUC and correlation, and verdicts on claims.

    Controls count only if there is no other model. A table that is missing or has no number is left
    out; for one that cannot be read, the line says why.
    """
    found = []
    for table, find in FINDINGS:
        path = Path(tables, f"{table}.csv")
        if not path.exists():
            continue
        try:
            rows = read_table(path, table)
        except (InputError, OSError) as error:
            found.append(str(error))
            continue
        trained = [row for row in rows if row["model"] not in controls]
        if line := find(trained or rows, units):
            found.append(line)
    return found


def _find_largest(rows: Iterable[Mapping], value: Callable[[Mapping], float]) -> Mapping | None:
    """Return the first row with the largest value; None if there are no rows."""
    return max(rows, key=value, default=None)


def _cite_row(table: str, row: Mapping, *keys: str) -> str:
    return f"({table}.csv: {', '.join(f'{key} {row[key]}' for key in keys if row[key])})"


def _name_level(row: Mapping, level: str, units: Mapping[str, str]) -> str:
    return f"{row['effect']} at {row[level]} {units.get(row['effect'], '')}".rstrip()


def _describe_displacement(rows: Rows, units: Mapping[str, str]) -> str | None:
    known = [row for row in rows if row["relative"] not in ("", "nan", "inf")]
    row = _find_largest(known, lambda row: float(row["relative"]))
    return row and (
        f"{_name_level(row, 'level', units)} moves {row['model']} most: "
        f"{float(row['relative']):.2g} times the distance between labels "
        f"{_cite_row('displacement', row, 'label')}"
    )


def _describe_auc_drop(rows: Rows, units: Mapping[str, str]) -> str | None:
    rows = [row for row in rows if row["method"] == "none" and row["train"] == ORIGINAL]
    keys = ("model", "effect", "label")
    plain = {
        tuple(row[key] for key in keys): float(row["roc_auc"])
        for row in rows
        if row["test"] == ORIGINAL and row["roc_auc"]
    }
    known = [row for row in rows if row["roc_auc"] and tuple(row[key] for key in keys) in plain]

    def drop(row: Mapping) -> float:
        return plain[tuple(row[key] for key in keys)] - float(row["roc_auc"])

    row = _find_largest(known, drop)
    if row is None or drop(row) <= 0:
        return None
    return (
        f"{_name_level(row, 'test', units)} costs {row['model']} most: ROC AUC of {row['label']} "
        f"falls from {drop(row) + float(row['roc_auc']):.3f} to {float(row['roc_auc']):.3f} "
        f"{_cite_row('auc', row, 'method', 'train', 'test')}"
    )


def _describe_order(rows: Rows, _: Mapping[str, str]) -> str | None:
    known = [row for row in rows if row["rho_ridge"] not in ("", "nan")]
    row = _find_largest(known, lambda row: float(row["rho_ridge"]))
    return row and (
        f"{row['effect']} is read best from {row['model']}: correlation of test clips with its "
        f"level {float(row['rho_ridge']):.3f} {_cite_row('regularised', row, 'label')}"
    )


def _describe_claims(rows: Rows, _: Mapping[str, str]) -> str | None:
    counts: dict[str, Counter] = {}
    for row in rows:
        counts.setdefault(row["claim"], Counter())[row["verdict"]] += 1
    cases = {(row["model"], row["effect"]) for row in rows}
    said = (
        f"{claim} {'/'.join(str(found[verdict]) for verdict in VERDICTS)}"
        for claim, found in counts.items()
    )
    return rows and (
        f"the paper's claims, {' / '.join(VERDICTS)}, of {len(cases)} models and effects: "
        f"{', '.join(said)} (claims.csv)"
    )


FINDINGS = (
    ("displacement", _describe_displacement),
    ("auc", _describe_auc_drop),
    ("regularised", _describe_order),
    ("claims", _describe_claims),
)


def missing_downloads(outputs: Iterable[str | os.PathLike], settings: Settings) -> list[str]:
    """Return one line for each download that is missing or wrong, saying what to do.

    `outputs` are all files and folders that a run has left to make; ``<resources>/downloads`` and
    ``<resources>/weights.lock`` are found beside them.
    """
    lines = {}
    for output in map(Path, outputs):
        if source := find_source(output.name, settings.sources):
            above = output.parents[1] if output.parent.name == "weights" else output.parent
            # The split has no local file: `data.split` replaces the published one altogether.
            local = settings.data.local if source.name == "irmas" else None
            local = next(iter(local_weights(settings.choices, source)), local)
            lines[source.name] = find_fetch_fault(
                source, above / "downloads", local, above / "weights.lock"
            )
    return [lines[name] for name in settings.sources if lines.get(name)]
