"""Jobs killed with SIGKILL at random moments, and Snakemake with them; then the run is repeated.

`make test-more` kills KILLS = 6 jobs of a run with one model, `make test-faults` 60 of the whole
run.
"""

import base64
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import generic_rules
import pytest

from support.project import Project, copy_checkout
from support.tables import read_model_rows

KILLS = int(os.environ.get("KILLS", "6"))
ALL = KILLS >= 50
SEED = int(os.environ.get("SEED", "0"))
FOLDERS = ("results", "resources", "logs", "benchmarks")
# A run that takes longer hangs.
SECONDS = 1500
# Rules that the tiny experiment has no job of, and where their interruptions are tested.
ELSEWHERE = {
    "download_irmas": "tests/workflow/test_download.py",
    "download_split": "tests/workflow/test_download.py",
    "fetch_weights": "tests/workflow/test_download.py",
    "index_embeddings": "here, on request: as index_clips",
    "import_original": "as embed_original: it writes with store.write_store",
    "import_effect": "as embed_clips: it writes with store.write_store",
    "take_layer": "as embed_original: it writes with store.write_store",
    "convert_weights": "as initialise_model: it writes within atomic.replacing",
    "tabulate_depth": "as the other tables: it writes with tables.write_table",
    "draw_depth": "as the other figures: it writes with figure_style.save_figure",
    "tabulate_paper_comparison": "as the other tables: it writes with tables.write_table",
    "draw_paper_table1": "as the other figures: it writes with figure_style.save_figure",
    "draw_paper_auc": "as the other figures: it writes with figure_style.save_figure",
}
COMPARISON = [
    f"results/comparisons/tiny/other/{name}"
    for name in ("global_r2.csv", "table1.csv", "auc.csv", "summary.csv", "provenance.json",
                 "r2.pdf", "r2.png", "auc.pdf", "auc.png")
]  # fmt: skip


def scripts_of(project: Project) -> dict[int, str]:
    """The process and rule of each job's script that runs now."""
    folder = str(project.path(".snakemake/scripts"))
    found, parents = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        for argument in arguments[1:]:
            if argument.startswith(folder) and argument.endswith(".py"):
                with suppress(OSError):
                    _, parent, *_ = (entry / "stat").read_text().rpartition(") ")[2].split()
                    parents[int(entry.name)] = int(parent)
                    found[int(entry.name)] = rule_of(Path(argument))
    # A worker that a script has just forked has the script's arguments until it has its own.
    return {pid: rule for pid, rule in found.items() if parents[pid] not in found}


def rule_of(script: Path) -> str:
    """The rule that a job's script runs for, in the object that Snakemake pickled into it."""
    (rule,) = re.findall(
        r"rule\\x94\\x8c(?:\\x..|\\.)(\w+)\\x94", script.read_text(encoding="utf-8")
    )
    return rule


def seconds_of(project: Project) -> dict[str, float]:
    """How long the shortest job of each rule took, as its benchmark says."""
    found, patterns = {}, dict(generic_rules.ALL)
    benchmarks = project.path("benchmarks/tiny")
    times = {
        str(path.relative_to(benchmarks)): float(path.read_text().splitlines()[1].split("\t")[0])
        for path in benchmarks.rglob("*.tsv")
    }
    for rule, body in re.findall(
        r"^ *rule (\w+):\n(.*?)\n *script:", rules_text(project), re.M | re.S
    ):
        (patterns[rule],) = re.findall(r'benchmark:\n +f?"(?:<benchmarks>|benchmarks)/(.*?)"', body)
    for rule, pattern in patterns.items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern))
        of_rule = [seconds for name, seconds in times.items() if re.fullmatch(pattern, name)]
        if of_rule:
            found[rule] = min(of_rule)
    return found


def rules_text(project: Project) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in project.path("rules").glob("*.smk"))


def incomplete(project: Project) -> set[str]:
    """Outputs that Snakemake would make again, as their jobs were running when it ended."""
    folder = project.path(".snakemake/incomplete")
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    parts = (str(name).replace("@", "").replace("/", "") for name in names)
    return {base64.b64decode(name + "=" * (-len(name) % 4), b"-_").decode() for name in parts}


