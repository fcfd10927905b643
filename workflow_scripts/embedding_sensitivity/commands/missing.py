"""What a run of a config lacks: downloads and environments, one line each, and where they go."""

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
    """The files and folders that a run would make, of what `snakemake --summary` prints."""
    header, *rows = [line.split("\t") for line in summary.splitlines()]
    output, plan = header.index("output_file"), header.index("plan")
    return [row[output] for row in rows if row[plan] == "update pending"]


def list_missing(config: str) -> list[str]:
    """One line for each thing that a run of a config file lacks; no network is asked."""
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
        "`make envs WHEELS=folder` where there is none (README, Without a network)"
        for file, folder in read_environments(environments).items()
        if not is_built(folder)
    ]
