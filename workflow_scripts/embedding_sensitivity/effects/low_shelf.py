"""All below a frequency made louder or quieter (``pedalboard.LowShelfFilter``).

Grids in use: up to 12 dB, as tone controls have;
`{start: -12, stop: 12, step: 2}`, two-sided, 0 dB being the clip itself.
"""

from functools import partial

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.plugin import make_plugin
from embedding_sensitivity.effects.plugin_table import PLUGINS

PARAMETERS = PLUGINS["LowShelfFilter"].parameters

EFFECT = Effect(
    parameter="gain",
    unit="dB",
    decimals=None,
    range=(-40.0, 40.0),
    neutral=0.0,
    options={"cutoff_frequency_hz": 200.0, "q": 0.707},
    parameters={key: PARAMETERS[key] for key in ("cutoff_frequency_hz", "q")},
    make=partial(make_plugin, "LowShelfFilter", "gain_db", neutral=0.0),
    seconds=1 / 740,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.plugin",),
)
