"""Dynamic range compression by a ratio above a threshold (``pedalboard.Compressor``).

Grids in use: thresholds -36 to -6 dB (RAW-Bench), ratios 1 to 20; `{geometric: [1, 16, 9]}`, where
1 is the clip itself. Thresholds vary by `{effect: compressor, vary: threshold_db, ratio: 4}`. There
is no make-up gain: `match: rms` or `match: lufs` keeps the loudness.
"""

from functools import partial

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.plugin import make_plugin
from embedding_sensitivity.effects.plugin_table import PLUGINS

PARAMETERS = PLUGINS["Compressor"].parameters

EFFECT = Effect(
    parameter="ratio",
    unit="",
    decimals=None,
    range=(1.0, 100.0),
    scale="log",
    neutral=1.0,
    options={"threshold_db": -30.0, "attack_ms": 1.0, "release_ms": 100.0},
    parameters={key: PARAMETERS[key] for key in ("threshold_db", "attack_ms", "release_ms")},
    make=partial(make_plugin, "Compressor", "ratio", neutral=1.0),
    seconds=1 / 240,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.plugin",),
)
