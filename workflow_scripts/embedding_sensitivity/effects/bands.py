"""What equalizers share: one band of pedalboard's made louder or quieter."""

from functools import partial

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.plugin import make_plugin
from embedding_sensitivity.effects.plugin_table import PLUGINS


def declare_band(plugin: str, frequency_hz: float, q: float) -> Effect:
    """Declare a plugin with a band whose gain varies, 0 dB being the clip itself."""
    limits = PLUGINS[plugin].parameters
    return Effect(
        parameter="gain",
        unit="dB",
        decimals=None,
        range=limits["gain_db"].range,
        neutral=0.0,
        options={"cutoff_frequency_hz": frequency_hz, "q": q},
        parameters={key: limits[key] for key in ("cutoff_frequency_hz", "q")},
        make=partial(make_plugin, plugin, "gain_db", neutral=0.0),
        seconds=1 / 740,
        packages=("numpy", "pedalboard"),
        computes_with=(
            "embedding_sensitivity.effects.bands",
            "embedding_sensitivity.effects.plugin",
        ),
    )
