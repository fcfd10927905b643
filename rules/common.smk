# Shared by all stages: the checked configuration, paths, and lists derived from both.
import gc
import importlib.util
import json
import os
import re
import sys
from pathlib import Path

# Renamed, since Snakemake takes `report` at the start of a line for its keyword.
from snakemake.io import report as reported
from snakemake.logging import logger

# As a module, this workflow sees the other workflow's folder in `workflow.basedir`.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
SCRIPTS = CHECKOUT / "workflow_scripts"
if not SCRIPTS.is_dir():
    sys.exit(
        f"error: {SCRIPTS}: is missing: the workflow needs a complete checkout on this machine: clone "
        "it, and name its Snakefile by a path (github() fetches only the rules)"
    )
sys.path.insert(0, str(SCRIPTS))

from embedding_sensitivity.analysis import comparison
from embedding_sensitivity.commands.config_file import check_as_written, check_part_as_written
from embedding_sensitivity.downloads import published_files
from embedding_sensitivity.effects import levels
from embedding_sensitivity.experiment import manifest, paper, targets
from embedding_sensitivity.experiment import snakemake_internals as internals
from embedding_sensitivity.experiment.closing import closing_lines, missing_downloads
from embedding_sensitivity.experiment.measures import ANSWERS, group_measures, merge_style
from embedding_sensitivity.experiment.plan import (
    PART,
    Plan,
    locate,
    hash_code,
    conda_file,
    skip_if_made,
)
from embedding_sensitivity.experiment.settings import (
    dump_settings,
    collect_kinds,
    list_run_measures,
)
from embedding_sensitivity.experiment.tables import find_declarations
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.machine_limits import (
    SHIELD,
    check_encoding,
    find_programs_beside_python,
    memory_mb,
)
from embedding_sensitivity.files.safe_names import escape_rst
from embedding_sensitivity.page import jobs as explorer

# A plan of many objects has no rubbish among them: looking for it took a tenth of a dry run.
gc.set_threshold(100_000, 20, 20)

# Before Snakemake looks for conda.
find_programs_beside_python()


def call_or_exit(function, *arguments):
    """Call `function`; an `InputError` ends the run with one line."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


call_or_exit(check_encoding)
call_or_exit(internals.check_environments_folder, workflow)
# Whether another workflow uses this one as a module, with its own report, handlers and configuration.
IS_MODULE = internals.is_module(workflow)
# What error messages name as the source of the configuration.
SOURCE = (
    f"module {__name__}: config"
    if IS_MODULE
    else call_or_exit(internals.config_file, workflow, "config.yaml")
)
if IS_MODULE:
    call_or_exit(check_part_as_written, config, workflow.configfiles)
else:
    call_or_exit(check_as_written, SOURCE)
plan = call_or_exit(Plan, config, SOURCE)
settings = plan.settings
# Whether the run starts from embeddings made elsewhere, not from audio.
IMPORTED = plan.imported
DEMO = not IMPORTED and settings.data.source == "demo"
IRMAS = not IMPORTED and settings.data.source == "irmas"
EFFECTS, MODEL_NAMES, LABELS, RESULTS = plan.effects, plan.models, plan.labels, plan.results
SINGLE_LABELS = settings.figures.labels
# What each rule measure_<group> computes.
MEASURES = list_run_measures(settings)
JOBS = group_measures(MEASURES)
# Processes among which labels are divided: at the paper's size four fit into 8 GiB (use
# `--set-threads measure_debiasing=11` for more); the demo's labels take less time than starting one.
LABEL_PROCESSES = 1 if DEMO else 4


# The tables that response cards sum up.
CARD_TABLES = (
    "threshold_90",
    "displacement",
    "r2_means",
    "equivariance_mean",
    "recovery_best",
    "recordings",
)


# The logger plugin that the profiles choose.
SCREEN = "snakemake_logger_plugin_sensitivity"
if workflow.is_main_process and not IS_MODULE and not importlib.util.find_spec(SCREEN):
    logger.info(
        f"the package {SCREEN} is missing here, so this is Snakemake's own screen: run .venv/bin/snakemake "
        "(`make envs` makes it), or put tools/screen on PYTHONPATH"
    )

# Another workflow decides this for its own jobs.
if not IS_MODULE:
    shell.prefix(SHIELD)
# Shared by jobs on one machine, unless a profile sets them.
internals.share_resources(workflow, mem_mb=memory_mb() * 9 // 10, audio_slots=100, gpu=1)
call_or_exit(internals.adapt, workflow)


pathvars:
    results=f"results/{settings.experiment}",
    logs=f"logs/{settings.experiment}",
    benchmarks=f"benchmarks/{settings.experiment}",


wildcard_constraints:
    # Names of two experiments, without a slash, so that A/B is unambiguous.
    a=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    b=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    effect="|".join(EFFECTS),
    model="|".join(map(re.escape, (*MODEL_NAMES, *plan.networks))),
    identity=r"[0-9a-f]{8}",


# Marks users' files.
given = internals.known_by_content
EFFECT_WORDS = [plan.describe_effect(effect) for effect in EFFECTS]


def find_source(wildcards) -> published_files.Source:
    return published_files.find_source(wildcards.file, settings.sources)


def find_own_file(model: str) -> str | dict | None:
    """Return the user's file that declares a model, or an entry that its declaration follows from."""
    return settings.choices[model].declared_in if model in settings.choices else None


