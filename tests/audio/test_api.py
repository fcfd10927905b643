"""Rendering, loading a model and embedding through the public API."""

import doctest

import numpy as np
import pytest

import embedding_sensitivity as es
from embedding_sensitivity import api
from embedding_sensitivity.effects.entries import choose


@pytest.mark.parametrize("name", ["render", "load_model", "embed"])
def test_examples_run(name):
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name, api)
    result = doctest.DocTestRunner().run(found)
    assert result.attempted and not result.failed


def test_audio_keeps_its_shape_and_mono_is_one_channel():
    audio = np.random.default_rng(0).normal(scale=0.1, size=4410)
    assert es.render(audio, 44100, "reverb", 0.5).shape == audio.shape
    mono, stereo = (es.render(each, 44100, "gain", -6) for each in (audio, audio[:, None]))
    assert np.array_equal(mono, stereo[:, 0]) and mono.dtype == np.float32
    model = es.load_model("logmel")
    together = es.embed(model, [audio, audio[:3000]], 44100)
    assert np.array_equal(together, es.embed(model, [audio, audio[:3000]], 44100, batch_size=1))


NOISE = """
from embedding_sensitivity.effects import Effect

def make(level, samplerate, seed):
    import numpy as np
    return lambda clip: np.random.default_rng(seed).normal(size=clip.shape)[: int(level)]

EFFECT = Effect("frames", "", 0, (1, 100), make, needs_seed=True, keeps_length=False)
"""


def test_an_effect_of_ones_own_is_named_by_its_file(tmp_path):
    file = tmp_path / "hiss.py"
    file.write_text(NOISE)
    first, second, other = (
        es.render(np.ones(50), 44100, "hiss", 20, file=str(file), seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second) and not np.array_equal(first, other)
    assert first[:20].all() and not first[20:].any() and len(first) == 50


@pytest.mark.parametrize(
    "arguments",
    [("gian", 0.0), ("gain", 1000.0), ("lowpass", 30000.0)],
)
def test_effects_and_levels_that_there_are_not_are_refused(arguments):
    with pytest.raises(es.InputError):
        es.render(np.zeros(100), 44100, *arguments)


def test_models_are_refused_in_one_line():
    with pytest.raises(es.InputError, match="did you mean panns"):
        es.load_model("pans")
    with pytest.raises(es.InputError, match="weights: panns needs the file"):
        es.load_model("panns")
    with pytest.raises(es.InputError, match=r"logmel\.layer"):
        es.load_model("logmel", layer="last")


def test_rendering_takes_the_keys_of_a_configs_entry():
    audio = np.full((44100, 2), 0.5, np.float32)
    entry = {"plugin": "Compressor", "vary": "ratio", "threshold_db": -20}
    expected = choose("squash", entry).build(4.0, 44100)(audio)
    found = es.render(audio, 44100, "squash", 4, **entry)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(es.InputError, match=r"squash: ratio 0.5 is outside 1 to 100"):
        es.render(audio, 44100, "squash", 0.5, **entry)
    with pytest.raises(es.InputError, match=r"treshold_db.*did you mean 'threshold_db'"):
        es.render(audio, 44100, "squash", 4, plugin="Compressor", vary="ratio", treshold_db=-20)
