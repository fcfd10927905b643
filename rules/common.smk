# What every stage uses: the checked configuration, paths, and the lists derived from both.
import functools
import importlib.util
import itertools
import json
import os
import sys
from collections import Counter
from pathlib import Path

# Under another name: at the start of a line, Snakemake takes `report` for its keyword.
from snakemake.io import report as reported
from snakemake.logging import logger

# Of a workflow that has this one as a module, `workflow.basedir` is that workflow's folder.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
SCRIPTS = CHECKOUT / "workflow_scripts"
if not SCRIPTS.is_dir():
    sys.exit(
        f"error: {SCRIPTS}: is missing: the workflow needs a whole checkout on this machine: clone "
        "it, and name its Snakefile by a path (github() fetches the rules alone)"
    )
sys.path.insert(0, str(SCRIPTS))

from embedding_sensitivity.analysis import comparison
from embedding_sensitivity.clips import dataset, findings
from embedding_sensitivity.experiment import batches, dependencies, embedding_files
from embedding_sensitivity import models
from embedding_sensitivity.clips import irmas
from embedding_sensitivity.downloads import sources
from embedding_sensitivity.effects import levels
from embedding_sensitivity.experiment import identity, import_settings, manifest, paper
from embedding_sensitivity.experiment import targets
from embedding_sensitivity.clips.demo_music import demo_clips
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.experiment.closing import closing_lines
from embedding_sensitivity.experiment.settings import canonical, load_settings, model_options
from embedding_sensitivity.clips.dataset import is_plain_file
from embedding_sensitivity.effects import effect_named
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.machine import find_programs_beside_python, memory_mb
from embedding_sensitivity.experiment.missing import missing_downloads
from embedding_sensitivity.files.names import rst_text
from embedding_sensitivity.clips.split import check_label_counts
from embedding_sensitivity.experiment.slurm import refuse_jobs_left
from embedding_sensitivity.experiment.tables import read_table

# Before Snakemake looks for conda.
find_programs_beside_python()


def checked(function, *arguments):
    """Call `function`; what it refuses ends the run in one line."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


def config_source() -> str:
    """The file the configuration comes from; one only, since a config is complete in itself.

    Of a module, the statement that gives it: where that has it from is not known here.
    """
    if IS_MODULE:
        return f"module {__name__}: config"
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
    return os.path.relpath(files[0]) if files else "config.yaml"


# Whether another workflow has this one as a module. Its report, handlers and configuration are its own.
IS_MODULE = not workflow.modifier.is_main_snakefile()
SOURCE = checked(config_source)
settings = checked(load_settings, config, SOURCE)
# A run starts from audio, or from embeddings that were made elsewhere.
IMPORTED = settings.data is None
if IMPORTED:
    settings = checked(import_settings.complete, settings)
DEMO = not IMPORTED and settings.data.source == "demo"
EFFECTS = sorted(settings.effects)
MODEL_NAMES = sorted(settings.models)
LABELS = settings.labels
SINGLE_LABELS = settings.figures.labels
# Processes that share out the labels of a model and effect: at most as many as 8 GiB hold at the
# paper's size (`--set-threads classify=11` for more); the demo's labels take less time than a
# process takes to start.
LABEL_PROCESSES = 1 if DEMO else 4
RESULTS = f"results/{settings.experiment}"
DEMO_FOLDER = f"{RESULTS}/clips"
IRMAS = not IMPORTED and settings.data.source == "irmas"
LOCAL_FOLDER = IRMAS and os.path.isdir(settings.data.local or "")
PUBLISHED_SPLIT = IRMAS and settings.data.split == "published"


# The logger plugin that the profiles choose where it is there.
SCREEN = "snakemake_logger_plugin_sensitivity"
if workflow.is_main_process and not IS_MODULE and not importlib.util.find_spec(SCREEN):
    logger.info(
        f"the package {SCREEN} is missing here, so this is Snakemake's own screen: run .venv/bin/snakemake "
        "(`make envs` makes it), or put tools/screen on PYTHONPATH"
    )

# Jobs of a machine share its memory, and what the default profile says where another profile, or none,
# doesn't; a cluster, where the number of jobs is given, looks after its own.
if workflow.is_main_process and workflow.resource_settings.nodes is None:
    for name, amount in (("mem_mb", memory_mb() * 9 // 10), ("audio_slots", 100), ("gpu", 1)):
        if name not in workflow.global_resources:
            workflow.register_resource(name, amount)


pathvars:
    results=f"results/{settings.experiment}",
    logs=f"logs/{settings.experiment}",
    benchmarks=f"benchmarks/{settings.experiment}",


wildcard_constraints:
    # Two experiments, each a folder: neither holds a slash, so that A/B is read in one way.
    a=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    b=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    effect="|".join(EFFECTS),
    model="|".join(MODEL_NAMES),
    batch=r"[-0-9._]+(r\d+)?",
    identity=r"[0-9a-f]{8}",
    level=r"-?[0-9.]+",


def check_writable() -> None:
    """Refuse folders that may not be written: Snakemake's own word for that is a traceback."""
    for folder in (RESULTS, f"logs/{settings.experiment}", f"benchmarks/{settings.experiment}"):
        there = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
        if not os.access(there, os.W_OK):
            raise InputError(
                f"{folder}: may not be written: make it writable (it may be on a read-only disk, or "
                "another user's), or run in another folder with --directory"
            )


