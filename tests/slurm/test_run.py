"""The tiny experiment on Slurm, from nothing to every table and figure."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import yaml
from cluster import NODES, Job, overlapping
from conftest import SlurmProject, fresh_project

from support.project import Project

pytestmark = pytest.mark.more
EMBEDDING = {"embed_original", "embed_clips"}
PLAN = "workflow_scripts/embedding_sensitivity/experiment/plan.py"
N_GPUS = 'return int(self.choice(model).backend.gpu and self.settings.device != "cpu")'


@dataclass
class Observed:
    """A run and what was seen while it went on."""

    project: SlurmProject
    jobs: list[Job]
    most_batches: int
    """Of effected audio on disk at a time."""


@pytest.fixture(scope="module")
def observed(tmp_path_factory, cluster) -> Observed:
    folder = tmp_path_factory.mktemp("on_slurm") / "project"
    fresh_project(folder)
    project = SlurmProject(folder, cluster)
    # As if each model ran on a GPU; none of these uses the one that it gets.
    project.edit(PLAN, N_GPUS, "return 1")
    known = {job.id for job in cluster.jobs()}
    gpus, batches, done = {}, [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.3):
            # Of a job that has ended, Slurm doesn't say any more which GPU it had.
            gpus.update((job.id, job.gpus) for job in cluster.jobs() if job.gpus)
            batches.append(len(list(project.path("results/tiny/audio").glob("*/[!.]*.h5"))))

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            project.run("--resources", "audio_slots=2")
        finally:
            done.set()
            project.end()
        watching.result()
    jobs = [
        replace(job, gpus=gpus.get(job.id, frozenset()))
        for job in cluster.jobs()
        if job.id not in known
    ]
    return Observed(project, jobs, max(batches))


def test_the_tables_are_those_of_a_run_without_slurm(observed, undisturbed, tmp_path):
    shutil.copytree(undisturbed.folder, tmp_path / "project", symlinks=True)
    # Of jobs that `TABLES` leaves out.
    Project(tmp_path / "project").run("results/tiny/tables/response_to_change.csv")
    tables = observed.project.tables()
    assert len(tables) == 34
    assert tables == SlurmProject(tmp_path / "project", undisturbed.cluster).tables()
    assert observed.project.planned() == {}


def test_jobs_ran_on_both_nodes_and_none_failed(observed):
    assert {job.node for job in observed.jobs} == set(NODES)
    assert {job.state for job in observed.jobs} == {"COMPLETED"}


def test_what_is_too_small_for_a_job_is_none(observed):
    """The profile names the rules that are, but those of measures, which say it themselves.

    Each job got the memory and time that is said.
    """
    text = observed.project.path("profiles/slurm/config.yaml").read_text(encoding="utf-8")
    named = yaml.safe_load(text)["set-resources"]
    assert {job.rule for job in observed.jobs} == {
        *(rule for rule in named if not rule.startswith("import_")),
        *("measure_sensitivity", "measure_trajectories", "measure_debiasing"),
    }
    for rule, expected in {
        "index_clips": (1000, "00:20:00"),
        "embed_clips": (8000, "04:00:00"),
        "measure_trajectories": (4000, "00:30:00"),
    }.items():
        given = {(job.memory_mb, job.time_limit) for job in observed.jobs if job.rule == rule}
        assert given == {expected}, rule


def test_gpu_jobs_run_in_the_gpu_partition_one_to_a_gpu(observed):
    on_gpu = [job for job in observed.jobs if job.rule in EMBEDDING]
    assert len(on_gpu) == 2 + 2 * 4
    assert {job.partition for job in on_gpu} == {"gpu"}
    assert all(len(job.gpus) == 1 for job in on_gpu), on_gpu
    assert {gpu for job in on_gpu for gpu in job.gpus} == {f"{node}:0" for node in NODES}
    assert overlapping(on_gpu) == []
    others = [job for job in observed.jobs if job.rule not in EMBEDDING]
    assert {(job.partition, job.gpus) for job in others} == {("cpu", frozenset())}


def test_two_jobs_on_one_gpu_would_be_seen(observed):
    """What the test above asks, of the same jobs as if all had had one GPU."""
    one = frozenset({"n1:0"})
    jobs = [replace(job, gpus=one) for job in observed.jobs if job.rule in EMBEDDING]
    assert overlapping(jobs)


def test_no_more_batches_of_audio_on_disk_than_slots(observed):
    assert 1 <= observed.most_batches <= 2


def test_environments_are_built_without_a_job(again, new_jobs, tmp_path):
    """Where the profile's `conda-prefix` says, and those alone that the run needs."""
    again.path("results/tiny/clips.csv").unlink()
    folder = tmp_path / "environments"
    prefix = ("--conda-prefix", str(folder))
    again.run("results/tiny/clips.csv", "--conda-create-envs-only", *prefix)
    assert again.log.count("Creating conda environment") == 1
    assert len(list(folder.glob("*/bin/python"))) == 1
    assert new_jobs() == []