def inputs_of_part(wildcards) -> dict:
    """Return the inputs of a part of an effect's store, or of the originals."""
    effect = wildcards.get("effect")
    return skip_if_made(
        f"{RESULTS}/embeddings/{wildcards.model}/{effect or 'original'}/{wildcards.part}.h5",
        internals.is_forced(workflow, "embed_clips" if effect else "embed_original"),
        clips=f"{RESULTS}/clips.csv",
        weights=given(plan.weights(wildcards.model)),
        **({"audio": plan.audio(effect, wildcards.part)} if effect else {}),
    )


def inputs_of_kept_audio(wildcards) -> dict:
    folder = f"{RESULTS}/audio_kept/{wildcards.effect}/{wildcards.part}"
    forced = internals.is_forced(workflow, "keep_audio")
    return skip_if_made(folder, forced, clips=f"{RESULTS}/clips.csv")


def inputs_of_signal(wildcards) -> dict:
    """Return the inputs of a part of the signal's change."""
    return skip_if_made(
        f"{RESULTS}/signal/{wildcards.effect}/{wildcards.part}.csv",
        internals.is_forced(workflow, "compare_signals"),
        **plan.signal_inputs(wildcards.effect, wildcards.part),
    )


def inputs_of_index(wildcards) -> dict:
    if plan.index.finished and not internals.is_forced(workflow, "index_clips"):
        return {}
    audio, split = plan.source.audio, plan.source.split
    return {"audio": given(audio), "split": given(split)}


def add_to_report(path: str, caption: str, section: str, kind: str, figure=None):
    """Return an output with its section and labels in the report."""
    figure = figure or targets.Figure("", "all", "all", "all")
    model = figure.model if figure.model == "all" else plan.title(figure.model)
    labels = {"kind": kind, "effect": figure.effect, "model": model, "label": figure.label}
    # The report makes a switch of a label, but for the first, that has one of two values in each half
    # of a section's rows, and shows nothing where a switch leads to no row.
    labels = {name: value for name, value in labels.items() if value != "all"}
    return reported(path, caption=f"../report/{caption}.rst", category=section, labels=labels)


def list_report_figures(measure, kind) -> list:
    """Return the PNG files of a kind of figure, with their places in the report."""
    caption = "figure" if kind.caption else kind.name
    return [
        add_to_report(f"<results>/figures/{f.stem}.png", caption, measure.section, kind.name, f)
        for f in targets.list_figures(kind, settings)
    ]


def place_table(job, table):
    """Return a table of a group; the report has small ones as downloads."""
    path = f"<results>/tables/{table.name}.csv"
    if not table.in_report:
        return path
    caption = "table" if table.caption else f"{table.name}_csv"
    return add_to_report(path, caption, job.section_of(table), f"{table.name}.csv")


def add_download(table: str, section: str):
    """Return a table that belongs to no measure and that the report has as a download."""
    return add_to_report(f"<results>/tables/{table}.csv", f"{table}_csv", section, f"{table}.csv")


def get_style(kind) -> dict:
    """Return the style of a kind of figure."""
    return merge_style(kind, settings.figures.style.get(kind.name, {}))


def require_papers_run(path: str):
    """Return an input of the paper's own run; for another run it is an error."""

    def check_and_return(wildcards) -> str:
        call_or_exit(paper.check, settings)
        return path

    return check_and_return


def tables_of_both(wildcards) -> dict[str, list[str]]:
    """Return two experiments' tables, by absolute paths so that no rule makes them."""
    first, second = call_or_exit(comparison.tables_of_both, wildcards.a, wildcards.b)
    return {
        table: [os.path.abspath(first[table]), os.path.abspath(second[table])] for table in first
    }


def say_what_was_made() -> None:
    """Say after a run where its results are, and their largest effects."""
    logs, left_out = f"logs/{settings.experiment}", plan.describe_left_out()
    lines = closing_lines(RESULTS, logs, SOURCE, plan.controls(), left_out, plan.units())
    # The screen's plugin shows it last; otherwise it is a normal message.
    logger.info("\n".join(lines), extra={"closing": True})


def say_what_is_missing() -> None:
    """After a failure, list all missing downloads, not only the first that failed.

    Downloads come first (`priority`), so a missing one could not be fetched.
    """
    for line in missing_downloads(internals.list_unmade(workflow), settings):
        logger.error(f"missing: {line}")


# For the report's front page: report/workflow.rst sees only the config. Escaped, so that no path or
# label becomes a link or HTML.
if not IS_MODULE:
    config["run"] = {
        "clips": escape_rst(call_or_exit(plan.source.describe)),
        "dropped": call_or_exit(plan.describe_dropped),
        "left_out": call_or_exit(plan.describe_left_out),
        "recordings": escape_rst(call_or_exit(plan.describe_recordings)),
        "labels": [escape_rst(label) for label in LABELS],
        "effects": [
            {**words, "made": escape_rst(plan.describe_entry(words["name"]))}
            for words in EFFECT_WORDS
        ],
        "models": [escape_rst(plan.title(model)) for model in MODEL_NAMES],
        "protocol": None if IMPORTED else settings.protocol.model_dump(),
    }