def check_queue() -> None:
    """On Slurm, where a job outlives the Snakemake that submitted it: refuse what one left."""
    if workflow.executor_plugin.name == "slurm":
        refuse_jobs_left(workflow.workdir_init)


def carried(name: str) -> str:
    """A file of the checkout, in whichever folder Snakemake runs (`--directory`)."""
    return os.path.relpath(CHECKOUT / name)


@functools.cache
def library(script: str, *chosen: str) -> list[str]:
    """A script and the library modules that it imports, directly or through each other.

    `chosen` are those it picks by name when it runs (``embedding_sensitivity/models/logmel``). All are
    declared as inputs, so that an edit to a module re-runs the rules that import it and no other.
    """
    found = dependencies.library_of(SCRIPTS, script, *chosen)
    return sorted(os.path.relpath(path) for path in found)


def embedding_library(script: str, model: str) -> list[str]:
    """What `library` lists for a script that embeds with a model, or makes its weights."""
    computing = models.model_info(model).computes_with
    return library(script, models.module(model), *(name.replace(".", "/") for name in computing))


def environment_files(stack: str) -> list[str]:
    """The files that define an environment."""
    found = Path(CHECKOUT, "envs").glob(f"{stack}.*")
    return [os.path.relpath(path) for path in sorted(found)]


@functools.cache
def identity_of(model: str, effect: str | None = None) -> str:
    """Eight digits that change with all that a model's embeddings of some audio depend on."""
    stack = models.environment(model, model_options(settings, model))
    code = embedding_library("embed_clips" if effect else "embed_original", model)
    files = [*code, *environment_files(stack)]
    return identity.identity_of(settings, model, effect, files, weights_file(model))


@functools.cache
def weights_file(model: str) -> str | None:
    """The file of a model's weights; None where they are inside its package, or there are none."""
    info = models.model_info(model)
    if info.untrained:
        code = embedding_library("initialise_model", model)
        files = [*code, *environment_files(info.initial_environment)]
        return identity.initial_weights(settings, model, files)
    return f"resources/weights/{info.weights_file}" if info.weights == "download" else None


def levels_of(effect: str) -> list[str]:
    return settings.levels(effect)


def effect_words(effect: str) -> dict:
    """What a figure or caption needs to know of an effect."""
    entry = effect_named(effect)
    return {
        "name": effect,
        "parameter": entry.parameter,
        "unit": entry.unit,
        "log_axis": entry.scale == "log",
        "neutral": entry.neutral,
        "levels": levels_of(effect),
    }


