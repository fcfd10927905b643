"""List files that an experiment's config no longer needs, with sizes; delete them on request.

Needed are the outputs, logs and benchmarks of Snakemake's own plan of the config. Another file is
the workflow's if Snakemake has a record of making it, or if its name is that of a rule's log or
benchmark, or of a file that a killed job left. All others are listed apart and never deleted.
Deleting removes only the listed files, and folders that are then empty.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from snakemake.io import IOFile, strip_wildcard_constraints

from embedding_sensitivity.commands.checkout import (
    MADE_LATER,
    find_environments,
    find_root,
    format_size,
)
from embedding_sensitivity.commands.config_file import give_to_snakemake, read_config
from embedding_sensitivity.experiment import manifest
from embedding_sensitivity.experiment.snakemake_internals import plan_everything
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import printable

WEIGHTS = "resources/weights"
MAKE_WEIGHTS = ("initialise_model", "convert_weights")
CONDA = ".snakemake/conda"
PART = re.compile(r"\..+\.part")
BATCH = re.compile(r".+\.([0-9a-f]{8})\.h5")
ENVIRONMENT = re.compile(r"([0-9a-f]{32}_?)(\.[a-z._-]+)?")


@dataclass(frozen=True)
class Plan:
    """What Snakemake plans for a config.

    Attributes
    ----------
    wanted : all outputs (files or folders), logs and benchmarks
    logs : patterns of the names of logs and benchmarks, for any wildcards
    rule_of : returns the name of the rule that made a file; None if Snakemake has no record
    """

    wanted: frozenset[str]
    logs: tuple[re.Pattern, ...]
    rule_of: Callable[[str], str | None]


@dataclass(frozen=True)
class Entry:
    """A line of the list: a file, or a folder in which `files` are the workflow's."""

    path: str
    why: str
    files: tuple[str, ...] = field(default=())

    @property
    def n_bytes(self) -> int:
        return sum(os.lstat(file).st_size for file in self.files)


def make_plan(config: str) -> Plan:
    """Have Snakemake plan all jobs of a config; nothing is run."""
    workflow = plan_everything(find_root() / "Snakefile", give_to_snakemake(config))
    wanted = set()
    for job in workflow.dag.jobs:
        wanted |= {str(file) for file in (*job.output, *job.log)}
        wanted |= {str(job.benchmark)} if job.benchmark else set()
    rules = list(workflow.rules)
    names = {str(name) for rule in rules for name in (*rule.log, rule.benchmark) if name}
    patterns = tuple(re.compile(_any_wildcards(name)) for name in sorted(names))

    def rule_of(path: str) -> str | None:
        return workflow.persistence.rule(IOFile(path, rule=rules[0]))

    return Plan(frozenset(wanted), patterns, rule_of)


def _any_wildcards(name: str) -> str:
    """Return a regular expression of a file name with any values of its wildcards."""
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(strip_wildcard_constraints(name)))


def find_leftovers(experiment: str, plan: Plan) -> tuple[list[Entry], list[Entry]]:
    """Return leftovers in the experiment's folders: the workflow's own, and others."""
    ours, others = [], []
    current = {
        (os.path.dirname(path), match[1])
        for path in plan.wanted
        if (match := BATCH.fullmatch(os.path.basename(path)))
    }
    folders: dict[str, list[str]] = {}
    for top in ("results", "logs", "benchmarks"):
        for path in list_files(f"{top}/{experiment}"):
            parents = {str(parent) for parent in Path(path).parents}
            if path in plan.wanted or parents & plan.wanted:
                continue
            if top == "results" and path in {f"{top}/{experiment}/{name}" for name in MADE_LATER}:
                continue
            made = next(filter(plan.rule_of, sorted(parents, key=len)), None)
            if PART.fullmatch(os.path.basename(path)):
                ours.append(Entry(path, "left by a job that was killed", (path,)))
            elif top != "results" and any(name.fullmatch(path) for name in plan.logs):
                ours.append(Entry(path, "of a job that is no longer planned", (path,)))
            elif rule := plan.rule_of(path):
                ours.append(Entry(path, _explain(path, rule, current), (path,)))
            elif made and path.endswith(".wav"):
                folders.setdefault(made, []).append(path)
            else:
                others.append(Entry(path, "", (path,)))
    for folder, files in folders.items():
        stamp = f"{folder}/{manifest.TIMESTAMP}"
        files += [stamp] if os.path.exists(stamp) else []
        ours.append(Entry(folder, f"{len(files)} files of {plan.rule_of(folder)}", tuple(files)))
    return ours, others


