# On a Slurm cluster a job outlives the Snakemake that submitted it.
from sensitivity.slurm import refuse_jobs_left


onstart:
    if workflow.executor_plugin.name == "slurm":
        checked(refuse_jobs_left, workflow.workdir_init)