EFFECT_WORDS = [effect_words(effect) for effect in EFFECTS]


def audio_protocol(effect: str) -> dict:
    return identity.audio_protocol(settings, effect)


def model_protocol(model: str, effect: str | None) -> dict:
    return identity.model_protocol(settings, model, effect)


def audio_files() -> list[str]:
    """Every audio file of the experiment, declared one by one so that none changes unseen.

    Of IRMAS its folder: which files it has is not known before it is there.
    """
    if IRMAS:
        return [checked(irmas_folder)]
    if DEMO:
        data = settings.data
        clips = checked(
            demo_clips, data.labels, data.train, data.test, data.parts_per_group, data.seed
        )
        return [f"{DEMO_FOLDER}/{clip.file_name}" for clip in clips]
    return checked(dataset.find_audio, settings.data.folder)


def irmas_folder() -> str:
    local = settings.data.local
    if LOCAL_FOLDER:
        return local
    if local is not None and not os.path.isfile(local):
        raise InputError(
            f"{SOURCE}: data.local: {local} does not exist: give IRMAS-TrainingData.zip or the "
            "folder it unpacks to, or null to download it"
        )
    return "resources/IRMAS-TrainingData"


def split_file() -> list[str]:
    if DEMO:
        return [f"{DEMO_FOLDER}/split.csv"]
    if PUBLISHED_SPLIT:
        return ["resources/train_test_split.csv"]
    return [] if settings.data.split == "generated" else [settings.data.split]


def check_labels() -> None:
    """Refuse a label that the data hasn't got, or too little of, before anything runs.

    How many training clips a generated split gives a label is known only to the index.
    """
    if DEMO:
        return
    given = split_file() and not PUBLISHED_SPLIT
    rows = dataset.read_split(settings.data.split) if given else None
    if IRMAS and not given:
        known = sorted(irmas.LABELS.values())
    else:
        known = dataset.labels_of(AUDIO, rows)
    for key, wanted in (("labels", LABELS), ("data.labels", settings.data.labels or ())):
        for label in wanted:
            if label not in known:
                raise InputError(
                    f"{SOURCE}: {key}: no clip is labelled {label!r}: the labels are "
                    f"{', '.join(known)}"
                )
    if rows:
        training = Counter(row.label for row in rows if row.split == "train")
        for wanted in (settings.data.labels or known, LABELS):
            try:
                check_label_counts({label: training[label] for label in wanted})
            except InputError as error:
                raise InputError(f"{settings.data.split}: {error}") from None


# What a run reads that it didn't make: audio, or embeddings, and a split.
if IMPORTED:
    AUDIO, AUDIO_FOLDERS, SPLIT = [], [], [settings.embeddings.split]
else:
    AUDIO, SPLIT = audio_files(), split_file()
    # Where audio that no manifest has would be part of the next run.
    AUDIO_FOLDERS = AUDIO if IRMAS else [] if DEMO else [settings.data.folder]
if not IMPORTED:
    # What Snakemake would stop at itself: the index says what is wrong with it.
    UNREADABLE = [] if DEMO or IRMAS else [path for path in AUDIO if not is_plain_file(path)]
    checked(check_labels)
    AUDIO = [path for path in AUDIO if path not in UNREADABLE]


def environment_of(wildcards) -> str:
    return f"../envs/{models.environment(wildcards.model, options_of(wildcards))}.yaml"


def initial_environment_of(wildcards) -> str:
    return f"../envs/{models.model_info(wildcards.model).initial_environment}.yaml"


def parts_of_effect(wildcards) -> list[str]:
    return parts_of(wildcards.model, wildcards.effect)


