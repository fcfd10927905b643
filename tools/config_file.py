"""Read a config file for a tool that runs outside Snakemake."""

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from embedding_sensitivity.experiment.settings import Settings, load_settings  # noqa: E402  (needs the path set above)
from embedding_sensitivity.files.errors import InputError  # noqa: E402


def read(path: str) -> Settings:
    """Return a config file's settings; end the program in one line where there are none."""
    try:
        with open(path, encoding="utf-8") as file:
            return load_settings(yaml.safe_load(file) or {}, path)
    except FileNotFoundError:
        sys.exit(f"error: {path}: no such config file")
    except (InputError, yaml.YAMLError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
