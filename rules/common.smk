# What every stage uses: the checked configuration, paths, and the lists derived from both.
import ast
import functools
import os
import sys
from collections import Counter
from pathlib import Path

# Under another name: at the start of a line, Snakemake takes `report` for its keyword.
from snakemake.io import report as reported

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from sensitivity import dataset, irmas, levels, models
from sensitivity.demo_music import demo_clips
from sensitivity.config import load_settings, model_options
from sensitivity.effects import effect_named
from sensitivity.errors import InputError
from sensitivity.protocol import check_label_counts


def checked(function, *arguments):
    """Call `function`; what it refuses ends the run in one line."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


def config_source() -> str:
    """The file the configuration comes from; one only, since a config is complete in itself."""
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


SOURCE = checked(config_source)
settings = checked(load_settings, config, SOURCE)
EFFECTS = sorted(settings.effects)
MODEL_NAMES = sorted(settings.models)
LABELS = settings.labels
SINGLE_LABELS = settings.figures.labels
TABLES = ("global_r2", "table1", "samplewise_r2", "spectra", "n_directions", "auc")
FIGURES = ("trajectories", "correlation", "spectra", "samplewise", "auc")
RESULTS = f"results/{settings.experiment}"
DEMO = settings.data.source == "demo"
DEMO_FOLDER = f"{RESULTS}/clips"
IRMAS = settings.data.source == "irmas"
LOCAL_FOLDER = IRMAS and os.path.isdir(settings.data.local or "")
PUBLISHED_SPLIT = IRMAS and settings.data.split == "published"


pathvars:
    results=f"results/{settings.experiment}",
    logs=f"logs/{settings.experiment}",
    benchmarks=f"benchmarks/{settings.experiment}",


wildcard_constraints:
    effect="|".join(EFFECTS),
    model="|".join(MODEL_NAMES),
    batch=r"[-0-9._]+(r\d+)?",
    level=r"-?[0-9.]+",


@functools.cache
def library(script: str, *chosen: str) -> list[str]:
    """The library modules that a script imports, directly or through each other.

    `chosen` are those it picks by name when it runs (``sensitivity/models/logmel``). All are
    declared as inputs, so that an edit to a module re-runs the rules that import it and no other.
    """
    found = {SCRIPTS / f"{name}.py" for name in chosen}
    waiting = [SCRIPTS / f"{script}.py", *found]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop().read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                target = SCRIPTS.joinpath(*name.split("."))
                for path in (target.with_suffix(".py"), target / "__init__.py"):
                    if name.startswith("sensitivity.") and path.exists() and path not in found:
                        found.add(path)
                        waiting.append(path)
    return sorted(os.path.relpath(path) for path in found)


def levels_of(effect: str) -> list[str]:
    return settings.levels(effect)


def existing_batches(model: str, effect: str) -> list[str]:
    """Names of the batches that earlier runs embedded: what an incremental run reuses."""
    folder = Path(RESULTS, "embeddings", model, effect)
    return sorted(path.stem for path in folder.glob("[!.]*.h5"))


def batches_of(model: str, effect: str) -> list[str]:
    """Names of the batches whose stores hold a model's embeddings at an effect's levels."""
    others = {
        name for other in MODEL_NAMES if other != model for name in existing_batches(other, effect)
    }
    return levels.plan_batches(
        settings.grid(effect),
        settings.extra(effect),
        settings.levels_per_job,
        existing_batches(model, effect),
        {name for name in others if not Path(RESULTS, "audio", effect, f"{name}.h5").exists()},
    )


def effect_words(effect: str) -> dict:
    """What a figure or caption needs to know of an effect."""
    entry = effect_named(effect)
    return {
        "name": effect,
        "parameter": entry.parameter,
        "unit": entry.unit,
        "log_axis": entry.log_axis,
        "neutral": entry.neutral,
        "levels": levels_of(effect),
    }


def audio_protocol(effect: str) -> dict:
    """The switches that the effected audio depends on."""
    protocol = {"audio": settings.protocol.audio}
    if effect_named(effect).stateful:
        protocol["reverb_state"] = settings.protocol.reverb_state
    return protocol


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


AUDIO = audio_files()
checked(check_labels)


def environment_of(wildcards) -> str:
    return f"../envs/{models.environment(wildcards.model, options_of(wildcards))}.yaml"


def parts_of_effect(wildcards) -> list[str]:
    return [
        f"{RESULTS}/embeddings/{wildcards.model}/{wildcards.effect}/{batch}.h5"
        for batch in batches_of(wildcards.model, wildcards.effect)
    ]


def store_attributes(wildcards) -> dict:
    """What the parts of an effect's store have to say of themselves."""
    return {
        **models.identity(wildcards.model, options_of(wildcards)),
        "protocol": audio_protocol(wildcards.effect),
        "effect": wildcards.effect,
        "unit": effect_named(wildcards.effect).unit,
    }


