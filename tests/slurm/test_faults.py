"""What fails on a cluster: memory, a cancelled job, a node, Snakemake itself.

Each starts from a finished run of which a part is taken away, breaks while that is made again, and
ends with the tables' bytes of the undisturbed run. A job is caught where a fault has to hit it by
stopping its process (SIGSTOP).
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter

import pytest
from cluster import wait_until
from conftest import TABLES

pytestmark = pytest.mark.more


def take_away(project, *patterns: str) -> None:
    """Delete results by their patterns, each of which has to match something.

    But for the tables that the index makes, which none of what is made again here asks for.
    """
    for pattern in patterns:
        found = set(project.path("results/tiny").glob(pattern))
        tables = ("dropped_clips", "recordings")
        found -= {project.path(f"results/tiny/tables/{table}.csv") for table in tables}
        assert found, pattern
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def finished_jobs(project) -> Counter:
    """How many jobs of each rule the last run finished."""
    return Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", project.log))


def test_a_job_that_lacks_memory_gets_more(again, undisturbed, new_jobs):
    again.edit(
        "profiles/slurm/config.yaml",
        "index_clips: {mem_mb: 1000 * attempt",
        # The job takes about 300 MB, two processes of Snakemake included.
        "index_clips: {mem_mb: 60 * attempt ** 5",
    )
    take_away(again, "clips.csv", "clips_report.csv")
    again.run("results/tiny/clips.csv")
    first, second = new_jobs()
    assert first.state in ("FAILED", "OUT_OF_MEMORY", "CANCELLED"), first
    assert second.state == "COMPLETED", second
    assert (first.memory_mb, second.memory_mb) == (60, 1920)
    assert (first.time_limit, second.time_limit) == ("00:20:00", "00:40:00")
    assert {first.rule, second.rule} == {"index_clips"}
    assert f"SLURM-job '{first.id}' failed" in again.log
    # Slurm's log of the job, which Snakemake shows, has the reason.
    assert "exceeded memory limit" in again.log
    clips = "results/tiny/clips.csv"
    assert again.path(clips).read_bytes() == undisturbed.path(clips).read_bytes()


def test_a_cancelled_job_is_noticed_and_the_rest_goes_on(again, undisturbed, new_jobs):
    take_away(again, "directions/logmel/gain.h5", "analysis/logmel/*", "tables/*")
    assert again.counts() == {
        "measure_sensitivity": 2,
        "measure_debiasing": 2,
        "tabulate_sensitivity": 1,
        "tabulate_debiasing": 1,
        "tabulate_claims": 1,
        "tabulate_provenance": 1,
    }
    quiet = subprocess.DEVNULL
    run = again.start("--retries", "0", *TABLES, stdout=quiet, stderr=quiet)
    job = again.cluster.held("measure_sensitivity").job
    again.cluster.run("scancel", job)
    run.wait(timeout=600)
    assert run.returncode != 0
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in again.log
    finished = {"measure_sensitivity": 1, "measure_debiasing": 1, "tabulate_provenance": 1}
    assert finished_jobs(again) == finished
    # No more and no less than what depends on the cancelled job.
    missing = {
        "measure_sensitivity": 1,
        "measure_debiasing": 1,
        "tabulate_sensitivity": 1,
        "tabulate_debiasing": 1,
        "tabulate_claims": 1,
    }
    assert again.counts() == missing
    again.run(*TABLES)
    assert finished_jobs(again) == missing
    assert again.tables() == undisturbed.tables()
    assert again.counts() == {}


def test_a_node_that_dies_costs_its_jobs_and_no_more(again, undisturbed, new_jobs):
    take_away(again, "embeddings/logmel/gain*", "tables/*")
    quiet = subprocess.DEVNULL
    run = again.start(*TABLES, stdout=quiet, stderr=quiet)
    caught = again.cluster.held("embed_clips")
    again.cluster.kill_node(caught.node)
    run.wait(timeout=900)
    again.cluster.start_node(caught.node)
    assert run.returncode == 0, again.log
    assert f"SLURM-job '{caught.job}' failed" in again.log and "NODE_FAIL" in again.log
    jobs = new_jobs()
    assert next(job for job in jobs if job.id == caught.job).state == "NODE_FAIL"
    (retried,) = (
        job
        for job in jobs
        if job.state == "COMPLETED" and job.wildcards == wildcards_of(jobs, caught.job)
    )
    assert retried.rule == "embed_clips" and retried.node != caught.node
    finished = finished_jobs(again)
    assert finished["render_effect"] == finished["embed_clips"] == 2
    assert again.tables() == undisturbed.tables()
    assert again.counts() == {}


def wildcards_of(jobs, id: str) -> str:
    return next(job.wildcards for job in jobs if job.id == id)


def test_a_run_whose_snakemake_is_killed_goes_on_where_it_was(again, undisturbed, new_jobs):
    take_away(again, "embeddings/logmel/gain*", "tables/*")
    quiet = subprocess.DEVNULL
    run = again.start(*TABLES, stdout=quiet, stderr=quiet)
    caught = again.cluster.held("embed_clips")
    folder = again.path("results/tiny/embeddings/logmel/gain")
    # The other batch is embedded meanwhile.
    (finished,) = wait_until(lambda: list(folder.glob("[!.]*.h5")), 300, "a batch is embedded")
    wait_until(
        lambda: sum(j.rule == "embed_clips" and j.state == "COMPLETED" for j in new_jobs()),
        120,
        "the job that embedded it has ended",
    )
    written = finished.stat().st_mtime_ns
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(timeout=60)

    locked = again.snakemake(*TABLES)
    assert locked.returncode != 0 and "--unlock" in locked.stdout + locked.stderr
    again.run("--unlock")
    refused = again.snakemake(*TABLES)
    assert refused.returncode != 0
    (line,) = (line for line in refused.stderr.splitlines() if line.startswith("error: "))
    assert line.endswith(f"cancel them: scancel {caught.job}")
    assert "Traceback" not in refused.stderr

    again.cluster.run("scancel", caught.job)
    wait_until(lambda: not again.cluster.run("squeue", "--noheader"), 60, "the job has ended")
    before = len(new_jobs())
    again.run(*TABLES)
    finished_now = finished_jobs(again)
    assert "render_effect" not in finished_now and finished_now["embed_clips"] == 1
    assert sum(job.rule == "embed_clips" for job in new_jobs()[before:]) == 1
    assert finished.stat().st_mtime_ns == written
    assert again.tables() == undisturbed.tables()
    assert again.counts() == {}
