"""Compute PANNs' embeddings."""

import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.shared.cnn14 import HOP, MIN_SAMPLES, speed_up
from embedding_sensitivity.models.shared.frontend import mono_at
from embedding_sensitivity.models.shared.torch_model import (
    TorchModel,
    calibrate,
    import_bare,
    initial_network,
    load_weights,
    read_checkpoint,
    weights_of,
    write_checkpoint,
)

if TYPE_CHECKING:
    import torch

SAMPLERATE = 32000
N_CLASSES = 527


def prepare(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Convert (frames, channels) float32 to the network's input, (frames at 32 kHz,) float32."""
    signal = mono_at(audio, samplerate, SAMPLERATE)
    return np.pad(signal, (0, max(0, MIN_SAMPLES - len(signal))))


def network() -> "torch.nn.Module":
    """Build CNN14 as ``AudioTagging`` does."""
    # The package's module imports matplotlib but does not need it here.
    unused = ModuleType("matplotlib"), ModuleType("matplotlib.pyplot")
    models = import_bare("panns_inference.models", *unused)
    return models.Cnn14(SAMPLERATE, 1024, HOP, 64, 50, 14000, N_CLASSES)


class PANNs(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(prepare)
    batch_size = 16
    clip_bytes = 30_000_000

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, frames) float32: (n, 2048)."""
        return self.network(batch)["embedding"]


def load(setup: Setup) -> PANNs:
    """Load a checkpoint in the package's format, ``{"model": weights, ...}``."""
    cnn14 = network().eval()
    with weights_of(setup, write_initial) as path:
        checkpoint = read_checkpoint(path)
        if not isinstance(checkpoint, dict) or "model" not in checkpoint:
            raise InputError(f"{path}: has no entry `model`: put the published weights there")
        load_weights(cnn14, checkpoint["model"], path, "CNN14")
        digest = sha256_of(path)
    speed_up(cnn14, setup.device)
    return PANNs(cnn14, digest, setup)


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write an untrained CNN14 in the layout of the package's checkpoints."""
    cnn14 = initial_network(network, seed)
    calibrate(cnn14, cnn14, SAMPLERATE, seed)
    write_checkpoint(path, {"model": cnn14.float().state_dict()})
