"""The contract of models, asked of all that run in this environment."""

import pytest

from support.model_contract import check_model, choices_of

# Of the others the untrained weights are made in another environment.
CHOICES = [
    parameter
    for parameter in choices_of("torch")
    if (choice := parameter.values[0]).model.initial.environment == "torch"
    and not choice.model.untrained
]


@pytest.mark.parametrize("choice", CHOICES)
def test_a_model_keeps_the_contract(choice, untrained):
    check_model(choice, choice.load(untrained(choice.name), protocol={"clap_input": "mono"}))
