"""The models of this environment embed a fixed clip as they did, or their version is another."""

import pytest

from embedding_sensitivity.models import choose
from support.golden import check_golden_model


@pytest.mark.parametrize("name", ["musicnn", "musicnn-untrained"])
def test_a_model_gives_the_embedding_it_gave(name):
    check_golden_model(choose(name))