def finished_files(project: Project) -> dict[str, tuple[int, int]]:
    """What no later run may touch: the inode and time of every output that is complete."""
    unfinished = incomplete(project)
    found = {}
    for folder in ("results", "resources"):
        for path in project.path(folder).rglob("*"):
            name = str(path.relative_to(project.folder))
            temporary = name.startswith("results/tiny/audio/") or path.name.startswith(".")
            parents = {str(parent) for parent in Path(name).parents}
            if path.is_file() and not temporary and not unfinished & {name, *parents}:
                status = path.stat()
                found[name] = status.st_ino, status.st_mtime_ns
    return found


class Killer:
    """Kills jobs of a project's runs: each rule as often as `due` says, once in a run."""

    def __init__(self, project: Project, due: Counter, seconds: dict[str, float]) -> None:
        self.project, self.due, self.seconds = project, due, seconds
        self.generator = random.Random(SEED)
        self.killed: Counter = Counter()
        self.runs = 0

    def run(self, *arguments: str, group: bool = False, repeated: bool = False) -> int:
        """Run once, killing jobs that are due; with `group` all of Snakemake at the first.

        Nothing that was finished before is touched, unless the run was told to (`repeated`).
        Returns the run's status.
        """
        self.runs += 1
        before = {} if repeated else finished_files(self.project)
        seen: dict[int, str] = {}
        moments: dict[int, float] = {}
        deadline = time.monotonic() + SECONDS
        with (
            open(self.project.path(f"run{self.runs}.txt"), "w", encoding="utf-8") as log,
            self.project.start("--keep-going", *arguments, stdout=log, stderr=log) as run,
        ):
            while run.poll() is None:
                assert time.monotonic() < deadline, "the run hangs"
                for pid, rule in scripts_of(self.project).items():
                    if pid not in seen and self.due[rule] and rule not in seen.values():
                        share = self.generator.uniform(0.02, 0.6)
                        moments[pid] = time.monotonic() + share * self.seconds.get(rule, 1)
                    seen.setdefault(pid, rule)
                for pid in [pid for pid, moment in moments.items() if moment < time.monotonic()]:
                    del moments[pid]
                    rule = seen[pid]
                    if scripts_of(self.project).get(pid) != rule:
                        # It was done already: another job of the rule is killed, and sooner.
                        seen[pid] = ""
                        self.seconds[rule] = self.seconds.get(rule, 1) / 2
                        continue
                    if group:
                        os.killpg(run.pid, signal.SIGKILL)
                        moments.clear()
                    else:
                        os.kill(pid, signal.SIGKILL)
                    self.killed[rule] += 1
                    self.due[rule] -= 1
                time.sleep(0.02)
        while scripts_of(self.project):
            assert time.monotonic() < deadline, "a job outlives its run"
            time.sleep(0.1)
        after = finished_files(self.project)
        changed = [name for name, made in before.items() if after.get(name) != made]
        assert not changed, f"run {self.runs} made again what was finished: {changed}"
        return run.returncode

    def unlock(self) -> None:
        """What a user whose Snakemake was killed meets, and does."""
        refused = self.project.snakemake()
        assert refused.returncode != 0 and "--unlock" in refused.stderr + refused.stdout
        self.project.run("--unlock")


def all_jobs(project: Project) -> dict[str, list]:
    """The jobs of a run from nothing, by rule; the manifest's, which ends it, too."""
    return project.planned("--forceall") | {
        rule: [{}] for rule in ("write_explorer", "write_manifest")
    }


def share_out(jobs: dict[str, list], total: int) -> Counter:
    """How often each rule's jobs are killed: `total` in turn, so that no rule is left out."""
    order = sorted(jobs)
    random.Random(SEED).shuffle(order)
    return Counter(order[turn % len(order)] for turn in range(total))


def same_tree(found: Path, expected: Path, names: list[str]) -> None:
    """Every file of `names` below two folders has the same bytes."""
    assert [name for name in names if not (found / name).is_file()] == []
    differ = [n for n in names if (found / n).read_bytes() != (expected / n).read_bytes()]
    assert differ == []


