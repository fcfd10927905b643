"""Rendering, loading a model and embedding through the public API."""

import doctest

import numpy as np
import pytest

import embedding_sensitivity as es
from embedding_sensitivity import api


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
