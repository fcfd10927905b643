"""Collect what Snakemake's log records say about a run, and write its last lines."""

import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Stages in the order data flows, with the beginnings of their rules' names. Other rules are stages
# of their own.
STAGES = (
    ("downloads", ("download_", "fetch_")),
    ("clips", ("render_demo_clips", "index_")),
    ("effects", ("render_effect", "keep_audio", "compare_signals")),
    ("embeddings", ("convert_", "initialise_", "embed_", "import_", "take_layer", "assemble_")),
    ("measures", ("measure",)),
    ("classifiers", ("measure_debiasing",)),
    ("trajectories", ("measure_trajectories",)),
    ("tables", ("tabulate_", "compare_", "write_cards")),
    ("figures", ("draw_",)),
    ("explorer", ("render_snippets", "write_explorer")),
    ("manifest", ("write_manifest",)),
)
# Rules that only gather what others make.
TARGETS = ("all", "tables")
LINE = re.compile(r"^\d{4}-\d\d-\d\d \S+ (NOTE|WARNING|ERROR|CRITICAL) (.*)$")
# Lines shown of a failed job's log without an error, and of what jobs printed.
N_LAST_LINES = 5
MAX_REASON = 160
# Snakemake's reason for jobs that depend on other jobs of the run.
FOLLOWS = "Input files updated by another job: "


def stage_of(rule: str) -> str:
    """Return a rule's stage: the one with the longest matching beginning."""
    fitting = [
        (len(beginning), stage)
        for stage, beginnings in STAGES
        for beginning in beginnings
        if rule.startswith(beginning)
    ]
    return max(fitting, default=(0, rule))[1]


def duration(seconds: float) -> str:
    """Format a time for people: ``7 s``, ``4 min 2 s``, ``3 h 5 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def n_jobs(number: int) -> str:
    """Format a number of jobs: ``1 job``, ``12 jobs``."""
    return f"{number} job" if number == 1 else f"{number} jobs"


def shorten(reason: str) -> str:
    """Shorten a reason to one line: of several files, name their number and the first.

    Says that a job follows from others only if it has no reason of its own.
    """

    def count(found: re.Match) -> str:
        files = found[2].split(", ")
        return found[0] if len(files) < 3 else f"{found[1]}{len(files)} files, first {files[0]}"

    # In Snakemake's form: "Kind of reason: file, file; Another kind: file".
    parts = " ".join(reason.split()).split("; ")
    own = [part for part in parts if not part.startswith(FOLLOWS)]
    text = re.sub(r"([^;:]+: )([^;]+)", count, "; ".join(own)) if own else "follows from other jobs"
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 3] + "..."


@dataclass
class Job:
    """A job as Snakemake announced it.

    `old_logs` is the state of logs that existed before, `printed` the last output when it failed.
    """

    number: int
    rule: str
    wildcards: Mapping[str, str]
    logs: list[str]
    reason: str
    began: float
    old_logs: dict[str, tuple[int, int]]
    printed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, fields: Mapping) -> "Job":
        """Make a job from the fields of a record."""
        logs = [str(path) for path in fields.get("log") or ()]
        return cls(
            fields.get("jobid"),
            fields["rule_name"],
            dict(fields.get("wildcards") or {}),
            logs,
            str(fields.get("reason") or ""),
            time.monotonic(),
            {path: state for path in logs if (state := _state(path))},
        )

    def __str__(self) -> str:
        chosen = ", ".join(f"{key}={value}" for key, value in self.wildcards.items())
        return f"{self.rule} ({chosen})" if chosen else self.rule

    def lines(self, *levels: str) -> list[str]:
        """Return the messages of some levels in its logs."""
        found = [LINE.match(line) for path in self._own_logs() for line in _read(path)]
        return [match[2] for match in found if match and match[1] in levels]

    def explain_failure(self) -> list[str]:
        """Return the last error in its logs; else their last lines and the last output."""
        errors = self.lines("ERROR", "CRITICAL")
        if errors and "uncaught error" not in errors[-1]:
            return errors[-1:]
        ends = [line for path in self._own_logs() for line in _read(path)[-N_LAST_LINES:]]
        if not errors:
            ends += self.printed
        return ends or ["no error was logged or printed: was it killed, or out of memory?"]

    def was_stopped(self) -> bool:
        """Whether Ctrl-C ended it with the run."""
        return any(_read(path)[-1:] == ["KeyboardInterrupt"] for path in self._own_logs())

    def _own_logs(self) -> list[str]:
        """Return its logs, without those of an earlier run."""
        return [path for path in self.logs if _state(path) != self.old_logs.get(path)]


def _state(path: str) -> tuple[int, int] | None:
    """Return a file's time and size, which change when it is written; None if there is no file."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _read(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


