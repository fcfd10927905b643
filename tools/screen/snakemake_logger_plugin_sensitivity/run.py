"""What is known of a run from Snakemake's log records, and what is said of it at the end."""

import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Stages in the order that data flows, and how the names of their rules begin. A rule that none of
# these begins is a stage of its own.
STAGES = (
    ("downloads", ("download_", "fetch_")),
    ("clips", ("render_demo_clips", "index_")),
    ("effects", ("render_effect", "keep_audio")),
    ("embeddings", ("initialise_", "embed_", "import_", "assemble_")),
    ("measures", ("measure",)),
    ("classifiers", ("measure_debiasing",)),
    ("trajectories", ("measure_trajectories",)),
    ("tables", ("tabulate_", "compare_")),
    ("figures", ("draw_",)),
    ("manifest", ("write_manifest",)),
)
# Rules that only gather what others make.
TARGETS = ("all", "tables")
LINE = re.compile(r"^\d{4}-\d\d-\d\d \S+ (NOTE|WARNING|ERROR|CRITICAL) (.*)$")
# Of a failed job's log, where it has no line of level ERROR, and of what jobs printed.
N_LAST_LINES = 5
MAX_REASON = 160
# Snakemake's reason for all jobs whose inputs other jobs of the run make.
FOLLOWS = "Input files updated by another job: "


def stage_of(rule: str) -> str:
    """The stage that a rule belongs to: the one with the longest beginning of its name."""
    fitting = [
        (len(beginning), stage)
        for stage, beginnings in STAGES
        for beginning in beginnings
        if rule.startswith(beginning)
    ]
    return max(fitting, default=(0, rule))[1]


def duration(seconds: float) -> str:
    """A time for people: ``7 s``, ``4 min 2 s``, ``3 h 5 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def n_jobs(number: int) -> str:
    """A number of jobs: ``1 job``, ``12 jobs``."""
    return f"{number} job" if number == 1 else f"{number} jobs"


def shorten(reason: str) -> str:
    """A reason that names files: how many, and the first; cut to one line.

    That it follows from other jobs is said of a job that has no reason of its own.
    """

    def count(found: re.Match) -> str:
        files = found[2].split(", ")
        return found[0] if len(files) < 3 else f"{found[1]}{len(files)} files, first {files[0]}"

    # As Snakemake words it: "Kind of reason: file, file; Another kind: file".
    parts = " ".join(reason.split()).split("; ")
    own = [part for part in parts if not part.startswith(FOLLOWS)]
    text = re.sub(r"([^;:]+: )([^;]+)", count, "; ".join(own)) if own else "follows from other jobs"
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 3] + "..."


@dataclass
class Job:
    """A job as Snakemake announced it.

    `old_logs` has the state of logs that were there before it, `printed` what was printed last when
    it failed.
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
        """From the fields of a record about a job."""
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
        """What its logs have of some levels; a log that is not there or no text has nothing."""
        found = [LINE.match(line) for path in self._own_logs() for line in _read(path)]
        return [match[2] for match in found if match and match[1] in levels]

    def explain_failure(self) -> list[str]:
        """The errors that its logs have; else how they end, and what was printed last.

        A job that died before it logged anything leaves the log of an earlier run, if any.
        """
        errors = self.lines("ERROR", "CRITICAL")
        if errors and "uncaught error" not in errors[-1]:
            return errors[-1:]
        ends = [line for path in self._own_logs() for line in _read(path)[-N_LAST_LINES:]]
        if not errors:
            ends += self.printed
        return ends or ["no error was logged or printed: was it killed, or out of memory?"]

    def was_stopped(self) -> bool:
        """Whether it ended as a user's Ctrl-C ends it, with the run."""
        return any(_read(path)[-1:] == ["KeyboardInterrupt"] for path in self._own_logs())

    def _own_logs(self) -> list[str]:
        """Its logs, without those that are as an earlier run left them."""
        return [path for path in self.logs if _state(path) != self.old_logs.get(path)]


def _state(path: str) -> tuple[int, int] | None:
    """What differs where a file was written anew; None of no file."""
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
    spared : of the jobs that were planned, those that turned out to be up to date
    failed : jobs that failed, the last try alone
    made : the workflow's own closing lines, of a run that succeeded
    printed : the file that has what jobs print
    errors : exceptions that Snakemake reported, but for those of jobs
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
        """Snakemake begins to look what there is to do."""
        self.started = time.monotonic()

    def plan(self, stats: Mapping[str, int]) -> None:
        """Take how many jobs each rule has."""
        self.total = Counter()
        for rule, number in stats.items():
            if rule not in (*TARGETS, "total"):
                self.total[stage_of(rule)] += number

    def add(self, job: Job) -> None:
        """A job that starts now, or that a dry run would start."""
        self.jobs[job.number] = job
        self.first.setdefault(stage_of(job.rule), job.began)

    def finish(self, number: int) -> Iterator[tuple[str, str]]:
        """A job is done; yields what its logs have for users, and whose it is."""
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
        """A job failed, or those of a group."""
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
        """The stages that have jobs, in order."""
        order = [stage for stage, _ in STAGES]
        rank = {stage: index for index, stage in enumerate(order)}
        return sorted(self.total, key=lambda stage: (rank.get(stage, len(order)), stage))

    def seconds_left(self) -> float | None:
        """An estimate; None before enough jobs are done to make one.

        A job left is taken to last as long as its stage's so far, or as all so far; and as many run
        at a time as did on average.
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
        """The last lines of a run."""
        if self.failed:
            return [*self._failures()]
        if self.nothing_to_do:
            return ["Nothing to be done: everything that was asked for is there and up to date."]
        if self.started is None or (self.errors and not self.total):
            return []  # the error was the last that was said
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
