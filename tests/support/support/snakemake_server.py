"""Run Snakemake in forks of one process that has imported it, and report what it did as data.

A program that reads requests and writes answers, each a line of JSON. Each run has its own process,
since Snakemake has global state, but shares the imports, which take as long as a plan. Snakemake's
log records say what a run does, whatever the screen shows.
"""

import atexit
import gc
import json
import logging
import os
import select
import signal
import sys

import yte  # noqa: F401  (as the reporter: each run imports it)
from snakemake import api, cli
from snakemake.logging import LoggerManager
from snakemake.report import html_reporter  # noqa: F401
from snakemake_interface_logger_plugins.common import LogEvent


class Collector(logging.Handler):
    """Writes Snakemake's log records of jobs to a file, one line of JSON each."""

    def __init__(self, file) -> None:
        super().__init__()
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        found = {"event": event}
        if event == LogEvent.JOB_INFO:
            found |= {
                "id": record.jobid,
                "rule": record.rule_name,
                "wildcards": {name: str(value) for name, value in record.wildcards.items()},
                "reason": record.reason,
                "inputs": list(record.input),
                "outputs": list(record.output),
                "priority": record.priority,
            }
        elif event == LogEvent.JOB_FINISHED:
            found["id"] = record.job_id
        elif event == LogEvent.JOB_ERROR:
            found["id"] = record.jobid
        elif event == LogEvent.RESOURCES_INFO and hasattr(record, "provided_resources"):
            resources = record.provided_resources.items()
            found["resources"] = {name: resource.value for name, resource in resources}
        else:
            return
        self.file.write(json.dumps(found) + "\n")


def run(request: dict, output: int, errors: int, records: int) -> None:
    """Run the Snakemake of a request, and end this process."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["snakemake", *request["arguments"]]
    with open(records, "w", encoding="utf-8") as file:

        class Manager(LoggerManager):
            def __init__(self, logger, settings) -> None:
                super().__init__(logger, settings)
                logger.addHandler(Collector(file))

        api.LoggerManager = Manager
        try:
            cli.main(request["arguments"])
        except SystemExit as stop:
            # Like the interpreter: a text is printed and means failure.
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def answer(request: dict) -> dict:
    """Run a request's Snakemake to its end; return the answer."""
    files = {name: os.memfd_create(name) for name in ("stdout", "stderr", "records")}
    child = os.fork()
    if child == 0:
        run(request, *files.values())

    ended = os.pidfd_open(child)
    if ended not in select.select([sys.stdin, ended], [], [])[0]:
        # The tests have ended or were killed.
        os.killpg(child, signal.SIGKILL)
        sys.exit(1)
    os.close(ended)
    _, status = os.waitpid(child, 0)
    found = {"status": os.waitstatus_to_exitcode(status)}
    for name, file in files.items():
        os.lseek(file, 0, os.SEEK_SET)
        with open(file, encoding="utf-8", errors="backslashreplace") as said:
            found[name] = said.read()
    found["records"] = [json.loads(line) for line in found["records"].splitlines()]
    return found


def main() -> None:
    # Imports the plugins.
    cli.get_argument_parser()
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