def test_every_rule_is_killed_or_has_a_reason(finished):
    """A rule that is added is killed too, or this test asks why not."""
    rules = {*re.findall(r"^ *rule (\w+):", rules_text(finished), re.M), *generic_rules.ALL}
    compared = {"compare_experiments", "draw_comparison"}
    assert rules == set(all_jobs(finished)) | compared | set(ELSEWHERE)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    project = copy_checkout(tmp_path / "project")
    if not ALL:
        config = project.read_config()
        config["models"] = {"logmel": {}}
        project.write_config(config)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    return project


@pytest.mark.more
def test_killed_jobs_leave_no_trace_once_the_run_is_repeated(finished, project, tmp_path):
    due = share_out(all_jobs(project), KILLS)
    killer = Killer(project, due, seconds_of(finished))
    groups = wanted = max(1, KILLS // 10)
    while +due:
        assert killer.runs < 3 * KILLS, f"not killed: {+due}"
        if not project.planned():
            # Some jobs were done before their moment: they are killed in another life.
            check_results(finished, project)
            for folder in FOLDERS:
                shutil.rmtree(project.path(folder), ignore_errors=True)
        if killer.run(group=groups > 0) == -signal.SIGKILL:
            groups -= 1
            killer.unlock()
    killer.run()
    counts = ", ".join(f"{rule} {count}" for rule, count in sorted(killer.killed.items()))
    total = killer.killed.total()
    print(f"\n{total} jobs killed in {killer.runs} runs, {wanted} with Snakemake: {counts}")
    assert total == KILLS and groups == 0
    check_results(finished, project)
    # Snakemake's own, of the times when it was killed, and its solver's if it was choosing jobs.
    left = [path.name for path in (tmp_path / "scratch").iterdir()]
    own = [name for name in left if name.startswith("snakemake")]
    assert len(own) <= wanted and all("-pulp." in name for name in set(left) - set(own)), left


def check_results(finished: Project, project: Project) -> None:
    """What an undisturbed run made is there, of the same bytes, and nothing else is."""
    assert project.planned() == {}
    results, expected = project.path("results/tiny"), finished.path("results/tiny")
    names = [str(path.relative_to(expected)) for path in expected.rglob("*") if path.is_file()]
    if ALL:
        same_tree(results, expected, names)
        weights = [
            str(path.relative_to(finished.folder))
            for path in finished.path("resources").rglob("*.npz")
        ]
        same_tree(project.folder, finished.folder, weights)
    else:
        tables = [name for name in names if name.startswith("tables/") and name.endswith(".csv")]
        of_model = [name for name in names if "logmel" in name or name.startswith("clips")]
        same_tree(results, expected, of_model)
        for name in tables:
            found = read_model_rows(results / name, "logmel")
            assert found == read_model_rows(expected / name, "logmel"), name
    everything = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    assert everything <= set(names)
    hidden = [
        str(path)
        for folder in FOLDERS
        for path in project.path(folder).rglob(".*")
        if path.name not in (".snakemake_timestamp", ".audio.json", ".identity")
    ]
    assert hidden == []


@pytest.mark.more
def test_killed_comparisons_leave_no_trace(again):
    shutil.copytree(again.path("results/tiny"), again.path("results/other"))
    again.run(*COMPARISON)
    undisturbed = {name: again.path(name).read_bytes() for name in COMPARISON}
    shutil.rmtree(again.path("results/comparisons"))
    due = Counter({"compare_experiments": 2, "draw_comparison": 2})
    killer = Killer(again, due, dict.fromkeys(due, 1.0))
    while +due:
        assert killer.runs < 20, f"not killed: {+due}"
        if all(again.path(name).exists() for name in COMPARISON):
            shutil.rmtree(again.path("results/comparisons"))
        killer.run(*COMPARISON, repeated=True)
    again.run(*COMPARISON)
    print(f"\n{killer.killed.total()} jobs killed in {killer.runs} runs of a comparison")
    assert {name: again.path(name).read_bytes() for name in COMPARISON} == undisturbed
    assert not [path for path in again.path("results/comparisons").rglob(".*")]
