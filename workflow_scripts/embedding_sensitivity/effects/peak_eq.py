"""A band around one frequency made louder or quieter (``pedalboard.PeakFilter``).

Grids in use: bands of the Bark scale at up to 0.75 dB (RAW-Bench);
`{start: -12, stop: 12, step: 2}`, two-sided, 0 dB being the clip itself.
"""

from embedding_sensitivity.effects.bands import declare_band

EFFECT = declare_band("PeakFilter", frequency_hz=1000.0, q=1.0)
