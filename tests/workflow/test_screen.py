"""What a run shows: the logger plugin fed with records as Snakemake makes them, and real runs."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import generic_rules
import pytest
from snakemake_interface_logger_plugins.common import LogEvent

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "screen"))

from snakemake_logger_plugin_sensitivity import LogHandler  # noqa: E402
from snakemake_logger_plugin_sensitivity.display import MAX_SILENCE  # noqa: E402
from snakemake_logger_plugin_sensitivity.run import Run, duration, shorten, stage_of  # noqa: E402

RULES = {"index_clips": 1, "measure": 2, "my_own_rule": 1, "all": 1, "total": 5}


class Screen:
    """The plugin on a stream that is, or is no, terminal."""

    def __init__(self, monkeypatch, terminal=False, kind="xterm", **settings):
        self.stream = io.StringIO()
        self.stream.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stderr", self.stream)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("TERM", kind)
        monkeypatch.setenv("SENSITIVITY_SCREEN", "")
        given = {
            "printshellcmds": False, "nocolor": True, "quiet": None, "debug_dag": False,
            "verbose": False, "show_failed_logs": True, "stdout": False, "dryrun": False,
        }  # fmt: skip
        self.handler = LogHandler(SimpleNamespace(**(given | settings)), None)

    def tell(self, text=None, level=logging.INFO, **fields):
        record = logging.LogRecord("snakemake", level, "", 0, text, (), None)
        vars(record).update(fields)
        self.handler.emit(record)

    def start(self, rules=RULES):
        self.tell("Workflow has started!", event=LogEvent.WORKFLOW_STARTED)
        self.tell("Job stats", event=LogEvent.RUN_INFO, stats=rules)

    def job(self, number, rule, log=(), reason="Missing output files: a.csv", **wildcards):
        job = {"jobid": number, "rule_name": rule, "wildcards": wildcards, "log": list(log)}
        self.tell(event=LogEvent.JOB_INFO, reason=reason, **job)
        for path in log:
            os.utime(path, ns=(0, 0))  # as the job writes it
        return job

    def run(self, number, rule, **more):
        self.job(number, rule, **more)
        self.tell(f"Finished jobid: {number}", event=LogEvent.JOB_FINISHED, job_id=number)

    def end(self) -> list[str]:
        self.handler.close()
        return self.stream.getvalue().splitlines()


@pytest.fixture
def screen(monkeypatch):
    return Screen(monkeypatch)


def test_without_a_terminal_each_stage_is_a_line(screen):
    screen.start()
    screen.tell("Activating conda environment: .snakemake/conda/abc_")
    screen.run(1, "index_clips")
    screen.run(2, "measure", model="m", effect="gain")
    screen.run(3, "measure", model="m", effect="reverb")
    screen.run(4, "my_own_rule")
    screen.run(5, "all")
    screen.tell("tables results/x/tables\nlogs logs/x", closing=True)
    lines = screen.end()
    assert lines[0] == "4 jobs: clips 1, measures 2, my_own_rule 1"
    assert lines[1:4] == [
        "clips: 1 job, 0 s (1 of 4 done)",
        "measures: 2 jobs, 0 s (3 of 4 done)",
        "my_own_rule: 1 job, 0 s (4 of 4 done)",
    ]
    assert lines[4:] == ["Done: 4 jobs in 0 s.", "tables results/x/tables", "logs logs/x"]


def test_without_a_terminal_a_run_is_not_silent_for_long(screen):
    screen.start()
    screen.run(1, "index_clips")
    screen.run(2, "measure")  # soon after
    screen.handler.display.spoke -= MAX_SILENCE
    screen.job(3, "measure")
    screen.run(4, "my_own_rule")
    assert screen.end()[1:4] == [
        "clips: 1 job, 0 s (1 of 4 done)",
        "2 of 4 jobs, 0 s",
        "my_own_rule: 1 job, 0 s (3 of 4 done)",
    ]


def test_a_terminal_shows_bars_and_the_closing_lines_last(monkeypatch):
    screen = Screen(monkeypatch, terminal=True)
    screen.start()
    screen.run(1, "index_clips")
    screen.tell("tables results/x/tables", closing=True)
    lines = screen.end()
    assert any("clips" in line and "1 of 1" in line for line in lines)
    assert any("measures" in line and "0 of 2" in line for line in lines)
    assert lines[-1] == "tables results/x/tables"


def test_each_warning_is_said_once_with_the_rule_that_said_it_first(screen, tmp_path):
    log = tmp_path / "job.log"
    log.write_text(
        "2026-11-28 12:00:00,000 INFO numpy 2.4\n"
        "2026-11-28 12:00:00,000 NOTE licensed CC BY 4.0\n"
        "2026-11-28 12:00:00,000 WARNING matrix products are slow\n"
    )
    screen.start()
    screen.run(1, "index_clips", log=[log])
    screen.run(2, "measure", log=[log])
    screen.tell("Snakemake warns", level=logging.WARNING)
    screen.tell("Snakemake warns", level=logging.WARNING)
    lines = screen.end()
    assert lines.count("licensed CC BY 4.0") == 1
    assert [line for line in lines if line.startswith("warning: ")] == [
        "warning: matrix products are slow (index_clips)", "warning: Snakemake warns",
    ]  # fmt: skip


def test_why_a_job_failed_is_the_last_line(screen, tmp_path):
    log = tmp_path / "job.log"
    log.write_text(
        "2026-11-28 12:00:00,000 INFO measure\n"
        "2026-11-28 12:00:00,000 ERROR gain.h5: truncated: copy the file again\n"
    )
    screen.start()
    screen.run(1, "index_clips")
    job = screen.job(2, "measure", log=[log], model="m", effect="gain")
    screen.tell(event=LogEvent.JOB_ERROR, level=logging.ERROR, **job)
    screen.tell("Exiting because a job execution failed. Look below", level=logging.ERROR)
    screen.tell("WorkflowError:\nAt least one job did not complete.", level=logging.ERROR)
    assert screen.end()[-4:] == [
        "1 of 4 jobs done and kept: run again to go on from there.",
        "Failed: measure (model=m, effect=gain)",
        f"  log: {log}",
        "  gain.h5: truncated: copy the file again",
    ]


def test_of_a_fault_of_the_program_the_last_lines_of_its_traceback_are_shown(screen, tmp_path):
    log = tmp_path / "job.log"
    trace = [f"  line {number}" for number in range(20)] + ["NameError: name 'x' is not defined"]
    log.write_text("2026-11-28 12:00:00,000 CRITICAL uncaught error\n" + "\n".join(trace))
    screen.start()
    screen.tell(event=LogEvent.JOB_ERROR, **screen.job(2, "measure", log=[log]))
    lines = screen.end()
    assert lines[-1] == "  NameError: name 'x' is not defined" and "    line 19" in lines


def test_a_job_that_died_without_a_word_is_not_given_an_earlier_runs_reason(screen, tmp_path):
    log = tmp_path / "job.log"
    log.write_text("2026-11-28 12:00:00,000 ERROR of yesterday\n")
    screen.start({"measure": 1})
    job = {"jobid": 1, "rule_name": "measure", "wildcards": {}, "log": [log]}
    screen.tell(event=LogEvent.JOB_INFO, reason="", **job)
    screen.tell(event=LogEvent.JOB_ERROR, **job)
    assert screen.end()[-1] == "  no error was logged or printed: was it killed, or out of memory?"


def test_what_a_job_printed_before_it_could_log_is_its_reason(screen, tmp_path):
    printed = tmp_path / "run.stderr"
    printed.write_text("Traceback:\nImportError: no module x\n")
    screen.start({"measure": 1})
    screen.handler.run.printed = printed
    screen.tell(event=LogEvent.JOB_ERROR, **screen.job(1, "measure"))
    *_, named, _, last = screen.end()
    assert last == "  ImportError: no module x" and named.startswith("  printed: ")


def test_standard_error_is_a_file_while_jobs_run(tmp_path):
    """As Snakemake has it: a log file, jobs that write to its standard error, the end."""
    code = (
        "import logging, os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_screen import Screen\n"
        "stderr = sys.stderr\n"
        "class Patch:\n"
        "    setattr = setenv = lambda self, *_: None\n"
        "screen = Screen(Patch())\n"
        f"log = logging.FileHandler({str(tmp_path / 'a.log')!r})\n"
        "logging.getLogger('snakemake.logging').addHandler(log)\n"
        "screen.start({'measure': 1})\n"
        "os.system('echo noise >&2')\n"
        "screen.run(1, 'measure')\n"
        "screen.handler.close()\n"
        "print('after', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, *_, end, last = done.stderr.splitlines()
    assert (first, last) == ("1 job: measures 1", "after") and end.startswith("Done: 1 job")
    assert "noise" not in done.stderr
    assert (tmp_path / "a.stderr").read_text() == "noise\n"


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_has_lines(monkeypatch, kind):
    screen = Screen(monkeypatch, terminal=True, kind=kind)
    screen.start({"measure": 1})
    screen.run(1, "measure")
    assert screen.end()[:2] == ["1 job: measures 1", "measures: 1 job, 0 s (1 of 1 done)"]


def test_a_job_that_is_tried_again_and_succeeds_has_not_failed(screen):
    screen.start({"index_clips": 1})
    screen.tell(event=LogEvent.JOB_ERROR, **screen.job(1, "index_clips"))
    screen.run(1, "index_clips")
    assert screen.end()[-1].startswith("Done: 1 job")


def test_jobs_that_turned_out_to_be_up_to_date_are_not_missing(screen):
    screen.start()
    screen.run(1, "index_clips")
    for rule in ("measure", "measure", "my_own_rule"):
        screen.tell(f"{rule}: up to date, as its inputs are", spared=rule)
    assert screen.end()[1:] == [
        "clips: 1 job, 0 s (1 of 4 done)",
        "Done: 1 job in 0 s; 3 more were not needed: their inputs came out the same.",
    ]


def test_a_run_that_is_stopped_says_what_is_kept(screen):
    screen.start()
    screen.run(1, "index_clips")
    screen.tell("Terminating processes on user request", level=logging.ERROR)
    assert screen.end()[-2:] == [
        "Terminating processes on user request",
        "1 of 4 jobs done and kept: run again to go on from there.",
    ]


def test_an_error_of_a_run_that_succeeds_is_said_as_it_comes(screen):
    screen.start({"index_clips": 1})
    screen.tell("SLURM-job '7' failed", level=logging.ERROR)
    screen.run(1, "index_clips")
    screen.tell("logs x", closing=True)
    assert screen.end()[1:] == [
        "SLURM-job '7' failed", "clips: 1 job, 0 s (1 of 1 done)", "Done: 1 job in 0 s.", "logs x",
    ]  # fmt: skip


def test_jobs_that_stop_with_the_run_have_not_failed(screen, tmp_path):
    log = tmp_path / "job.log"
    log.write_text("2026-11-28 12:00:00,000 CRITICAL uncaught error\nx\nKeyboardInterrupt\n")
    screen.start({"measure": 1})
    screen.tell(event=LogEvent.JOB_ERROR, **screen.job(1, "measure", log=[log]))
    assert screen.end()[1:] == ["0 of 1 job done and kept: run again to go on from there."]


def test_an_error_that_ends_a_run_is_its_last_word(screen):
    screen.start()
    screen.run(1, "index_clips")
    screen.tell("WorkflowError:\nno space", level=logging.ERROR, event=LogEvent.ERROR)
    screen.tell("Removing output files of failed job")
    kept = "1 of 4 jobs done and kept: run again to go on from there."
    assert screen.end()[-3:] == [kept, "WorkflowError:", "no space"]


def test_an_error_before_there_is_a_plan_is_the_last_line(screen):
    screen.tell("Workflow has started!", event=LogEvent.WORKFLOW_STARTED)
    screen.tell("LockException:\nlocked", level=logging.ERROR, event=LogEvent.ERROR)
    assert screen.end()[-2:] == ["LockException:", "locked"]


def test_an_error_before_any_job_is_the_last_line(screen):
    screen.tell("MissingInputException: no rule makes x", level=logging.ERROR)
    assert screen.end() == ["MissingInputException: no rule makes x"]


def test_a_dry_run_lists_rules_with_the_reason_in_short(monkeypatch):
    screen = Screen(monkeypatch, dryrun=True)
    screen.start()
    files = ", ".join(f"results/x/clips/{n}.wav" for n in range(160))
    screen.job(1, "index_clips", reason=f"Missing output files: {files}; Updated input files: b")
    screen.job(2, "measure")
    screen.job(3, "measure")
    screen.tell("This was a dry-run")
    lines = screen.end()
    assert lines[0].split(maxsplit=2)[:2] == ["index_clips", "1"]
    assert "160 files, first results/x/clips/0.wav; Updated input files: b" in lines[0]
    assert lines[1].split(maxsplit=2)[:2] == ["measure", "2"]
    assert lines[-1].startswith("total") and "dry run" in lines[-1]


def test_nothing_to_be_done_is_one_line(screen):
    screen.tell("Workflow has started!", event=LogEvent.WORKFLOW_STARTED)
    screen.tell("Nothing to be done (all requested files are present and up to date).")
    (line,) = screen.end()
    assert line.startswith("Nothing to be done")


def test_environments_are_named_while_they_are_built(screen):
    screen.tell("Creating conda environment envs/audio.yaml...")
    screen.tell("Downloading and installing remote packages.")
    screen.tell("Environment for /x/envs/audio.yaml created (location: .snakemake/conda/abc_)")
    assert screen.end() == [
        "Setting up the environment envs/audio.yaml", "  envs/audio.yaml is built (0 s)",
    ]  # fmt: skip


def test_other_commands_answers_are_shown(screen):
    screen.tell("Congratulations, your workflow is in a good condition!")
    assert screen.end() == ["Congratulations, your workflow is in a good condition!"]


def test_whoever_asks_for_more_gets_snakemakes_own_words(monkeypatch):
    screen = Screen(monkeypatch, verbose=True)
    screen.tell("Full words of any kind")
    assert screen.end() == ["Full words of any kind"]


def test_jobs_are_told_that_the_screen_is_taken(screen):
    assert os.environ["SENSITIVITY_SCREEN"] == "stages"


def test_the_time_left_follows_what_stages_took():
    run = Run(dry=False)
    assert run.seconds_left() is None
    run.start()
    run.started -= 10
    run.plan({"measure_sensitivity": 10, "measure_debiasing": 10})
    run.done["measures"], run.seconds["measures"] = 10, 20.0
    # Two ran at a time, 2 s each: ten more of an unknown stage as long as those.
    assert run.seconds_left() == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (242, "4 min 2 s"), (11100, "3 h 5 min")]
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_short_reasons_stay_whole_and_long_ones_are_cut():
    assert shorten("Missing output files: a, b") == "Missing output files: a, b"
    assert len(shorten("Missing output files: " + "x" * 500)) == 160
    follows = "Input files updated by another job: " + ", ".join(map(str, range(160)))
    assert shorten(f"Missing output files: a; {follows}") == "Missing output files: a"
    assert shorten(follows) == "follows from other jobs"


def test_every_rule_of_the_workflow_has_a_stage():
    names = {
        line.split()[1].rstrip(":")
        for path in (ROOT / "rules").glob("*.smk")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("rule ")
    } | set(generic_rules.ALL)
    assert len(names) > 30
    assert {name for name in names if stage_of(name) == name} == set()


def test_a_snakemake_without_the_plugin_runs_and_says_what_is_missing(project):
    """Its site-packages as they are, but for the line that names tools/screen."""
    code = (
        "import sys\n"
        "sys.path[:] = [path for path in sys.path if not path.endswith('tools/screen')]\n"
        "from snakemake.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--configfile", "tiny.yaml", "--cores", "1", "--dry-run"],
        cwd=project.folder, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    said = [line for line in lines if "snakemake_logger_plugin" in line]
    assert len(said) == 1 and "is missing here" in said[0]
    assert "Job stats:" in lines


def test_called_by_its_path_a_run_says_last_why_it_failed(project):
    """Its conda is found: the job runs, and fails for a reason of its own."""
    for label in ("cello", "flute", "violin"):
        project.path(f"audio/{label}").mkdir(parents=True)
        project.path(f"audio/{label}/{label}.wav").write_bytes(b"no audio")
    data = {"source": "folder", "folder": "audio"}
    project.write_config(project.read_config() | {"data": data})
    done = subprocess.run(
        [Path(sys.executable).parent / "snakemake", *project.arguments()], cwd=project.folder,
        env=os.environ | {"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    *lines, last = done.stderr.splitlines()
    assert done.returncode != 0 and last.startswith("  label cello: its 1 clips are of one group")
    assert lines[-2:] == ["Failed: index_clips", "  log: logs/tiny/index_clips.log"]
    assert len(lines) < 10 and " INFO " not in done.stderr
    assert last.strip() in project.path("logs/tiny/index_clips.log").read_text(encoding="utf-8")


def test_a_whole_run_takes_few_lines_and_ends_with_what_was_made(finished):
    lines = (finished.folder.parent / "said").read_text(encoding="utf-8").splitlines()
    (i,) = [i for i, line in enumerate(lines) if line.startswith("Done: ")]
    assert i < 25 and len(lines[i:]) <= 10, lines
    assert "figures  results/tiny/figures/ (" in lines[i + 1]
    for table in ("displacement", "auc", "regularised"):
        assert sum(f"({table}.csv: " in line for line in lines[i:]) == 1
    assert lines[-2].startswith("logs     logs/tiny/")
    assert lines[-1].startswith("answers  results/tiny/explorer.html")


def test_snakemake_called_by_its_path_finds_conda(project, tmp_path):
    """As cron, editors and notebooks call it; and in another folder."""
    done = subprocess.run(
        [Path(sys.executable).parent / "snakemake", "--configfile", project.config_file,
         "--snakefile", project.path("Snakefile"), "--directory", tmp_path, "--list-conda-envs"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "envs/analysis.yaml" in done.stdout