@dataclass
class Run:
    """Everything that the display and the closing lines need.

    Attributes
    ----------
    total, done : jobs by stage, without targets
    spared : planned jobs that turned out to be up to date
    failed : jobs whose last attempt failed
    made : the workflow's own closing lines after a successful run
    printed : the file with what jobs print
    errors : exceptions that Snakemake reported, without those of jobs
    """

    dry: bool
    started: float | None = None
    nothing_to_do: bool = False
    total: Counter = field(default_factory=Counter)
    done: Counter = field(default_factory=Counter)
    spared: Counter = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    jobs: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    printed: Path | None = None
    errors: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Note that Snakemake starts planning."""
        self.started = time.monotonic()

    def plan(self, stats: Mapping[str, int]) -> None:
        """Note the number of jobs of each rule."""
        self.total = Counter()
        for rule, number in stats.items():
            if rule not in (*TARGETS, "total"):
                self.total[stage_of(rule)] += number

    def add(self, job: Job) -> None:
        """Note a job that starts, or that a dry run would start."""
        self.jobs[job.number] = job
        self.first.setdefault(stage_of(job.rule), job.began)

    def finish(self, number: int) -> Iterator[tuple[str, str]]:
        """Note that a job is done; yield the messages for users in its logs, and their origin."""
        job = self.jobs.get(number)
        if job is None or job.rule in TARGETS:
            return
        self.failed.pop(number, None)
        stage = stage_of(job.rule)
        self.done[stage] += 1
        self.seconds[stage] += time.monotonic() - job.began
        yield from ((text, "") for text in job.lines("NOTE"))
        yield from ((f"warning: {text}", f" ({job.rule})") for text in job.lines("WARNING"))

    def fail(self, fields: Mapping) -> None:
        """Note that a job failed, or the jobs of a group."""
        for each in fields.get("job_error_info") or [fields]:
            job = Job.of({**each, "rule_name": each.get("rule_name") or "a job"})
            known = self.jobs.get(job.number)
            if known is not None:
                job.wildcards, job.logs = known.wildcards, job.logs or known.logs
            job.old_logs = known.old_logs if known else {}
            job.printed = _read(self.printed)[-N_LAST_LINES:] if self.printed else []
            if not job.was_stopped():
                self.failed[job.number] = job

    def stages(self) -> list[str]:
        """Return the stages that have jobs, in order."""
        order = [stage for stage, _ in STAGES]
        rank = {stage: index for index, stage in enumerate(order)}
        return sorted(self.total, key=lambda stage: (rank.get(stage, len(order)), stage))

    def seconds_left(self) -> float | None:
        """Estimate the time left; None until enough jobs are done.

        Each job left takes the average time of its stage, or of all jobs. As many run in parallel
        as did on average.
        """
        n_done, elapsed = self.done.total(), time.monotonic() - (self.started or time.monotonic())
        worked = sum(self.seconds.values())
        if n_done < 5 or n_done < 0.1 * self.total.total() or not worked or not elapsed:
            return None
        left = 0.0
        for stage, number in self.total.items():
            done = self.done[stage]
            each = self.seconds[stage] / done if done else worked / n_done
            left += each * (number - done)
        return left * elapsed / worked

    def closing(self) -> list[str]:
        """Return the last lines of a run."""
        if self.failed:
            return [*self._failures()]
        if self.nothing_to_do:
            return ["Nothing to be done: everything that was asked for exists and is up to date."]
        if self.started is None or (self.errors and not self.total):
            return []  # the error was already printed
        if self.dry:
            return self._dry()
        n_done, n_spared = self.done.total(), self.spared.total()
        if not self.made and n_done + n_spared < self.total.total():
            return [self._describe_kept(), *self.errors]  # it was stopped
        elapsed = duration(time.monotonic() - self.started)
        spared = f"; {n_spared} more were not needed: their inputs came out the same"
        return [f"Done: {n_jobs(n_done)} in {elapsed}{spared if n_spared else ''}.", *self.made]

    def _dry(self) -> list[str]:
        by_rule = defaultdict(list)
        for job in self.jobs.values():
            if job.rule not in TARGETS:
                by_rule[job.rule].append(job)
        order = [stage for stage, _ in STAGES]
        rank = {stage: index for index, stage in enumerate(order)}
        rules = sorted(by_rule, key=lambda rule: (rank.get(stage_of(rule), len(order)), rule))
        width = max(map(len, rules), default=0)
        lines = [
            f"{rule:{width}} {len(by_rule[rule]):5}  {shorten(by_rule[rule][0].reason)}"
            for rule in rules
        ]
        total = sum(map(len, by_rule.values()))
        return [*lines, f"{'total':{width}} {total:5}  dry run: nothing was done (-n)"]

    def _describe_kept(self) -> str:
        n_done, total = self.done.total(), self.total.total()
        return f"{n_done} of {n_jobs(total)} done and kept: run again to go on from there."

    def _failures(self) -> Iterator[str]:
        yield self._describe_kept()
        for job in self.failed.values():
            yield f"Failed: {job}"
            if job.logs:
                yield f"  log: {', '.join(job.logs)}"
            if job.printed:
                yield f"  printed: {os.path.relpath(self.printed)}"
            yield from (f"  {line}" for line in job.explain_failure())
