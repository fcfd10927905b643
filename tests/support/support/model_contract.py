"""Checks that every model must pass; suites of the stacks find new models by themselves."""

import pickle
import re

import numpy as np
import pytest

from embedding_sensitivity.clips.clip import MIN_DURATION_S
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.models import MODELS, Choice, EmbeddingModel, choose


def choices_of(environment: str) -> list:
    """Return each model and backend that runs in an environment, as parameters of a test."""
    choices = [
        choose(name, {"backend": backend}) for name in MODELS for backend in MODELS[name].backends
    ]
    return [
        pytest.param(choice, id=f"{choice.name}-{choice.options['backend']}")
        for choice in choices
        if choice.environment == environment
    ]


def noise(seconds: float, channels: int, seed: int, samplerate: int = 44100) -> np.ndarray:
    shape = (int(seconds * samplerate), channels)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def check_model(choice: Choice, model: EmbeddingModel) -> None:
    """Check that a loaded model is as `EmbeddingModel` says."""
    assert re.fullmatch("[0-9a-f]{64}", model.weights_sha256) and model.batch_size >= 1
    clips = [
        noise(3, 2, 0),
        noise(1, 1, 1),
        noise(MIN_DURATION_S, 2, 2),
        np.zeros((44100, 2), "f4"),
    ]
    before = [clip.copy() for clip in clips]
    prepare = pickle.loads(pickle.dumps(model.prepare))
    prepared = [prepare(clip, 44100) for clip in clips]
    for clip, same in zip(clips, before, strict=True):
        np.testing.assert_array_equal(clip, same)
    views = model.embed(prepared)
    assert list(views) == [choice.view]
    rows = views[choice.view]
    assert rows.shape == (len(clips), choice.dimension) and rows.dtype == np.float32
    assert np.isfinite(rows).all()
    for row, clip in zip(rows, prepared, strict=True):
        (alone,) = model.embed([clip])[choice.view]
        assert np.linalg.norm(row - alone) <= 1e-5 * np.linalg.norm(alone)
    assert np.isfinite(model.embed([prepare(noise(1, 2, 3, 22050), 22050)])[choice.view]).all()
    check_lengths(choice, model)
    # If channels are mixed, two equal channels give the same as one.
    if not choice.model.switches:
        mono = noise(1, 1, 4)
        both = model.embed([prepare(mono, 44100), prepare(np.repeat(mono, 2, axis=1), 44100)])
        np.testing.assert_array_equal(*both[choice.view])


def check_lengths(choice: Choice, model: EmbeddingModel) -> None:
    """Check that a model embeds what effects make of a clip's length: a quarter, or four times.

    Nothing shorter than `MIN_DURATION_S` is rendered.
    """
    low, high = EFFECTS["time_stretch"].range
    clips = [noise(seconds, 2, 5) for seconds in (MIN_DURATION_S, 3 / high, 3 / low)]
    rows = model.embed([model.prepare(clip, 44100) for clip in clips])[choice.view]
    assert rows.shape == (len(clips), choice.dimension) and np.isfinite(rows).all()
