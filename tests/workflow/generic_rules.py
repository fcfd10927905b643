"""The rules that the measures' declarations make: names, and where their benchmarks are."""

from embedding_sensitivity.experiment.measures import group_measures, list_measures
from embedding_sensitivity.experiment.targets import folder_of

JOBS = group_measures(list_measures())
MEASURE = {
    f"measure_{job.group.name}": f"analysis/{folder_of(job)}.tsv" for job in JOBS if job.tables
}
TABULATE = {
    f"tabulate_{job.group.name}": f"tables/{job.group.name}.tsv" for job in JOBS if job.results
}
DRAW = {
    f"draw_{kind.name}": f"figures/{kind.name}.tsv" for m in list_measures() for kind in m.figures
}
# Those of runs alone in which layers of a model are analysed.
OF_LAYERS = {
    f"tabulate_{job.group.name}" for job in JOBS if all(m.needs_layers for m in job.measures)
} | {f"draw_{kind.name}" for m in list_measures() if m.needs_layers for kind in m.figures}
# Those that run where Snakemake does.
LOCAL = TABULATE | DRAW
ALL = MEASURE | LOCAL


def script_of(rule: str) -> str:
    """The script of a generic rule."""
    stage = rule.partition("_")[0]
    return "tabulate_measures" if stage == "tabulate" else stage
