"""What `figures.style` in the config may set, by kind of figure, and the defaults.

Imports the standard library alone, because the configuration is checked in Snakemake's own
environment, which has no matplotlib.
"""

from collections.abc import Mapping

from embedding_sensitivity.experiment.methods import METHODS
from embedding_sensitivity.files.errors import InputError

# Sequential, even to the eye, and readable with every common colour vision deficiency.
COLOUR_MAPS = ("viridis", "cividis", "plasma", "magma", "inferno")
STYLES = {
    "trajectories": {"font_size": 7.0, "colour_map": "viridis", "point_size": 5.0},
    "correlation": {"font_size": 7.0, "point_size": 1.6},
    "spectra": {"font_size": 7.0, "line_width": 1.1, "log_y": False},
    "auc": {"font_size": 7.0, "line_width": 0.9, "hide": []},
    "samplewise": {"font_size": 7.0, "line_width": 1.1},
    "dimensionality": {"font_size": 7.0, "point_size": 4.0},
    "principal_angles": {"font_size": 7.0, "colour_map": "viridis"},
    "auc_gain": {"font_size": 7.0, "hide": []},
    "verdicts": {"font_size": 7.0, "hide": []},
    "displacement": {"font_size": 7.0, "line_width": 1.1},
    "table1": {"font_size": 8.0},
    "paper_table1": {"font_size": 7.0},
    "paper_auc": {"font_size": 7.0, "line_width": 0.9, "point_size": 2.4},
}


def style_of(kind: str, given: Mapping) -> dict:
    """The style of a kind of figure: its defaults, and over them what the config gives.

    font_size, point_size (diameter; of trajectories the area) and line_width are in points;
    colour_map is one of `COLOUR_MAPS`; log_y makes the axis logarithmic; hide lists methods not
    to draw. Raises `InputError` for anything else.
    """
    defaults = STYLES[kind]
    for key, value in given.items():
        where = f"figures.style.{kind}.{key}"
        if key not in defaults:
            raise InputError(
                f"{where}: unknown key, expected one of {', '.join(defaults)}: correct or remove it"
            )
        if not (expected := _refusal(key, value, defaults[key])):
            continue
        raise InputError(f"{where}: {value!r}, expected {expected}: correct or remove it")
    return {**defaults, **given}


def _refusal(key: str, value, default) -> str:
    """What is expected of a value that can't be taken; empty if it can."""
    if key == "colour_map":
        return "" if value in COLOUR_MAPS else f"one of {', '.join(COLOUR_MAPS)}"
    if key == "hide":
        fits = isinstance(value, list) and all(method in METHODS for method in value)
        return "" if fits else f"a list of methods, of {', '.join(METHODS)}"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if number and 0 < value <= 30 else "points, above 0 and at most 30"
