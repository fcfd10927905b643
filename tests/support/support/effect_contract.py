"""What tests of every effect need: levels inside the accepted range, and what an effect draws."""

import numpy as np

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.levels import level_string

# Where a short clip of white noise has no such level, as it takes a higher bit rate.
MIN_SHARES = {"vorbis": 0.5}
# Levels for clips of a tenth of a second, of effects that aren't for such in all of their range.
SHORT = {"time_shift": (-0.02, 0.02)}
# The frames that the tests' clips need, where a tenth of a second is not enough.
MIN_FRAMES = {"loudness": 20000}


def level_for_noise(effect: Effect) -> str:
    """A level that tells apart clips of white noise, as text."""
    return level_at(effect, max(0.25, MIN_SHARES.get(effect.name, 0)))


def level_at(effect: Effect, share: float) -> str:
    """The level at a share of the range, on the effect's scale, as text."""
    low, high = SHORT.get(effect.name, effect.range)
    if effect.scale == "log":
        level = low ** (1 - share) * high**share
    else:
        level = (1 - share) * low + share * high
    text = f"{level:.4g}" if effect.decimals is None else f"{level:.{effect.decimals}f}"
    return level_string(text, effect.decimals, effect.name)


def drawn_for(effect: Effect, audio: np.ndarray) -> dict:
    """What `Effect.build` gets for a clip besides level and sample rate."""
    drawn = {"seed": 1} if effect.needs_seed else {}
    if effect.needs_other:
        rng = np.random.default_rng(2)
        drawn["other"] = rng.uniform(-0.5, 0.5, audio.shape).astype(np.float32)
    return drawn
