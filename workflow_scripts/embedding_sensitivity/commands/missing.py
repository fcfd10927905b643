"""List the downloads and environments that a config's run lacks, and where they belong."""

import subprocess
import sys

from embedding_sensitivity.commands.checkout import (
    find_root,
    is_built,
    read_environments,
    start_snakemake,
)
from embedding_sensitivity.commands.config_file import give_to_snakemake, read_settings
from embedding_sensitivity.experiment.closing import missing_downloads


def read_planned(summary: str) -> list[str]:
    """Return what a run would make, from the output of `snakemake --summary`."""
    header, *rows = [line.split("\t") for line in summary.splitlines()]
    output, plan = header.index("output_file"), header.index("plan")
    return [row[output] for row in rows if row[plan] == "update pending"]


def list_missing(config: str) -> list[str]:
    """Return a line for each download or environment that a run lacks; needs no network."""
    settings = read_settings(config)
    given = ("--snakefile", find_root() / "Snakefile", "--configfile", give_to_snakemake(config))
    questions = [
        start_snakemake(*given, key, stderr=subprocess.PIPE)
        for key in ("--summary", "--list-conda-envs")
    ]
    answers = [question.communicate() for question in questions]
    for question, (_, errors) in zip(questions, answers, strict=True):
        if question.returncode:
            said = errors.splitlines()
            sys.exit("\n".join([line for line in said if line.startswith("error: ")] or said))
    (summary, _), (environments, _) = answers
    return missing_downloads(read_planned(summary), settings) + [
        f"{file}: is not built: `make envs` builds it where there is a network, "
        "`make envs WHEELS=folder` where there is none (docs/no_network.md)"
        for file, folder in read_environments(environments).items()
        if not is_built(folder)
    ]
