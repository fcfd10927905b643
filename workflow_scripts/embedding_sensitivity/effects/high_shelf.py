"""All above a frequency made louder or quieter (``pedalboard.HighShelfFilter``).

Grid of our own, as far as tone controls go: `{start: -12, stop: 12, step: 2}`, two-sided, 0 dB
being the clip itself.
"""

from embedding_sensitivity.effects.bands import declare_band

EFFECT = declare_band("HighShelfFilter", frequency_hz=5000.0, q=0.707)
