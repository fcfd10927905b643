"""Untrained weights for the tests of this environment."""

import pytest

from embedding_sensitivity.models.shared import torch_model


@pytest.fixture(autouse=True)
def few_clips(monkeypatch):
    """Normalisations' statistics are of 2 clips instead of 64, which take 20 s."""
    monkeypatch.setattr(torch_model, "N_PINK_CLIPS", 2)
