"""What a workstation does to a run, on the real rules: full, read-only and faulty disks, no memory.

Each ends in one line that says what to do. Done that, the same command finishes with the bytes of
a run that nothing disturbed: so no fault ends in a wrong number.
"""

import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from test_kills import same_tree, scripts_of

from support.project import Done, Project

RESULTS = "results/tiny"
# Long enough for a machine that does much else.
SECONDS = 300


def namespaces() -> bool:
    command = ["unshare", "--mount", "true"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


needs_mounts = pytest.mark.skipif(not namespaces(), reason="mounting needs root and namespaces")


def mounted(path: Path, mount: str) -> tuple[str, ...]:
    """Run a command after `mount`, of which it alone knows, on `path`; list the files there then.

    In `mount`, "$0" is the path.
    """
    script = '"$@"; status=$?; find "$0" -type f | sed "s/^/left: /"; exit $status'
    path.mkdir(parents=True, exist_ok=True)
    return ("unshare", "--mount", "sh", "-c", f"{mount} && {{ {script}; }}", str(path))


def errors_of(done: Done) -> set[str]:
    """The lines that jobs failed with, as the screen ends with them, and no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.output, done.output
    _, *failed = re.split(r"^Failed: .*\n", done.output, flags=re.MULTILINE)
    lines = [line for each in failed for line in each.splitlines() if line.startswith("  ")]
    # Of a job that died without a word, the end of its log is shown too.
    other = re.compile(r"  (log|printed): |  \d{4}-\d\d-\d\d .* INFO ")
    return {line.strip() for line in lines if not other.match(line)}


def damage(path: Path, at: float) -> None:
    """Change a byte behind Snakemake's back, at a share of the file."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 0x10
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def named(project: Project, name: str) -> str:
    """The name, below the results, of a file that a pattern stands for."""
    return project.find(f"{RESULTS}/{name}").removeprefix(f"{RESULTS}/") if "*" in name else name


def cut(path: Path, share: float) -> None:
    status = path.stat()
    os.truncate(path, int(share * status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.more
def test_damaged_files_are_refused_where_they_are_read_and_made_again(finished, again):
    results = again.path(RESULTS)
    embeddings, directions = results / "embeddings", results / "directions"
    (part,) = (embeddings / "logmel/gain").glob("5.0.*.h5")
    original = again.path(again.find(f"{RESULTS}/embeddings/musicnn-untrained/original/*.h5"))
    damaged = {
        part: f"{RESULTS}/embeddings/logmel/gain.h5",
        original: f"{RESULTS}/directions/musicnn-untrained/gain.h5",
        embeddings / "logmel/reverb.h5": f"{RESULTS}/analysis/logmel/reverb/displacement.csv",
        directions / "musicnn/gain.h5": f"{RESULTS}/analysis/musicnn/gain/auc.csv",
    }
    cut(part, 0.9)
    damage(original, 0.6)
    damage(embeddings / "logmel/reverb.h5", 0.02)
    damage(directions / "musicnn/gain.h5", 0.5)
    targets = [*damaged.values()]
    for target in targets:
        again.path(target).unlink()
    found = errors_of(again.snakemake("--keep-going", *targets))
    names = {os.path.relpath(path, again.folder) for path in damaged}
    assert {line.partition(": ")[0] for line in found} == names
    assert all("delete it and run again" in line for line in found)
    assert not any(again.path(target).exists() for target in targets)
    for path in damaged:
        path.unlink()
    again.run(*targets)
    same_tree(again.folder, finished.folder, [*targets, *names])


@pytest.mark.more
@needs_mounts
@pytest.mark.parametrize(
    ("folder", "size", "removed", "target", "line"),
    [
        ("audio", "1m", "embeddings/logmel/gain", "embeddings/logmel/gain.h5",
         "GB of audio could not be written (No space left on device): free that much disk"),
        ("embeddings/logmel/original", "16k", "embeddings/logmel/original/*.h5",
         "embeddings/logmel/original/*.h5",
         ".h5: cannot be written (No space left on device): free disk there"),
        ("tables", "12k", "tables/auc.csv", "tables/auc.csv",
         "auc.csv: cannot be written (No space left on device): free disk there"),
        ("figures", "8k", "figures/table1.png", "figures/table1.png",
         "table1.png: cannot be written (No space left on device): free disk there"),
    ],
)  # fmt: skip
def test_a_full_disk_is_one_line_and_nothing_half_written(
    finished, again, folder, size, removed, target, line
):
    target, removed = named(again, target), named(again, removed)
    path = again.path(f"{RESULTS}/{removed}")
    if path.is_dir():
        for part in path.iterdir():
            part.unlink()
        again.path(f"{RESULTS}/{target}").unlink()
    else:
        path.unlink()
    disk = f'mount -t tmpfs -o size={size} tmpfs "$0" && touch "$0/mounted"'
    again.through = mounted(again.path(f"{RESULTS}/{folder}"), disk)
    done = again.snakemake(f"{RESULTS}/{target}")
    again.through = ()
    found = errors_of(done)
    assert len(found) == 1 and line in found.pop()
    left = re.findall(r"^left: .*/(.+)$", done.stdout, re.M)
    assert [name for name in left if name.startswith(".") or name == Path(target).name] == []
    again.run(f"{RESULTS}/{target}")
    same_tree(again.folder, finished.folder, [f"{RESULTS}/{target}"])


@pytest.mark.more
@needs_mounts
@pytest.mark.parametrize(
    ("target", "line"),
    [
        # Where a rule's other outputs are there, Snakemake looks at them before it starts a job.
        ("tables/auc.csv", "Write-protected output files for rule tabulate_debiasing:"),
        ("embeddings/logmel/original/*.h5", "error: results/tiny: may not be written"),
    ],
)
def test_a_read_only_results_folder_is_one_line(finished, again, target, line):
    target = f"{RESULTS}/{named(again, target)}"
    again.path(target).unlink()
    read_only = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
    again.through = mounted(again.path("results"), read_only)
    done = again.snakemake(target)
    again.through = ()
    assert done.returncode != 0
    assert line in done.output and "Traceback" not in done.output, done.output
    again.run(target)
    same_tree(again.folder, finished.folder, [target])


@pytest.mark.more
def test_a_job_without_memory_says_so(finished, again):
    target = again.find(f"{RESULTS}/embeddings/logmel/original/*.h5")
    log = again.path(again.find("logs/tiny/embeddings/logmel/original/*.log"))
    for path in (log, again.path(target)):
        path.unlink()
    pipe = subprocess.PIPE
    with again.start(target, stdout=pipe, stderr=pipe) as run:
        # It says what its store will say when the model is loaded, and then embeds.
        def loaded() -> bool:
            return log.exists() and "data_sha256" in log.read_text()

        pid = job_of(again, run, "embed_original", loaded)
        size = int(re.search(r"VmSize:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
        # A few MB to say so in: without a byte it would end in silence. A BLAS buffer has 32 MB.
        limit = 1024 * (size + 8 * 1024)
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        output, errors = run.communicate(timeout=SECONDS)
    found = errors_of(Done(run.returncode, output, errors))
    # Where the first to lack memory is OpenBLAS, it says so itself and ends the process.
    found |= set(re.findall(r"^OpenBLAS error: Memory allocation still failed.*", errors, re.M))
    assert len(found) == 1 and found.pop().startswith(("memory ran out (", "OpenBLAS error: "))
    assert not again.path(target).exists()
    again.run(target)
    same_tree(again.folder, finished.folder, [target])


@pytest.mark.more
def test_a_worker_that_is_killed_ends_its_job_in_one_line(finished, again):
    target = f"{RESULTS}/analysis/logmel/gain/auc.csv"
    again.path(target).unlink()
    pipe = subprocess.PIPE
    threads = ("--set-threads", "measure_debiasing=2")
    with again.start(target, *threads, stdout=pipe, stderr=pipe) as run:
        job_of(again, run, "measure_debiasing", lambda: workers_of(again))
        os.kill(workers_of(again)[-1], signal.SIGKILL)
        output, errors = run.communicate(timeout=SECONDS)
    found = errors_of(Done(run.returncode, output, errors))
    assert len(found) == 1
    assert found.pop().startswith("one of 2 worker processes was killed, probably because memory")
    assert not again.path(target).exists() and not workers_of(again)
    again.run(target, *threads)
    same_tree(again.folder, finished.folder, [target])


def job_of(project: Project, run: subprocess.Popen, rule: str, ready) -> int:
    """Wait for a rule's job, and until it is `ready`; its process."""
    deadline = time.monotonic() + SECONDS
    while not ([pid for pid, of in scripts_of(project).items() if of == rule] and ready()):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    (pid,) = (pid for pid, of in scripts_of(project).items() if of == rule)
    return pid


def workers_of(project: Project) -> list[int]:
    """The worker processes of all jobs of a project."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            here = (path / "cwd").resolve() == project.folder.resolve()
        except OSError:
            continue
        if here and b"multiprocessing.spawn" in words:
            found.append(int(path.name))
    return sorted(found)
