"""Read a config file outside Snakemake."""

import os
from pathlib import Path

import yaml

from embedding_sensitivity.experiment.settings import Settings, load_settings
from embedding_sensitivity.files.errors import InputError


def read_config(path: str) -> dict:
    """A config file's keys, unchecked but for `experiment`, which is the name of a folder."""
    try:
        config = yaml.safe_load(Path(path).read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such config file: give the path of one") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give a config file") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    name = config.get("experiment") if isinstance(config, dict) else None
    if not isinstance(name, str) or not name or name != os.path.basename(name) or name[0] == ".":
        raise InputError(f"{path}: experiment: found {name!r}, expected the name of a folder")
    return config


def read_settings(path: str) -> Settings:
    """A config file's settings, every key checked."""
    return load_settings(read_config(path), path)
