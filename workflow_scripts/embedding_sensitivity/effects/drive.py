"""Soft clipping: tanh of the amplified clip (``pedalboard.Distortion``).

Grid of our own: `{start: 0, stop: 40, step: 2}`. Loudness rises with the drive, which
alone moves most embeddings: `match: rms` or `match: lufs` keeps it.
"""

from functools import partial

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.plugin import make_plugin

EFFECT = Effect(
    parameter="drive",
    unit="dB",
    decimals=None,
    range=(-20.0, 60.0),
    # No level is neutral: tanh bends at 0 dB too, and less is a quieter clip.
    mild_end="low",
    make=partial(make_plugin, "Distortion", "drive_db"),
    seconds=1 / 150,
    packages=("numpy", "pedalboard"),
    computes_with=("embedding_sensitivity.effects.plugin",),
)
