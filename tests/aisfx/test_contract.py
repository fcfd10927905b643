"""The contract of models, asked of all that run in this environment."""

import pytest

from support.model_contract import check_model, choices_of


@pytest.mark.parametrize("choice", choices_of("aisfx"))
def test_a_model_keeps_the_contract(choice):
    check_model(choice, choice.load())
