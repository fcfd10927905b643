"""Every effect's audio of a fixed clip is what it was, or its version is another."""

import numpy as np
import pytest

from embedding_sensitivity.effects import EFFECTS
from support.effect_contract import MIN_FRAMES, drawn_for, level_at
from support.golden import check_golden, check_golden_model, read_clip
from support.model_contract import choices_of

# The first tenth of a second: enough to see any number move.
N_FRAMES = 4410


def levels_of(effect, samplerate: int) -> list[str]:
    """Two levels inside the accepted range, as text."""
    texts = [level_at(effect, share) for share in (0.3, 0.6)]
    assert not any(effect.find_fault(float(text), samplerate, 2) for text in texts)
    return texts


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_gives_the_audio_it_gave(name):
    effect = EFFECTS[name]
    audio, samplerate = read_clip()
    audio = audio[: MIN_FRAMES.get(name, N_FRAMES)]
    drawn = drawn_for(effect, audio)
    found = {}
    for level in levels_of(effect, samplerate):
        process = effect.build(float(level), samplerate, **drawn)
        found[level] = np.asarray(process(audio.copy()), np.float32)
    check_golden("effects", name, effect.version, found)


@pytest.mark.parametrize("choice", choices_of("audio"))
def test_a_model_gives_the_embedding_it_gave(choice):
    check_golden_model(choice)