def list_files(folder: str) -> list[str]:
    """Return all files below a folder; none if there is no such folder."""
    return manifest.files_below(folder) if os.path.isdir(folder) else []


def _explain(path: str, rule: str, current: set[tuple[str, str]]) -> str:
    match = BATCH.fullmatch(os.path.basename(path))
    if rule != "embed_clips" or not match:
        return f"of {rule}"
    if (os.path.dirname(path), match[1]) in current:
        return "levels no longer in the config, or in another batch"
    return "other options, weights, protocol or code: used again if these are restored"


def find_unused_weights(plan: Plan) -> Iterator[Entry]:
    """Yield weights made by a job that neither this config nor any experiment's manifest names.

    Experiments share them; without its weights, an experiment would be embedded again. So if an
    experiment has no manifest, nothing is listed.
    """
    used = set()
    for folder in Path("results").glob("*/"):
        if (folder / "embeddings").is_dir():
            try:
                used |= set(manifest.read(folder / manifest.NAME)["inputs"]["weights"])
            except (InputError, KeyError):
                print(f"weights are not listed: {folder} has no manifest that names those it uses")
                return
    for path in list_files(WEIGHTS):
        if PART.fullmatch(os.path.basename(path)):
            yield Entry(path, "left by a job that was killed", (path,))
        elif path not in plan.wanted | used and plan.rule_of(path) in MAKE_WEIGHTS:
            yield Entry(path, "in no experiment's manifest: made again when asked for", (path,))


def find_unused_environments() -> Iterator[Entry]:
    """Yield environments of this checkout that no file of envs/ describes any more."""
    if not os.path.isdir(CONDA):
        return
    used = {folder.name for folder in find_environments().values()}
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(CONDA)):
        match = ENVIRONMENT.fullmatch(name)
        if match and match[1] not in used:
            found.setdefault(match[1], []).append(f"{CONDA}/{name}")
    for name, paths in found.items():
        files = tuple(chain.from_iterable(map(manifest.files_below, paths)))
        yield Entry(f"{CONDA}/{name}", "of earlier envs/: built again when asked for", files)


def delete(entries: Iterable[Entry]) -> None:
    """Delete the files of entries, and folders that are then empty."""
    for entry in entries:
        if entry.path.startswith(f"{CONDA}/"):
            shutil.rmtree(entry.path, ignore_errors=True)  # links to folders in it, not their files
        for file in entry.files:
            Path(file).unlink(missing_ok=True)
        for folder in {os.path.dirname(file) for file in entry.files} - {CONDA, WEIGHTS}:
            with contextlib.suppress(OSError):  # not empty
                os.removedirs(folder)


def show(entries: Iterable[Entry]) -> None:
    for entry in sorted(entries, key=lambda entry: entry.path):
        why = f"  ({entry.why})" if entry.why else ""
        print(f"{format_size(entry.n_bytes):>10}  {printable(entry.path)}{why}")


def tidy(config: str, deleting: bool) -> None:
    """List what a config's experiment no longer needs, and delete it if `deleting`."""
    experiment = read_config(config)["experiment"]
    if any(Path(".snakemake/locks").glob("*.lock")):
        raise InputError(
            "Snakemake is running here, or was killed: wait for it, or run `snakemake --unlock`"
        )
    plan = make_plan(config)
    ours, others = find_leftovers(experiment, plan)
    ours += [*find_unused_weights(plan), *find_unused_environments()]
    show(ours)
    total = format_size(sum(entry.n_bytes for entry in ours))
    n_files = sum(len(entry.files) for entry in ours)
    if others:
        print("Not made by the workflow, as far as is recorded; never deleted here:")
        show(others)
    if deleting:
        delete(ours)
        print(f"{config}: deleted {n_files} files, {total}")
    else:
        hint = f": `make tidy CONFIG={config} DELETE=yes` deletes them" if ours else ""
        print(f"{config}: {n_files} files that it no longer needs, {total}{hint}")
