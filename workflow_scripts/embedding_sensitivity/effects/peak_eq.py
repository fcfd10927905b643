"""A band around one frequency made louder or quieter (``pedalboard.PeakFilter``).

Grids in use: bands of the Bark scale at up to 0.75 dB (RAW-Bench);
`{start: -12, stop: 12, step: 2}`, two-sided, 0 dB being the clip itself.
"""

from functools import partial

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.plugin import make_plugin
from embedding_sensitivity.effects.plugin_table import PLUGINS

PARAMETERS = PLUGINS["PeakFilter"].parameters

EFFECT = Effect(
    parameter="gain",
    unit="dB",
    decimals=None,
    range=(-40.0, 40.0),
    neutral=0.0,
    options={"cutoff_frequency_hz": 1000.0, "q": 1.0},
    parameters={key: PARAMETERS[key] for key in ("cutoff_frequency_hz", "q")},
    make=partial(make_plugin, "PeakFilter", "gain_db", neutral=0.0),
    seconds=1 / 740,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.plugin",),
)
