"""Stands in .venv for the Slurm plugin's module of this name, which alone imports numpy and pandas.

Snakemake imports the plugin each time it starts and appends the packages of .venv to the path of
every script, where nothing numerical may be (see tools/requirements.in).
"""

from snakemake_interface_common.exceptions import WorkflowError


def create_efficiency_report(**_) -> None:
    """Refuse `--slurm-efficiency-report`."""
    raise WorkflowError(
        "--slurm-efficiency-report needs numpy and pandas, which .venv leaves out: look at "
        "benchmarks/ or run `seff JOB` instead"
    )
