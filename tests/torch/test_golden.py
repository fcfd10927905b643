"""The models of this environment embed a fixed clip as they did, or their version is another.

With untrained weights: the published ones can't be had everywhere.
"""

import pytest

from embedding_sensitivity.models import MODELS, choose
from support.golden import check_golden_model

# OpenL3's untrained weights are made in another environment (test_openl3.py has its own).
NAMES = [
    name
    for name, model in MODELS.items()
    if model.files and model.initial and model.initial.environment == "torch"
    and not model.untrained
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_model_gives_the_embedding_it_gave(name, untrained):
    check_golden_model(choose(name), untrained(name))
