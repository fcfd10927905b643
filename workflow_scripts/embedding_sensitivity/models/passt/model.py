"""Compute PaSST's embeddings."""

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.hub.network import prepare
from embedding_sensitivity.models.shared.kaldi import import_with_kaldi
from embedding_sensitivity.models.shared.torch_model import (
    TorchModel,
    initial_network,
    load_weights,
    read_checkpoint,
    weights_of,
    write_checkpoint,
)

if TYPE_CHECKING:
    import torch

SAMPLERATE = 32000
WINDOW = 10 * SAMPLERATE
# A patch is 16 frames; the filter before them shortens a signal by a sample.
SHORTEST = 15 * 320 + 1
ARCHITECTURE = "passt_s_swa_p16_128_ap476"


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the package prints, of every layer, and PyTorch's advice to its authors."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", category=FutureWarning)
        # The second is of a clip that isn't 9.98 s long.
        for message in ("stft with return_complex", "Input image size"):
            warnings.filterwarnings("ignore", message=message, category=UserWarning)
        yield


def front_end() -> "torch.nn.Module":
    """Build the package's spectrogram as its `get_basic_model` does.

    Without masks over time and frequency, which are for training alone.
    """
    with _quiet():
        package = import_with_kaldi("hear21passt.models.preprocess")
        return package.AugmentMelSTFT(
            n_mels=128, sr=SAMPLERATE, win_length=800, hopsize=320, n_fft=1024, freqm=0, timem=0,
            htk=False, fmin=0.0, fmax=None, norm=1, fmin_aug_range=10, fmax_aug_range=2000,
        )  # fmt: skip


def network() -> "torch.nn.Module":
    """Build the package's network, without its weights."""
    hub = ModuleType("timm.models._hub")
    hub.download_cached_file = None
    timm = ModuleType("timm"), ModuleType("timm.models"), hub
    with _quiet():
        package = import_with_kaldi("hear21passt.models.passt", *timm)
        return package.get_model(ARCHITECTURE, pretrained=False)


class PaSST(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(partial(prepare, target=SAMPLERATE, window=WINDOW, shortest=SHORTEST))
    batch_size = 4
    clip_bytes = 100_000_000

    def __init__(self, net: "torch.nn.Module", weights_sha256: str, setup: Setup) -> None:
        super().__init__(net, weights_sha256, setup)
        self.front_end = front_end().eval().to(self.device)

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, windows, samples) float32: (n, 768)."""
        with _quiet():
            return sum(map(self._embed, batch.unbind(1))) / batch.shape[1]

    def _embed(self, samples: "torch.Tensor") -> "torch.Tensor":
        _, embedding = self.network(self.front_end(samples).unsqueeze(1))
        return embedding


def load(setup: Setup) -> PaSST:
    """Load a checkpoint in the package's format, the network's tensors by name."""
    net = network()
    with weights_of(setup, write_initial) as path:
        checkpoint = read_checkpoint(path)
        if not isinstance(checkpoint, dict):
            raise InputError(f"{path}: has no tensors by name: put the published weights there")
        load_weights(net, checkpoint, path, "PaSST")
        digest = sha256_of(path)
    return PaSST(net, digest, setup)


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write an untrained network in the layout of the published checkpoint."""
    write_checkpoint(path, dict(initial_network(network, seed).float().state_dict()))
