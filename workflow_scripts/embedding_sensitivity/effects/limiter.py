"""A limiter that looks ahead: no sample is over the ceiling (``pedalboard.BrickwallLimiter``).

Grids in use: thresholds -18 to -6 dB (RAW-Bench); `{start: -40, stop: -2, step: 2}`. A clip whose
peak is under the ceiling comes back as it was. ``pedalboard.Limiter`` isn't used: it makes a clip
louder even at 0 dB.
"""

from functools import partial

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.plugin import make_plugin
from embedding_sensitivity.effects.plugin_table import PLUGINS

PARAMETERS = PLUGINS["BrickwallLimiter"].parameters

EFFECT = Effect(
    parameter="ceiling",
    unit="dB",
    decimals=None,
    range=(-60.0, 0.0),
    mild_end="high",
    options={"release_ms": 100.0, "lookahead_ms": 5.0, "true_peak": False},
    parameters={key: PARAMETERS[key] for key in ("release_ms", "lookahead_ms")},
    make=partial(make_plugin, "BrickwallLimiter", "ceiling_db"),
    seconds=1 / 150,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.plugin",),
)
