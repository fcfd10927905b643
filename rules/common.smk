# What every stage uses: the checked configuration, paths, and the lists derived from both.
import ast
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from sensitivity import dataset, levels, models
from sensitivity.config import load_settings, model_options
from sensitivity.effects import effect_named
from sensitivity.errors import InputError


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
    if not files and workflow.overwrite_config:
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


pathvars:
    results=f"results/{settings.experiment}",
    logs=f"logs/{settings.experiment}",
    benchmarks=f"benchmarks/{settings.experiment}",


RESULTS = f"results/{settings.experiment}"


wildcard_constraints:
    effect="|".join(EFFECTS),
    model="|".join(MODEL_NAMES),
    batch=r"[-0-9._]+",
    level=r"-?[0-9.]+",


def library(script: str, *chosen: str) -> list[str]:
    """The library modules that a script imports, directly or through each other.

    `chosen` are those it picks by name when it runs (``sensitivity/models/logmel``).

    Declared as inputs, so that an edit to a module re-runs the rules that import it and no other.
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
    return levels.plan_batches(
        settings.grid(effect),
        settings.extra(effect),
        settings.levels_per_job,
        existing_batches(model, effect),
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
