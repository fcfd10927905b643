"""All code that uses undocumented parts of Snakemake (written for 9.27).

It changes three things. A file that is `named_by_identity` is up to date if it exists: Snakemake
would make it again after a comment in its rule's script or environment. A file made again with the
same content does not make later files again: Snakemake runs whatever follows a job. An input that
is `known_by_content` counts by its content: Snakemake only compares inputs that are newer than the
outputs, and fails after a job that reads a file with a time in the future.
"""

import contextlib
import io
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import snakemake
import snakemake.api  # first, as Snakemake's modules import each other
from snakemake.dag import DAG, ScriptProcessor
from snakemake.exceptions import WorkflowError
from snakemake.io import _IOFile, flag, is_flagged
from snakemake.jobs import Job
from snakemake.logging import logger
from snakemake.output_index import OutputIndex
from snakemake.persistence import PersistenceBase
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    DeploymentMethod,
    OutputSettings,
    Quietness,
    ResourceSettings,
)

from embedding_sensitivity.files.content import hash_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.machine_limits import ODD_SIGN

IDENTITY, CONTENT = "named_by_identity", "known_by_content"
ADAPTED = "adapted_for_embedding_sensitivity"
SCRIPT_IS_NEWER = "outputs_older_than_script_or_notebook"
# How Snakemake's Slurm plugin names the jobs of a run: a UUID, after an optional prefix.
RUN = re.compile(r"(.*_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The match of a path without wildcards.
NO_WILDCARDS = re.match("", "")
# Snakemake only compares the times of larger files. Hashing this many bytes takes 0.05 s.
MAX_CHECKSUM_BYTES = 50_000_000


@contextlib.contextmanager
def open_workflow(snakefile: Path, config: str | Path, cores: int = 1) -> Iterator[Any]:
    """Have Snakemake read a workflow without running it; yields Snakemake's workflow API."""
    with snakemake.api.SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        yield api.workflow(
            resource_settings=ResourceSettings(cores=cores),
            config_settings=ConfigSettings(configfiles=[Path(config).absolute()]),
            snakefile=snakefile,
        )


def plan_everything(snakefile: Path, config: str | Path) -> Any:
    """Have Snakemake plan all jobs of a config, up-to-date ones too; nothing is run.

    Raises `InputError` with Snakemake's own message if it cannot.
    """
    with open_workflow(snakefile, config) as opened:
        # The only public call that builds the plan and runs nothing.
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                opened.dag(DAGSettings(forceall=True)).summary()
        except WorkflowError as error:
            raise InputError(f"{config}: Snakemake cannot plan it: {error}") from None
        return opened._workflow


def make_job(
    snakefile: Path, config: str | Path, rule: str, wildcards: Mapping[str, str], threads: int
) -> Any:
    """Return one job as Snakemake would plan it."""
    with open_workflow(snakefile, config, threads) as opened:
        opened.dag(DAGSettings())
        workflow = opened._workflow
        dag = DAG(workflow, rules=workflow.rules)
        return Job(workflow.get_rule(rule), dag, wildcards_dict=dict(wildcards))


def is_module(workflow: Any) -> bool:
    """Whether another workflow uses this one as a module."""
    return not workflow.modifier.is_main_snakefile()


def config_file(workflow: Any, default: str) -> str:
    """Return the file of the configuration.

    Raises `InputError` for several files, or for --config without a file.
    """
    files = workflow.overwrite_configfiles
    if len(files) > 1:
        raise InputError(
            f"--configfile names {len(files)} files: a config file is complete in itself, give one"
        )
    if not files and workflow.config_settings.overwrite_config:
        raise InputError(
            "--config without --configfile would replace config.yaml: name the file too, "
            "as in --configfile config.yaml --config experiment=other"
        )
    return os.path.relpath(files[0]) if files else default


def check_environments_folder(workflow: Any) -> None:
    """Raise `InputError` if the path of the environments' folder breaks Snakemake's commands.

    Snakemake does not quote it when it builds an environment.
    """
    settings = workflow.deployment_settings
    folder = str(settings.conda_prefix or Path(workflow.workdir_init, ".snakemake", "conda"))
    found = ODD_SIGN.search(folder)
    if found and DeploymentMethod.CONDA in settings.deployment_method:
        raise InputError(
            f"{folder}: environments cannot be built below a path with {found[0]!r}: run in a "
            "folder whose path has only letters, digits and . _ - + = @ ~, or name a folder for "
            "environments with --conda-prefix"
        )


def share_resources(workflow: Any, **amounts: int) -> None:
    """Set the resources that jobs on this machine share; a cluster manages its own."""
    if workflow.is_main_process and workflow.resource_settings.nodes is None:
        for name, amount in amounts.items():
            if name not in workflow.global_resources:
                workflow.register_resource(name, amount)


def is_forced(workflow: Any, rule: str) -> bool:
    """Whether a run is asked to make a rule's existing files again.

    Not known while the Snakefile is read: call it in a function of a rule.
    """
    settings = workflow.dag_settings
    return settings.forceall or any(name.endswith(rule) for name in settings.forcerun)


def list_unmade(workflow: Any) -> list[str]:
    """List the outputs of jobs that a run has not finished."""
    return [output for job in workflow.dag.needrun_jobs() for output in job.output]


def named_by_identity(path: Any) -> Any:
    """Mark an output that is up to date if it exists."""
    return flag(path, IDENTITY)


def known_by_content(paths: Any) -> Any:
    """Mark inputs that no job makes: they change with their content, whatever their time."""
    return flag(paths, CONTENT)


def make_checkpoint(workflow: Any, checkpoints: Any, path: str, name: str) -> None:
    """Make the rule of an output a checkpoint: when it is made, jobs are planned anew.

    Parameters
    ----------
    checkpoints : the Snakefile's object of that name
    path : the output
    name : of the rule in this workflow; one that uses it as a module may rename the rule
    """
    (rule,) = (rule for rule in workflow.rules if any(made.match(path) for made in rule.output))
    rule.is_checkpoint = True
    checkpoints.register(rule, fallback_name=name)


def adapt(workflow: Any) -> None:
    """Change Snakemake as the module's docstring says, once in a process.

    Raises `InputError` if this version of Snakemake lacks what is changed.
    """
    expected = (
        *((DAG, "finish"), (DAG, "check_output_mtime"), (Job, SCRIPT_IS_NEWER)),
        *((PersistenceBase, "has_metadata"), (PersistenceBase, "incomplete")),
        *((_IOFile, "is_newer"), (_IOFile, "is_checksum_eligible"), (_IOFile, "checksum")),
        *((OutputIndex, "match_producers"), (_IOFile, "match"), (ScriptProcessor, "process_job")),
    )
    for owner, name in expected:
        if not hasattr(owner, name):
            raise InputError(
                f"Snakemake {snakemake.__version__} does not fit this workflow (it has no "
                f"{owner.__name__}.{name}): use 9.27, as in .venv"
            )
    if hasattr(DAG, ADAPTED):
        return
    setattr(DAG, ADAPTED, True)
    finish, start = DAG.finish, DAG.__init__
    has_metadata, incomplete = PersistenceBase.has_metadata, PersistenceBase.incomplete
    older_than_script = getattr(Job, SCRIPT_IS_NEWER)
    match, process_script = _IOFile.match, ScriptProcessor.process_job
    match_producers = OutputIndex.match_producers

    def start_with_limit(dag: DAG, *arguments: Any, **options: Any) -> None:
        start(dag, *arguments, **options)
        limit = max(dag.max_checksum_file_size, MAX_CHECKSUM_BYTES)
        # Snakemake records checksums by the second.
        dag.max_checksum_file_size = dag.workflow.dag_settings.max_checksum_file_size = limit

    async def finish_and_drop(dag: DAG, job: Any, **options: Any) -> Any:
        if not job.is_group() and job.is_checkpoint:
            # Jobs are planned anew now, but would keep the reasons they had before.
            for waiting in dag.needrun_jobs():
                if not dag.is_running(waiting):
                    dag._reason.pop(waiting, None)
        found = await finish(dag, job, **options)
        if dag.workflow.dryrun:  # nothing was made
            return found
        return await _drop_after(dag, [job]) or found

    def has_metadata_that_counts(persistence: Any, job: Any) -> bool:
        return not _is_named(job) and has_metadata(persistence, job)

    async def incomplete_that_count(persistence: Any, job: Any) -> list:
        # Outputs are absent or whole, even if Snakemake was killed before it recorded that.
        return [] if _is_named(job) else await incomplete(persistence, job)

    async def older_than_script_that_counts(job: Any) -> Any:
        # In other rules the parameter `code` is a hash of what the script computes.
        if not _is_named(job) and not hasattr(job.rule.params, "code"):
            async for file in older_than_script(job):
                yield file

    def match_producers_once(index: OutputIndex, path: str) -> set:
        # Snakemake looks up each figure for `all`, and again for the manifest.
        known = vars(index).setdefault("known", {})
        if path not in known:
            known[path] = match_producers(index, path)
        return known[path]

    def match_quickly(file: Any, path: str) -> re.Match | None:
        # Snakemake compiles a pattern for each of hundreds of figures, even without wildcards.
        if "{" in file.file:
            return match(file, path)
        return NO_WILDCARDS if file.file == path else None

    def process_script_once(processor: ScriptProcessor, job: Any) -> None:
        # Snakemake reads a rule's script for each job, only to check that it exists.
        path = Path(job.rule.basedir.get_path_or_uri(secret_free=True), job.rule.script or "")
        if not path.is_file():
            process_script(processor, job)

    OutputIndex.match_producers = match_producers_once
    _IOFile.match, ScriptProcessor.process_job = match_quickly, process_script_once
    DAG.__init__, DAG.finish = start_with_limit, finish_and_drop
    PersistenceBase.has_metadata = has_metadata_that_counts
    PersistenceBase.incomplete = incomplete_that_count
    setattr(Job, SCRIPT_IS_NEWER, older_than_script_that_counts)
    DAG.check_output_mtime = _keep_in_order
    _know_by_content()


def _know_by_content() -> None:
    """Have Snakemake compare inputs that are known by content, at any size and time."""
    is_newer, checksum = _IOFile.is_newer, _IOFile.checksum
    is_eligible = _IOFile.is_checksum_eligible

    def is_known(file: Any) -> bool:
        return is_flagged(file, CONTENT) and os.path.isfile(file.file)

    async def may_differ(file: Any, time: float) -> bool:
        return (is_known(file) and not file.is_ancient) or await is_newer(file, time)

    async def may_be_compared(file: Any, threshold: int) -> bool:
        return is_known(file) or await is_eligible(file, threshold)

    async def remembered_checksum(file: Any, *arguments: Any, **options: Any) -> str | None:
        if is_known(file):
            return f"sha256:{hash_of(file.file)}"
        return await checksum(file, *arguments, **options)

    _IOFile.is_newer, _IOFile.checksum = may_differ, remembered_checksum
    _IOFile.is_checksum_eligible = may_be_compared


async def _keep_in_order(dag: DAG, job: Any, outputs: list) -> None:
    """Replaces Snakemake's check that no input of a finished job is newer than its outputs.

    Such a file comes from a wrong clock. Users' files are known by their content. A file that a job
    made is set to the time of the outputs.
    """
    made = {file for files in dag.dependencies[job].values() for file in files}
    times = [os.stat(file).st_mtime_ns for file in outputs if os.path.isfile(file)]
    for file in made if times else ():
        if os.path.isfile(file) and os.stat(file).st_mtime_ns > min(times):
            with contextlib.suppress(OSError):
                os.utime(file, ns=(min(times), min(times)))


def _is_named(job: Any) -> bool:
    return any(is_flagged(path, IDENTITY) for path in job.output)


async def _drop_after(dag: DAG, ended: list) -> bool:
    """Drop jobs that need not run after all; return whether other jobs became ready."""
    ready = False
    while ended:
        job = ended.pop()
        if job.is_group():
            continue
        for following in list(dag.depending[job]):
            if not dag.needrun(following) or dag.finished(following) or following.is_group():
                continue
            if await _is_up_to_date(dag, following):
                name = following.rule.name
                logger.info(f"{name}: up to date, as its inputs are", extra={"spared": name})
                dag._needrun.discard(following)
                dag._ready_jobs.discard(following)
                dag._len = len(dag._finished | dag._needrun)
                waiting = [each for each in dag.depending[following] if dag.needrun(each)]
                for each in waiting:
                    dag._n_until_ready[each] -= 1
                ready |= dag.update_ready(waiting)
                ended.append(following)
    return ready


async def _is_up_to_date(dag: DAG, job: Any) -> bool:
    """Whether a planned job whose inputs are all made would only repeat its outputs."""
    reason, known = dag.reason(job), dag.workflow.persistence
    waits = any(dag.needrun(each) and not dag.finished(each) for each in dag.dependencies[job])
    if waits or dag.is_running(job) or job.rule.norun or job.is_checkpoint or job.group:
        return False
    # Only the reason `updated_input_run` may be dropped.
    if reason.forced or reason.missing_output or reason.incomplete_output or not job.output:
        return False
    if any([file async for file in job.missing_output(job.output)]):
        return False
    if _is_named(job) or not known.has_metadata(job) or known.has_outdated_metadata(job):
        return False
    changed = (known.input_changed, known.code_changed, known.software_stack_changed)
    if known.params_changed(job) or any(any(ask(job)) for ask in changed):
        return False
    made = await job.output_mintime
    for file in job.input:
        if file.is_temp or not await file.exists():
            return False
        if await file.is_newer(made) and not await _is_same(dag, job, file):
            return False
    return True


async def _is_same(dag: DAG, job: Any, file: Any) -> bool:
    """Whether an input has the same content as when a job's outputs were made."""
    limit = dag.max_checksum_file_size
    sums = dag.workflow.persistence.input_checksums(job, file)
    if len(sums) != 1 or None in sums or not await file.is_checksum_eligible(limit):
        return False
    return await file.is_same_checksum(sums.pop(), limit)


def check_jobs_left_on_slurm(workflow: Any) -> None:
    """Call `check_jobs_left` if jobs run on Slurm."""
    if workflow.executor_plugin.name == "slurm":
        check_jobs_left(workflow.workdir_init)


def check_jobs_left(folder: str) -> None:
    """Raise `InputError` while jobs of another run from `folder` are in Slurm's queue.

    A run that is killed leaves its jobs behind. They would write the same temporary files as the
    next run, at the same time.
    """
    command = ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode:
        said = " ".join(asked.stderr.split())
        raise InputError(f"squeue, which should list jobs of an earlier run, fails: {said}")
    jobs = [line.split("|", 2) for line in asked.stdout.splitlines()]
    here = Path(folder).resolve()
    left = [
        job
        for job, name, started in jobs
        if RUN.fullmatch(name) and Path(started).resolve() == here
    ]
    if left:
        raise InputError(
            f"{len(left)} Slurm jobs of another run in this folder would write the same files: "
            f"wait for them, or cancel them: scancel {' '.join(left)}"
        )
