"""One logging set-up for every script of the workflow."""

import atexit
import logging
import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata

from embedding_sensitivity.files import atomic as files
from embedding_sensitivity.files import kernels
from embedding_sensitivity.files.declarations import find_own_line
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import printable

# Level of notices that are not warnings, such as a licence: the screen shows each once.
NOTE = logging.INFO + 5
logging.addLevelName(NOTE, "NOTE")
# Passed as `extra`: a record for the log file only, since the screen sums such records up.
IN_FILE_ONLY = {"in_file_only": True}


def is_summed_up() -> bool:
    """Whether the screen belongs to Snakemake's plugin in tools/screen, which sums a run up."""
    return os.environ.get("SENSITIVITY_SCREEN") == "stages"


def configure_logging(snakemake, packages: tuple[str, ...] = ()) -> logging.Logger:
    """Log to the rule's log file, BLAS kernels too, and make errors readable.

    What it logs goes to stderr too, unless a screen sums it up.

    Parameters
    ----------
    snakemake : the object Snakemake injects; ``log``, ``rule`` and ``wildcards`` are used
    packages : distributions whose versions are worth a line in the log

    An `InputError`, and what the machine refuses (memory, a disk), end the script with one line
    and exit status 1. So does what a user's own file raises, and the log has its traceback too. Any
    other uncaught error is a fault of the program and is logged with its traceback.
    """
    log = logging.getLogger(snakemake.rule)

    def report_uncaught(kind, error, traceback) -> None:
        atexit.unregister(kernels.log_kernels)  # the reason is the last line
        if line := _one_line(error):
            log.error("%s", line)
        elif where := find_own_line(error):
            log.info("its traceback", exc_info=(kind, error, traceback), extra=IN_FILE_ONLY)
            said = f"{where} raised {kind.__name__}: {error}"
            log.error("%s: correct this file, which the config names", printable(said))
        else:
            log.critical("uncaught error", exc_info=(kind, error, traceback))

    sys.excepthook = report_uncaught
    # A log on a full disk must not bury the reason in tracebacks.
    logging.raiseExceptions = False
    handlers: list[logging.Handler] = []
    # A screen that sums up the run reads the log file.
    if not (is_summed_up() and snakemake.log):
        screen = logging.StreamHandler(sys.stderr)
        screen.addFilter(lambda record: not hasattr(record, "in_file_only"))
        handlers.append(screen)
    if snakemake.log:
        handlers.append(logging.FileHandler(str(snakemake.log[0]), mode="w"))
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=handlers,
        force=True,
    )
    wildcards = ", ".join(f"{k}={v}" for k, v in snakemake.wildcards.items())
    log.info("%s (%s) on Python %s", snakemake.rule, wildcards, platform.python_version())
    log_versions(log, packages)
    kernels.log_kernels()
    # Again at the end: libraries are loaded when they are first used.
    atexit.unregister(kernels.log_kernels)
    atexit.register(kernels.log_kernels)
    return log


def log_versions(log: logging.Logger, packages: Iterable[str]) -> None:
    """Log the versions of distributions, a line each."""
    for package in packages:
        log.info("%s %s", package, metadata.version(package))


def _one_line(error: BaseException) -> str | None:
    """Return one line for an error that is not a fault of the program, else None."""
    if isinstance(error, InputError):
        return str(error)
    if reason := _find_lack_of_memory(error):
        return (
            f"memory ran out ({reason}): free memory, or run fewer jobs at a time with a smaller "
            "--cores"
        )
    if isinstance(error, OSError) and error.errno in files.REMEDIES:
        where = error.filename or "a file of this job (results, log or the temporary folder)"
        return f"{where}: {error.strerror}: {files.REMEDIES[error.errno]}"
    return None


def _find_lack_of_memory(error: BaseException) -> str | None:
    """Return the line of an error that says memory ran out; None if it says something else."""
    if isinstance(error, MemoryError):
        return str(error) or "MemoryError"
    # Python has no type of its own for the other two: no memory for a thread's stack, and none
    # for a library that is loaded when it is first used, which numpy says below lines of advice.
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return str(error)
    lines = str(error).splitlines() if isinstance(error, ImportError) else []
    return next((line for line in lines if "failed to map segment" in line), None)
