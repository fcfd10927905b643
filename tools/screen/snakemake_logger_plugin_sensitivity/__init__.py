"""A Snakemake logger plugin, chosen in `profiles/`, that decides what a run shows on the screen.

Snakemake's own screen names every file of every job. This one shows the progress of stages, what a
user must act on, and at the end what was made or why it failed. Snakemake's log file and the jobs'
logs have everything else.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TextIO

from rich.console import Console
from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_sensitivity.display import display_on
from snakemake_logger_plugin_sensitivity.run import Job, Run, stage_of

# Jobs inherit it and then log only to their log files (`files/logs.py`).
VARIABLE = "SENSITIVITY_SCREEN"
# Messages of every run that need no action.
NOISE = (
    "Activating conda environment",
    "Adding ",
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Creating report",
    "Downloading and installing remote packages",
    "Downloading resources and rendering HTML",
    "Cleaning up conda package tarballs",
    "Loading script code",
    "Running post-deploy script",
    "Using workflow specific profile",
    "Using profile",
)
# Messages about failed jobs, which the last lines describe.
FAILURE = (
    "At least one job did not complete",
    "Exiting because a job execution failed",
    "Removing output files of failed job",
    "RuleException:\nCalledProcessError in file",
    "Shutting down",
    "WorkflowError:\nAt least one job did not complete",
)


class LogHandler(LogHandlerBase):
    """Summarises a run's records: `Run` keeps them, `display` shows them."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        os.environ[VARIABLE] = "stages"
        settings = self.common_settings
        self.stream = sys.stdout if settings.stdout else sys.stderr
        self.screen: TextIO | None = None  # the screen, while standard error is a file
        self.console = Console(
            file=self.stream, no_color=settings.nocolor, highlight=False, soft_wrap=True
        )
        # These options ask for Snakemake's own messages.
        self.verbatim = settings.verbose or settings.debug_dag or settings.printshellcmds
        self.words = DefaultFormatter(settings.quiet, settings.show_failed_logs)
        self.run = Run(dry=settings.dryrun)
        self.display = display_on(self.console, self.run, live=not self.verbatim)
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Handle a record of Snakemake."""
        try:
            self._take(record)
        except Exception:
            self._restore()
            self.handleError(record)

    def close(self) -> None:
        """Print the last lines: Snakemake closes its handlers at the very end."""
        self.display.stop()
        self._restore()
        for line in self.run.closing():
            self._say(line)
        self.run = Run(dry=False)  # closed again, it prints nothing
        super().close()

    def _divert(self) -> None:
        """Redirect standard error, of jobs and tools too, to a file beside Snakemake's log.

        Jobs log to files. What they print are remarks of native libraries, or why a job died that
        could not log it.
        """
        log = _own_log()
        if self.screen or log is None or self.verbatim:
            return
        self.run.printed = log.with_suffix(".stderr")
        sys.stderr.flush()
        self.screen = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        self.console.file = self.screen
        with open(self.run.printed, "a") as file:
            os.dup2(file.fileno(), 2)

    def _restore(self) -> None:
        """Restore standard error, and delete its file if it is empty."""
        if not self.screen:
            return
        sys.stderr.flush()
        os.dup2(self.screen.fileno(), 2)
        self.console.file = self.stream
        self.screen.close()
        self.screen = None
        if not self.run.printed.stat().st_size:
            self.run.printed.unlink()

    def _take(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        fields = vars(record)
        if self.verbatim and event is not LogEvent.PROGRESS:
            self._say(self.words.format(record))
        if event is LogEvent.WORKFLOW_STARTED:
            self.run.start()
        elif event is LogEvent.RUN_INFO:
            self._divert()
            self.run.plan(fields["stats"])
            self.display.plan()
        elif event is LogEvent.JOB_INFO:
            self.run.add(Job.of(fields))
            self.display.update()
        elif event is LogEvent.JOB_FINISHED:
            for text, whose in self.run.finish(fields["job_id"]):
                self._say_once(text, whose)
            self.display.update()
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            self.run.fail(fields)
            self.display.update()
        elif event is None or event is LogEvent.ERROR:
            self._message(record)

    def _message(self, record: logging.LogRecord) -> None:
        """Handle a record that is only text."""
        text = str(record.msg or "").strip()
        if getattr(record, "closing", False):
            self.run.made = text.splitlines()
        elif rule := getattr(record, "spared", None):
            self.run.spared[stage_of(rule)] += 1
        elif record.levelno >= logging.ERROR:
            if not text.startswith(FAILURE):
                self._say(text)
                if getattr(record, "event", None) is LogEvent.ERROR:
                    self.run.errors.append(text)
        elif record.levelno >= logging.WARNING:
            self._say_once(f"warning: {text}")
        elif text.startswith("Creating conda environment "):
            self._divert()
            self.display.environment(text.removeprefix("Creating conda environment ").rstrip("."))
        elif text.startswith("Environment for "):
            self.display.environment(None)
        elif text.startswith("Nothing to be done"):
            self.run.nothing_to_do = True
        elif not self.verbatim and not self.run.started and not text.startswith(NOISE):
            # The output of a command that is not a run, such as --lint.
            self._say(text)

    def _say_once(self, text: str, whose: str = "") -> None:
        if text not in self.said:
            self.said.add(text)
            self._say(text + whose)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False)


def _own_log() -> Path | None:
    """Return Snakemake's own log file; a dry run has none."""
    for handler in logging.getLogger("snakemake.logging").handlers:
        if isinstance(handler, logging.FileHandler):
            return Path(handler.baseFilename)
    return None
