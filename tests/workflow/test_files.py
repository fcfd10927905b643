"""Outputs that are absent or whole, flushed before they have their names; errors in one line."""

import errno
import logging
import os
import sys

import pytest

from embedding_sensitivity.files import atomic as files
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.declarations import load_module
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.logs import configure_logging
from support import mock_snakemake


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor: int) -> None:
        calls.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def record_replace(source, target) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(files.os, "fsync", record_fsync)
    monkeypatch.setattr(files.os, "replace", record_replace)
    folder = tmp_path / "tables"
    with replacing(folder / "auc.csv") as part:
        part.write_text("x")
    assert calls == [".auc.csv.part", "replace", "tables"]
    calls.clear()
    with replacing(folder / "auc.csv", lasting=False) as part:
        part.write_text("y")
    assert calls == ["replace"]
    assert (folder / "auc.csv").read_text() == "y" and os.listdir(folder) == ["auc.csv"]


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", refuse)
    with replacing(tmp_path / "auc.csv") as part:
        part.write_text("x")
    assert (tmp_path / "auc.csv").read_text() == "x"


@pytest.mark.parametrize("number", files.REMEDIES)
def test_what_the_disk_refuses_is_one_line_and_leaves_the_old_file(tmp_path, number):
    path = tmp_path / "auc.csv"
    path.write_text("old")
    message = rf"auc\.csv: cannot be written \({os.strerror(number)}\): \w+ .* run again"
    with pytest.raises(InputError, match=message), replacing(path) as part:
        part.write_text("half")
        raise OSError(number, os.strerror(number))
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["auc.csv"]


def test_errors_of_other_files_and_of_the_program_stay_what_they_are(tmp_path):
    for error in (
        PermissionError(errno.EACCES, "Permission denied", "clip.wav"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        ValueError("shapes differ"),
    ):
        with pytest.raises(type(error)), replacing(tmp_path / "auc.csv"):
            raise error
        assert os.listdir(tmp_path) == []


def test_two_writers_of_one_file_are_told(tmp_path):
    path = tmp_path / "auc.csv"
    told = pytest.raises(InputError, match=r"auc\.csv: another process is writing this file")
    with told, replacing(path) as part:
        part.write_text("x")
        os.replace(part, path)  # as the other's last step


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("clip.wav: is silent"), "clip.wav: is silent"),
        (MemoryError("Unable to allocate 3. GiB"), "memory ran out (Unable to allocate 3. GiB): "),
        (MemoryError(), "memory ran out (MemoryError): free memory"),
        (RuntimeError("can't start new thread"), "memory ran out (can't start new thread): "),
        (ImportError("a.so: failed to map segment from shared object"), "memory ran out (a.so: "),
        (ImportError("\nAdvice.\n\nIt was: a.so: failed to map segment from shared object\n"),
         "memory ran out (It was: a.so: failed to map segment from shared object): free memory"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"),
         "x.png: No space left on device: free disk there and run again"),
        (OSError(errno.EROFS, "Read-only file system"), "a file of this job (results, log or "),
    ],
)  # fmt: skip
def test_what_the_machine_refuses_ends_a_script_in_one_line(tmp_path, monkeypatch, error, line):
    monkeypatch.setattr(sys, "excepthook", None)
    log = tmp_path / "rule.log"
    configure_logging(mock_snakemake("measure_debiasing", log=log))
    sys.excepthook(type(error), error, None)
    (found,) = (row for row in log.read_text().splitlines() if " ERROR " in row)
    assert found.partition(" ERROR ")[2].startswith(line)
    assert "Traceback" not in log.read_text()


def test_what_a_users_file_raises_is_one_line_below_its_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", None)
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "tape.py").write_text("def make(level):\n    return 1 / level\n")
    own = load_module("my/tape.py")
    configure_logging(mock_snakemake("render_effect", log=tmp_path / "rule.log"))
    try:
        own.make(0)
    except ZeroDivisionError as error:
        sys.excepthook(ZeroDivisionError, error, error.__traceback__)
    log = (tmp_path / "rule.log").read_text()
    assert log.count("Traceback") == 1 and log.splitlines()[-1].partition(" ERROR ")[2] == (
        "my/tape.py, line 2 raised ZeroDivisionError: division by zero: correct this file, which "
        "the config names"
    )
    logging.getLogger().handlers.clear()


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", None)
    log = tmp_path / "rule.log"
    configure_logging(mock_snakemake("measure_debiasing", log=log))
    try:
        raise KeyError("label")
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    assert "CRITICAL uncaught error" in log.read_text() and "Traceback" in log.read_text()
    logging.getLogger().handlers.clear()
