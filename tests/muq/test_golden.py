"""A small MuQ, untrained, embeds a fixed clip as it did, or the model's version is another."""

from embedding_sensitivity.models import choose
from support.golden import check_golden_model


def test_a_model_gives_the_embedding_it_gave(small, tmp_path):
    path = tmp_path / "initial.safetensors"
    choose("muq-untrained").write_initial(path)
    check_golden_model(choose("muq", {"layers": "all"}), path)
