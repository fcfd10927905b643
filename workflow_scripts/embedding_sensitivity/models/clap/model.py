"""Compute CLAP's embeddings."""

import os
import random
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.shared.cnn14 import speed_up
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

SAMPLERATE = 44100
DIMENSION = 1024
PREFIX = "audio_encoder."


@dataclass(frozen=True)
class Version:
    """An audio encoder, as in msclap's ``config_<year>.yml``, and its cost.

    Attributes
    ----------
    encoder : name of the network
    features : inputs of its projection
    fmax : of the mel spectrogram, in Hz (ignored by HTSAT, which uses 14 kHz)
    seconds : of its input
    batch_size, clip_bytes : see `TorchModel`
    """

    encoder: str
    features: int
    fmax: int
    seconds: int
    batch_size: int
    clip_bytes: int


VERSIONS = {
    "2023": Version("HTSAT", 768, 8000, 7, batch_size=2, clip_bytes=65_000_000),
    "2022": Version("Cnn14", 2048, 14000, 5, batch_size=8, clip_bytes=70_000_000),
}


def prepare(
    audio: np.ndarray, samplerate: int, seconds: int, clap_input: str, crop_seed: int
) -> np.ndarray:
    """Convert (frames, channels) float32 to the network's input: (seconds * 44100,) float32."""
    if clap_input == "mono":
        signal = mono_at(audio, samplerate, SAMPLERATE)
    else:
        channels = [mono_at(channel[:, None], samplerate, SAMPLERATE) for channel in audio.T]
        signal = np.concatenate(channels)
    length = seconds * SAMPLERATE
    if len(signal) <= length:
        return np.resize(signal, length)
    start = random.Random(crop_seed).randrange(len(signal) - length)
    return signal[start : start + length]


def network(version: Version) -> "torch.nn.Module":
    """Build the package's audio encoder with its projection."""
    text_tower = ModuleType("transformers")
    text_tower.AutoModel = None
    clap = import_bare("msclap.models.clap", text_tower)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.meshgrid", category=UserWarning)
        return clap.AudioEncoder(
            version.encoder, version.features, DIMENSION, SAMPLERATE, 1024, 320, 64, 50,
            version.fmax, 527,
        )  # fmt: skip


class CLAP(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    def __init__(self, encoder: "torch.nn.Module", weights_sha256: str, setup: Setup) -> None:
        super().__init__(encoder, weights_sha256, setup)
        version = VERSIONS[setup.options["version"]]
        self.batch_size = version.batch_size
        self.clip_bytes = version.clip_bytes
        self.prepare = partial(
            prepare,
            seconds=version.seconds,
            clap_input=setup.protocol["clap_input"],
            crop_seed=setup.options["crop_seed"],
        )

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, frames) float32: (n, 1024)."""
        return self.network(batch)[0]


def load(setup: Setup) -> CLAP:
    """Load a checkpoint in the package's format, ``{"model": weights of both towers}``."""
    version = setup.options["version"]
    encoder = network(VERSIONS[version]).eval()
    with weights_of(setup, write_initial) as path:
        checkpoint = read_checkpoint(path)
        if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("model"), dict):
            raise InputError(f"{path}: has no entry `model`: put the published weights there")
        found = {
            name.removeprefix(PREFIX): value
            for name, value in checkpoint["model"].items()
            if name.startswith(PREFIX)
        }
        # Like the package, ignore further entries, which differ between checkpoints.
        load_weights(encoder, found, path, f"CLAP {version}", strict=False)
        digest = sha256_of(path)
    if version == "2022":
        speed_up(encoder.base, setup.device)
    return CLAP(encoder, digest, setup)


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write an untrained audio encoder in the layout of the package's checkpoints."""
    version = VERSIONS[options["version"]]
    encoder = initial_network(lambda: network(version), seed)
    forward = encoder if version.encoder == "Cnn14" else partial(_normalise_bands, encoder)
    calibrate(encoder, forward, SAMPLERATE, seed)
    weights = {PREFIX + name: value for name, value in encoder.float().state_dict().items()}
    write_checkpoint(path, {"model": weights})


def _normalise_bands(encoder: "torch.nn.Module", batch: "torch.Tensor") -> None:
    """Run HTSAT up to its only batch normalisation, of the mel bands."""
    htsat = encoder.base.htsat
    bands = htsat.logmel_extractor(htsat.spectrogram_extractor(batch))
    htsat.bn0(bands.transpose(1, 3))