def weights_of(wildcards) -> list[str]:
    """The file of a model's weights; none where they are inside its package."""
    if not models.model_info(wildcards.model).untrained:
        return []
    seed = options_of(wildcards)["seed"]
    return [f"resources/weights/{wildcards.model}_seed{seed}.npz"]


def options_of(wildcards) -> dict:
    return model_options(settings, wildcards.model)


def parts_of_table(table: str) -> list[str]:
    return expand(
        "<results>/analysis/{model}/{effect}/{table}.csv",
        model=MODEL_NAMES,
        effect=EFFECTS,
        table=table,
    )


def shown_model(model: str) -> str:
    """A model's name as the report shows it: controls say that they are, as in the figures."""
    info = models.model_info(model)
    return f"{model} (control)" if info.untrained or info.weights == "none" else model


def figure_stems(kind: str) -> list[str]:
    """Names without ending of one kind's figures of one effect."""
    stems = [f"{kind}_{model}_{{effect}}" for model in MODEL_NAMES]
    return stems + [f"{stem}_{label}" for stem in stems for label in SINGLE_LABELS]


def drawn(kind: str, section: str) -> list:
    """The PNG files of one kind, each with its place and labels in the report."""
    figures = []
    for model in MODEL_NAMES:
        for label in ("all", *SINGLE_LABELS):
            ending = "" if label == "all" else f"_{label}"
            figures.append(
                reported(
                    f"<results>/figures/{kind}_{model}_{{effect}}{ending}.png",
                    caption=f"../report/{kind}.rst",
                    category=section,
                    labels={
                        "model": shown_model(model),
                        "effect": "{effect}",
                        "kind": kind,
                        "label": label,
                    },
                )
            )
    return figures


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
    return [f"<results>/figures/{stem}.pdf" for stem in figure_stems(kind)]


def per_model(name: str) -> list[str]:
    """One file of each model's analysis of one effect, in the order of the models."""
    return [f"<results>/analysis/{model}/{{effect}}/{name}" for model in MODEL_NAMES]


def style_of(kind: str) -> dict:
    return settings.figures.style.get(kind, {})


def all_tables() -> list[str]:
    return [f"{RESULTS}/tables/{name}.csv" for name in TABLES]


def all_stores() -> list[str]:
    return expand("<results>/embeddings/{model}.h5", model=MODEL_NAMES)


def all_kept_audio() -> list[str]:
    return [
        f"{RESULTS}/audio_kept/{effect}/{level}"
        for effect in EFFECTS
        for level in settings.kept_levels(effect)
    ]


def all_figures() -> list[str]:
    stems = [
        stem.format(effect=effect)
        for kind in FIGURES
        for stem in figure_stems(kind)
        for effect in EFFECTS
    ]
    return expand(
        "<results>/figures/{stem}.{format}", stem=[*stems, "table1"], format=("pdf", "png")
    )


def clips_words() -> str:
    """Where the clips come from, for the report."""
    data = settings.data
    if DEMO:
        return (
            f"music rendered by the workflow itself: {data.train} training clips and {data.test} "
            "test clips of each label"
        )
    audio = "IRMAS's training set" if IRMAS else f"audio of {data.folder}"
    return f"{audio}; split into training and test clips: {data.split}"


# For the report's front page: report/workflow.rst sees the config and nothing else.
config["run"] = {
    "clips": clips_words(),
    "labels": LABELS,
    "effects": [effect_words(effect) for effect in EFFECTS],
    "models": [shown_model(model) for model in MODEL_NAMES],
    "protocol": settings.protocol.model_dump(),
}
