"""The object that Snakemake gives a script, to run it in an editor, a notebook or a test.

In a checkout, with the Python of the script's environment and workflow_scripts/ on its path::

    import measure
    from embedding_sensitivity.commands.mock_snakemake import mock_snakemake

    wildcards = {"model": "logmel", "effect": "gain"}
    measure.main(mock_snakemake("measure_sensitivity", wildcards, config="config/demo.yaml"))

Only the checkout's .venv needs Snakemake.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from embedding_sensitivity.commands.checkout import find_root
from embedding_sensitivity.files.errors import InputError

FILES = ("input", "output", "log")
VALUES = ("params", "wildcards", "resources")


class Items(list):
    """Files or values of a job, by position or by name."""

    def __init__(self, items: Iterable = (), named: Mapping[str, Any] | None = None) -> None:
        super().__init__(items)
        self._named = dict(named or {})
        self.__dict__.update(self._named)

    def __getitem__(self, key):
        return self._named[key] if isinstance(key, str) else super().__getitem__(key)

    def get(self, name: str, default: Any = None) -> Any:
        return self._named.get(name, default)

    def keys(self):
        return self._named.keys()

    def items(self):
        return self._named.items()


def mock_snakemake(
    rule: str,
    wildcards: Mapping[str, str] | None = None,
    *,
    config: str | Path | None = None,
    threads: int = 1,
    **given: Any,
) -> SimpleNamespace:
    """Return the object that a rule's script gets, from the real workflow or from given values.

    Parameters
    ----------
    rule : the rule's name
    wildcards : its wildcards' values
    config : a config file: then all else comes from the rules, for a run in the current folder
    threads : cores to use
    given : without `config`: `input`, `output`, `log` (a file, a list, or names with files),
        `params` and `resources` (names with values)

    Raises
    ------
    InputError
        if the workflow has no such rule or job
    """
    wildcards = dict(wildcards or {})
    if config is not None:
        fields = _ask_workflow(rule, wildcards, Path(config), threads)
    else:
        if unknown := set(given) - {*FILES, *VALUES}:
            raise TypeError(f"unknown: {', '.join(sorted(unknown))}")
        fields = {name: _split_files(given.get(name, ())) for name in FILES}
        given["wildcards"] = wildcards
        fields |= {name: _values(given.get(name, {})) for name in VALUES}
        fields["threads"] = threads
    items = {name: Items(*fields[name]) for name in (*FILES, *VALUES)}
    return SimpleNamespace(rule=rule, threads=fields["threads"], **items)


def _split_files(given) -> tuple[list[str], dict]:
    """Return paths as text, by position and by name; a list with a name takes several positions."""
    if isinstance(given, str | os.PathLike):
        given = [given]
    if not isinstance(given, Mapping):
        return [str(path) for path in given], {}
    named = {
        name: str(value) if isinstance(value, str | os.PathLike) else _split_files(value)[0]
        for name, value in given.items()
    }
    items = []
    for value in named.values():
        items += [value] if isinstance(value, str) else value
    return items, named


def _values(given: Mapping[str, Any]) -> tuple[list, dict]:
    return list(given.values()), dict(given)


def _ask_workflow(rule: str, wildcards: dict[str, str], config: Path, threads: int) -> dict:
    """Have the checkout's Snakemake plan a job, in a separate process."""
    root = find_root()
    with tempfile.NamedTemporaryFile(suffix=".pickle") as answer:
        request = repr(
            (str(root / "Snakefile"), rule, wildcards, str(config), threads, answer.name)
        )
        done = subprocess.run(
            [root / ".venv" / "bin" / "python", "-P", "-m", __spec__.name, request],
            env=os.environ | {"PYTHONPATH": str(root / "workflow_scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            *_, reason = [rule, *filter(None, map(str.strip, done.stdout.splitlines()))]
            raise InputError(f"rule {rule} with {wildcards} of {config} has no job: {reason}")
        return pickle.load(answer)


def _write_job(
    snakefile: str, rule: str, wildcards: dict[str, str], config: str, threads: int, answer: str
) -> None:
    """Write a job's fields as plain values to the file `answer`."""
    from embedding_sensitivity.experiment.snakemake_internals import make_job

    job = make_job(Path(snakefile), config, rule, wildcards, threads)
    fields: dict[str, Any] = {"threads": job.threads}
    for name in FILES:
        files = getattr(job, name)
        fields[name] = _split_files(list(files))[0], _split_files(dict(files.items()))[1]
    for name in VALUES:
        values = dict(getattr(job, name).items())
        # Snakemake has not called the functions among the resources yet.
        fields[name] = _values({k: v for k, v in values.items() if not callable(v)})
    with open(answer, "wb") as file:
        pickle.dump(fields, file)


if __name__ == "__main__":
    import ast

    _write_job(*ast.literal_eval(sys.argv[1]))
