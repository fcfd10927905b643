"""A checkpoint for the tests of BEATs: small inside, with biases, gates and norms that differ."""

from pathlib import Path

import pytest
import torch

from embedding_sensitivity.models.beats import model as ours
from embedding_sensitivity.models.shared.torch_model import write_checkpoint

# A twelfth of the whole in each block's largest part.
SMALL = {**ours.CONFIG, "encoder_ffn_embed_dim": 256}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A file as the published one, of 12 blocks of 768 values."""
    torch.manual_seed(7)
    network = ours.network(SMALL)
    with torch.no_grad():
        for value in network.parameters():
            # Zero biases would hide one that is lost.
            if value.requires_grad:
                value += 0.05 * torch.randn_like(value) * (value == value.flatten()[0]).all()
    path = tmp_path_factory.mktemp("weights") / "BEATs_iter3_plus_AS2M.pt"
    published = {
        name: value for name, value in network.state_dict().items() if name not in ours.MARKING
    }
    # What training alone reads of `cfg`, and a head, as the fine-tuned checkpoints have.
    config = {**SMALL, "dropout": 0.1, "encoder_layerdrop": 0.05, "finetuned_model": True,
              "layer_wise_gradient_decay_ratio": 0.6}  # fmt: skip
    published["predictor.weight"] = torch.zeros(527, 768)
    write_checkpoint(path, {"cfg": config, "model": published})
    return path