def parts_of(model: str, effect: str) -> list[str]:
    return [
        f"{RESULTS}/embeddings/{model}/{effect}/{batch}.{identity_of(model, effect)}.h5"
        for batch in batches.batches_of(
            settings, RESULTS, model, effect, identity_of(model, effect)
        )
    ]


def library_of_part(wildcards) -> list[str]:
    """The modules that a part of an effect's store is made with, if they still are its own."""
    wanted = identity_of(wildcards.model, wildcards.effect)
    if wildcards.identity != wanted:
        raise InputError(
            f"{wildcards.batch}.{wildcards.identity}.h5: {wildcards.model} is {wanted} now: its "
            "options or a module were edited since the run was planned: run again"
        )
    return embedding_library("embed_clips", wildcards.model)


def store_attributes(wildcards) -> dict:
    """What the parts of an effect's store have to say of themselves."""
    return {
        **models.identity(wildcards.model, options_of(wildcards)),
        "protocol": model_protocol(wildcards.model, wildcards.effect),
        "effect": wildcards.effect,
        "unit": effect_named(wildcards.effect).unit,
    }


def weights_of(wildcards) -> list[str]:
    """Ancient, as they are known by a hash: a newer file is the same and embeds nothing again.

    (One that is gone does, says Snakemake. And what made an ancient file must have no reason to
    run again where it is there, or Snakemake looks no further for reasons to run what uses it.)
    """
    file = weights_file(wildcards.model)
    return [ancient(file)] if file else []


def options_of(wildcards) -> dict:
    """What of a model's options its embeddings depend on."""
    return models.defining_options(wildcards.model, model_options(settings, wildcards.model))


def threads_of(wildcards) -> int:
    """Of a model on a GPU, the processes that prepare clips; on the CPU, the network's threads."""
    return 8 if models.uses_gpu(wildcards.model, options_of(wildcards)) else 1


def gpus_of(wildcards) -> int:
    wanted = models.uses_gpu(wildcards.model, options_of(wildcards))
    return int(wanted and settings.device != "cpu")


def batch_size_of(wildcards) -> int | str:
    return model_options(settings, wildcards.model)["batch_size"]


def parts_of_table(table: str) -> list[str]:
    return expand(
        "<results>/analysis/{model}/{effect}/{table}.csv",
        model=MODEL_NAMES,
        effect=EFFECTS,
        table=table,
    )


def drawn(kind: str, section: str) -> list:
    """The PNG files of one kind, each with its place and labels in the report."""
    return [
        shown(kind, section, stem, models.title(model), effect, label)
        for stem, model, effect, label in targets.model_figures(kind, settings)
    ]


def drawn_of_effects(kind: str, section: str) -> list:
    """The PNG files of a kind that has one figure of an effect, with their places in the report."""
    return [shown(kind, section, f"{kind}_{effect}", "all", effect, "all") for effect in EFFECTS]


def shown(kind: str, section: str, stem: str, model: str, effect: str, label: str):
    """A figure's PNG file, with its place and labels in the report."""
    return reported(
        f"<results>/figures/{stem}.png",
        caption=f"../report/{kind}.rst",
        category=section,
        labels={"model": model, "effect": effect, "kind": kind, "label": label},
    )


def downloadable(table: str, section: str) -> str:
    """A table that the report carries as a download; for those that stay small only."""
    return reported(
        f"<results>/tables/{table}.csv",
        caption=f"../report/{table}_csv.rst",
        category=section,
        labels={"model": "all", "effect": "all", "kind": f"{table}.csv", "label": "all"},
    )


def printed(kind: str) -> list[str]:
    """The PDF files of one kind."""
    return [f"<results>/figures/{stem}.pdf" for stem, *_ in targets.model_figures(kind, settings)]


def printed_of_effects(kind: str) -> list[str]:
    """The PDF files of a kind that has one figure of an effect."""
    return expand("<results>/figures/{kind}_{effect}.pdf", kind=kind, effect=EFFECTS)


