"""What a run of a config lacks: downloads and environments, one line each, and where they go.

Usage: missing.py [CONFIG], by default config.yaml. Nothing is run, no network is asked. The exit
status is 1 where anything is missing.
"""

import subprocess
import sys

import config_file
from stacks import is_built, read_list, snakemake

from embedding_sensitivity.experiment.missing import missing_downloads


def planned(summary: str) -> list[str]:
    """The files and folders that a run would make, of what `snakemake --summary` prints."""
    header, *rows = [line.split("\t") for line in summary.splitlines()]
    output, plan = header.index("output_file"), header.index("plan")
    return [row[output] for row in rows if row[plan] == "update pending"]


def missing(path: str) -> list[str]:
    """One line for each thing that a run of the config file `path` lacks."""
    settings = config_file.read(path)
    questions = [
        snakemake("--configfile", path, key, stderr=subprocess.PIPE)
        for key in ("--summary", "--list-conda-envs")
    ]
    answers = [question.communicate() for question in questions]
    for question, (_, errors) in zip(questions, answers, strict=True):
        if question.returncode:
            said = errors.splitlines()
            sys.exit("\n".join([line for line in said if line.startswith("error: ")] or said))
    (summary, _), (environments, _) = answers
    return missing_downloads(planned(summary), settings) + [
        f"{file}: is not built: `make envs` builds it where there is a network, "
        "`make envs WHEELS=folder` where there is none (README, Without a network)"
        for file, folder in read_list(environments).items()
        if not is_built(folder)
    ]


if __name__ == "__main__":
    lines = missing(sys.argv[1] if len(sys.argv) > 1 else "config.yaml")
    print("\n".join(lines) or "nothing is missing")
    sys.exit(bool(lines))
