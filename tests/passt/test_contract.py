"""The contract of models, asked of all that run in this environment."""

import pytest

from support.model_contract import check_model, choices_of

CHOICES = [each for each in choices_of("passt") if not each.values[0].model.untrained]


@pytest.mark.more  # 10 s, and its other tests embed with the same network
@pytest.mark.parametrize("choice", CHOICES)
def test_a_model_keeps_the_contract(choice, checkpoint):
    check_model(choice, choice.load(checkpoint))