def per_model(name: str) -> list[str]:
    """One file of each model's analysis of one effect, in the order of the models."""
    return [f"<results>/analysis/{model}/{{effect}}/{name}" for model in MODEL_NAMES]


def style_of(kind: str) -> dict:
    return settings.figures.style.get(kind, {})


def all_tables() -> list[str]:
    return [f"{RESULTS}/tables/{name}.csv" for name in targets.tables(settings)]


def all_stores() -> list[str]:
    return expand("<results>/embeddings/{model}.h5", model=MODEL_NAMES)


def all_kept_audio() -> list[str]:
    return [f"{RESULTS}/audio_kept/{folder}" for folder in targets.kept_audio(settings)]


def all_figures() -> list[str]:
    stems = checked(targets.figures, settings, SOURCE)
    return expand("<results>/figures/{stem}.{format}", stem=stems, format=("pdf", "png"))


def kept_outputs(wildcards) -> list[str]:
    """Everything below the results folder that a run makes and keeps, but for its manifest."""
    pairs = {"model": MODEL_NAMES, "effect": EFFECTS}
    stores = expand("<results>/embeddings/{model}/{effect}.h5", **pairs)
    stores += expand("<results>/embeddings/{model}/original.h5", model=MODEL_NAMES)
    if not IMPORTED:
        for model, effect in itertools.product(MODEL_NAMES, EFFECTS):
            stores += parts_of(model, effect)
    return [
        *expand("<results>/{index}.csv", index=("clips", "clips_report")),
        *stores,
        *expand("<results>/directions/{model}/{effect}.h5", **pairs),
        *expand("<results>/analysis/{model}/{effect}/{table}.csv", table=targets.ANALYSIS, **pairs),
        "<results>/tables/provenance.json",
        *all_tables(),
        *all_figures(),
        *all_comparisons(),
        *all_stores(),
        *all_kept_audio(),
    ]


def all_weights() -> list[str]:
    """The files of weights that a run's models read."""
    files = [] if IMPORTED else map(weights_file, MODEL_NAMES)
    return sorted({file for file in files if file})


def downloaded_models() -> list[str]:
    """The models whose weights are published, and not made here."""
    return [] if IMPORTED else [name for name in MODEL_NAMES if sources.published_weights(name)]


def pinned_weights() -> list[str]:
    """The weights of which no hash is published: the lock file has it."""
    published = {name: sources.published_weights(name)["sha256"] for name in downloaded_models()}
    return sorted({weights_file(name) for name, sha256 in published.items() if not sha256})


def downloads_of_run() -> dict[str, str]:
    """Paths of what a run downloads, or has from a file in its place, and the sources' names."""
    given = {}
    if IRMAS and not LOCAL_FOLDER:
        given["irmas"] = [settings.data.local] if settings.data.local else []
    if PUBLISHED_SPLIT:
        given["split"] = []
    for name in downloaded_models():
        file = models.model_info(name).weights_file
        local = settings.choices[name].local_weights
        given[sources.source_of(file).name] = [local] if local else []
    kept = {name: f"resources/downloads/{sources.SOURCES[name].file_name}" for name in given}
    return {(local or [kept[name]])[0]: name for name, local in given.items()}


def given_embeddings() -> list[str]:
    """The files of embeddings made elsewhere that a run reads."""
    if not IMPORTED:
        return []
    folder = embedding_files.folder_of(settings.embeddings.directory)
    files = embedding_files.level_files(folder, EFFECTS)
    read = [files[effect][level] for effect in EFFECTS for level in levels_of(effect)]
    return [str(folder / embedding_files.ORIGINALS), *read]


def published_numbers() -> list[str]:
    """The paper's numbers, where the run is set beside them."""
    found = sorted(Path(CHECKOUT, "data", "paper").glob("*.csv"))
    return [carried(path) for path in found] if all_comparisons() else []


