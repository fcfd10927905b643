"""Upstream's MusiCNN embeds a fixed clip as our backend does in its own environment."""

from embedding_sensitivity.models import choose
from support.golden import check_golden_model


def test_the_packages_musicnn_gives_the_golden_embedding():
    check_golden_model(choose("musicnn", {"backend": "upstream"}))
