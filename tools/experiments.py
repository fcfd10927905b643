"""What the tools need to know of an experiment's files."""

import os
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from embedding_sensitivity.files.errors import InputError  # noqa: E402  (needs the path set above)

# Made after a run, of its results: no rule's output.
MADE_LATER = ("report.html", ".report.html")


def read_config(path: str) -> dict:
    """A config file's keys, unchecked but for `experiment`, which is the name of a folder."""
    try:
        config = yaml.safe_load(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give a config file") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"{path}: {error}") from None
    name = config.get("experiment") if isinstance(config, dict) else None
    if not isinstance(name, str) or not name or name != os.path.basename(name) or name[0] == ".":
        raise InputError(f"{path}: experiment: found {name!r}, expected the name of a folder")
    return config


def shown(path: str) -> str:
    """A path on one line of a terminal, whatever is in it."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in path)


def size(n_bytes: float) -> str:
    """A size for people: ``4 kB``, ``15.2 GB``."""
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} GB"
