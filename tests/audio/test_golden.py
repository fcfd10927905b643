"""Every effect's audio of a fixed clip is what it was, or its version is another."""

import numpy as np
import pytest

from embedding_sensitivity.effects import EFFECTS
from support.golden import check_golden, check_golden_model, read_clip
from support.model_contract import choices_of

# The first tenth of a second: enough to see any number move.
N_FRAMES = 4410


def levels_of(effect, samplerate: int) -> list[str]:
    """Two levels inside the accepted range, as text."""
    low, high = effect.range
    if effect.scale == "log":
        low, high = np.log(low), np.log(high)
    levels = low + np.array([0.3, 0.6]) * (high - low)
    levels = np.exp(levels) if effect.scale == "log" else levels
    texts = [f"{level:.{effect.decimals}f}" for level in levels]
    assert not any(effect.find_fault(float(text), samplerate, 2) for text in texts)
    return texts


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_gives_the_audio_it_gave(name):
    effect = EFFECTS[name]
    audio, samplerate = read_clip()
    seed = {"seed": 1} if effect.needs_seed else {}
    found = {}
    for level in levels_of(effect, samplerate):
        process = effect.build(float(level), samplerate, **seed)
        found[level] = np.asarray(process(audio[:N_FRAMES].copy()), np.float32)
    check_golden("effects", name, effect.version, found)


@pytest.mark.parametrize("choice", choices_of("audio"))
def test_a_model_gives_the_embedding_it_gave(choice):
    check_golden_model(choice)