def stacks_of_run() -> list[str]:
    """The software stacks that a run needs."""
    if IMPORTED:
        return ["analysis"]
    stacks = {"analysis", "audio"}
    for name in MODEL_NAMES:
        info = models.model_info(name)
        stacks.add(models.environment(name, model_options(settings, name)))
        stacks |= {info.initial_environment} if info.untrained else set()
    return sorted(stacks)


def of_the_papers_run(path: str):
    """An input that only the paper's own run has: another is told why it isn't."""

    def path_or_refusal(wildcards) -> str:
        checked(paper.check, settings)
        return path

    return path_or_refusal


def all_comparisons() -> list[str]:
    """What the paper's own run sets beside the paper; nothing in any other."""
    stems = targets.comparisons(settings)
    tables = [f"{RESULTS}/tables/paper_comparison.csv"] if stems else []
    return tables + expand("<results>/figures/{stem}.{format}", stem=stems, format=("pdf", "png"))


def tables_of_both(wildcards) -> dict[str, list[str]]:
    """Two experiments' tables as they are: absolute, so that no rule is asked to make them."""
    first, second = checked(comparison.tables_of_both, wildcards.a, wildcards.b)
    return {
        table: [os.path.abspath(first[table]), os.path.abspath(second[table])] for table in first
    }


def clips_words() -> str:
    """Where the clips come from, for the report."""
    if IMPORTED:
        clips = embedding_files.clips_of(import_settings.split_rows(settings), LABELS)
        leaking = len(findings.leaking_groups(clips))
        warning = f"; {leaking} recordings are in both (clips_report.csv)" if leaking else ""
        given = settings.embeddings
        return (
            f"embeddings made elsewhere, in {given.directory}; split into training and test clips "
            f"by {given.split}{warning}"
        )
    data = settings.data
    if DEMO:
        return (
            f"music rendered by the workflow itself: {data.train} training clips and {data.test} "
            "test clips of each label"
        )
    audio = "IRMAS's training set" if IRMAS else f"audio of {data.folder}"
    return f"{audio}; split into training and test clips: {data.split}"


def say_what_was_made() -> None:
    """After a run: where its results are, and what they say."""
    lines = closing_lines(RESULTS, f"logs/{settings.experiment}", SOURCE)
    # The screen's plugin shows it last; without one it is a message like others.
    logger.info("\n".join(lines), extra={"closing": True})


def say_what_is_missing() -> None:
    """After a failure, every download that the run still lacks, not only the one that failed first.

    Downloads come first (`priority`), so where one is left, one could not be had.
    """
    made = [output for job in workflow.dag.needrun_jobs() for output in job.output]
    for line in missing_downloads(made, settings):
        logger.error(f"missing: {line}")


def dropped_words() -> str:
    """What a finished run was made without, for the report; empty where nothing was dropped."""
    clips, dropped = Path(RESULTS, "clips.csv"), Path(RESULTS, "tables", "dropped_clips.csv")
    if IMPORTED or not (clips.exists() and dropped.exists()):
        return ""
    n_dropped = len(checked(read_table, dropped, "dropped_clips"))
    if not n_dropped:
        return ""
    n_embedded = len(in_split(checked(read_clips, clips)))
    return (
        f"{n_dropped} files were no valid clips and left out, {n_embedded} clips are embedded; "
        "which and why is in dropped_clips.csv, under *Clips* on the left"
    )


# For the report's front page: report/workflow.rst sees the config and nothing else. As text: a path
# or label that is markup must not become a link, or a piece of HTML, there.
if not IS_MODULE:
    config["run"] = {
        "clips": rst_text(clips_words()),
        "dropped": dropped_words(),
        "labels": [rst_text(label) for label in LABELS],
        "effects": EFFECT_WORDS,
        "models": [rst_text(models.title(model)) for model in MODEL_NAMES],
        "protocol": None if IMPORTED else settings.protocol.model_dump(),
    }
