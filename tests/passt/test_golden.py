"""PaSST embeds a fixed clip as it did, or its version is another.

With untrained weights: the published ones can't be had everywhere.
"""

from embedding_sensitivity.models import choose
from support.golden import check_golden_model


def test_a_model_gives_the_embedding_it_gave(checkpoint):
    check_golden_model(choose("passt"), checkpoint)
