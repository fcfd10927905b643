"""The models of this environment embed a fixed clip as they did, or their version is another."""

import pytest

from support.golden import check_golden_model
from support.model_contract import choices_of


@pytest.mark.parametrize("choice", choices_of("litert"))
def test_a_model_gives_the_embedding_it_gave(choice):
    check_golden_model(choice)
