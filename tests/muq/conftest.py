"""Checkpoints of MuQ, small ones as upstream's own class writes them."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import published
import pytest
import torch
import upstream
from safetensors.torch import load_file, save_file

from embedding_sensitivity.models import Choice, EmbeddingModel, choose
from embedding_sensitivity.models.muq import model as muq

DIMENSION, DEPTH = 32, 2
SIZES = {"conv_dim": 8, "encoder_dim": DIMENSION, "encoder_depth": DEPTH}
CONFORMER_SIZES = {"intermediate_size": 64, "num_attention_heads": 2}


def shrink(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with the sizes of a small network."""
    conformer = {**config["w2v2_config"], **CONFORMER_SIZES}
    return {**config, **SIZES, "w2v2_config": conformer}


@pytest.fixture
def small(monkeypatch):
    """The library builds a small network."""
    monkeypatch.setattr(muq, "CONFIG", shrink(muq.CONFIG))


@dataclass(frozen=True)
class Checkpoint:
    """A file as the published one, and the very network of upstream's that it was written from."""

    path: Path
    whole: torch.nn.Module

    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self.path)

    def rewrite(self, tensors: dict[str, torch.Tensor], folder: Path) -> Path:
        path = folder / "changed.safetensors"
        save_file(tensors, path)
        return path


def write_checkpoint(path: Path, config: dict[str, Any]) -> Checkpoint:
    """Write a checkpoint, seeded, with random biases and normalisations too."""
    torch.manual_seed(7)
    whole = upstream.load_class()(copy.deepcopy(config)).eval()
    with torch.no_grad():
        for name, value in whole.state_dict().items():
            if value.is_floating_point() and "inv_freq" not in name:
                noise = torch.rand_like(value) if "running_var" in name else torch.randn_like(value)
                value += 0.05 * noise
    tensors = {name: value.contiguous() for name, value in whole.state_dict().items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return Checkpoint(path, whole)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Checkpoint:
    """A small one, which a test must not change."""
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    return write_checkpoint(path, shrink(published.CONFIG))


def load(path: Path, **options: Any) -> tuple[Choice, EmbeddingModel]:
    """Choose and load a small model as a run does."""
    choice = choose("muq", options)
    n_layers = 1 if choice.options["layers"] == "last" else DEPTH + 1
    views = {"embedding": n_layers * DIMENSION}
    return replace(choice, model=replace(choice.model, views=views)), choice.load(path)
