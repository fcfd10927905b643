"""Compute MuQ's embeddings."""

import importlib
import os
from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from embedding_sensitivity.files.atomic import replacing, sha256_of
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.hub.network import prepare, read_weights
from embedding_sensitivity.models.muq.constants import CONFIG, SAMPLERATE
from embedding_sensitivity.models.shared.torch_model import (
    TorchModel,
    import_bare,
    initial_network,
    load_weights,
    weights_of,
)

if TYPE_CHECKING:
    import torch

WINDOW = 30 * SAMPLERATE
# The spectrogram mirrors half a frame of 2048 samples at each end.
SHORTEST = 1200
# Beginnings of the names of tensors that no layer depends on.
UNUSED = (
    "model.linear.", "model.cls_token", "model.rvq.", "model.quantizer_", "model.recon_proj.",
    "model.conformer.pos_conv_embed.",
)  # fmt: skip


def import_package() -> ModuleType:
    """Import the package's module of the network.

    The package itself needs x_clip, and by that torchvision. Of torchaudio the spectrogram is
    needed, which is Python; its compiled part is for another PyTorch.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    # First, since it looks which torchaudio is installed.
    importlib.import_module("transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer")
    compiled = ModuleType("torchaudio._extension")
    compiled._IS_TORCHAUDIO_EXT_AVAILABLE = False
    compiled.fail_if_no_align = lambda function: function
    torchaudio = ModuleType("torchaudio")
    torchaudio.transforms = import_bare("torchaudio.transforms", compiled)
    return import_bare("muq.muq.muq", torchaudio)


def network() -> "torch.nn.Module":
    """Build the package's network, without what no layer depends on.

    With no features to predict it makes no codebooks, which would seed PyTorch.
    """
    import torch

    muq = import_package().MuQ({**CONFIG, "features": [], "codebook_size": 1})
    muq.model.linear = torch.nn.Identity()  # of classes, which are not returned
    del muq.model.cls_token, muq.model.conformer.pos_conv_embed
    return muq


class MuQ(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(partial(prepare, target=SAMPLERATE, window=WINDOW, shortest=SHORTEST))
    batch_size = 1
    clip_bytes = 400_000_000

    def __init__(self, network: "torch.nn.Module", weights_sha256: str, setup: Setup) -> None:
        super().__init__(network, weights_sha256, setup)
        self.layers = setup.options["layers"]

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, windows, samples) float32: (n, d), one layer after another."""
        return sum(self._embed_window(window) for window in batch.unbind(1)) / batch.shape[1]

    def _embed_window(self, samples: "torch.Tensor") -> "torch.Tensor":
        import torch

        output = self.network(samples, output_hidden_states=True)
        states = output.hidden_states if self.layers == "all" else [output.last_hidden_state]
        return torch.cat([frames.mean(1) for frames in states], 1)


def load(setup: Setup) -> MuQ:
    """Load the published file of weights, or that of `write_initial`."""
    with weights_of(setup, write_initial) as path:
        tensors = read_weights(path)
        muq = network()
        used = {name: value for name, value in tensors.items() if not name.startswith(UNUSED)}
        load_weights(muq, used, path, "MuQ")
        digest = sha256_of(path)
    return MuQ(muq, digest, setup)


def write_initial(path: str | os.PathLike, seed: int, options: Mapping[str, Any]) -> None:
    """Write a network with the package's initialisation; the file says that it is untrained."""
    from safetensors.torch import save_file

    muq = initial_network(network, seed).float()
    tensors = {name: value.contiguous() for name, value in muq.state_dict().items()}
    with replacing(path) as part:
        save_file(tensors, part, metadata={"untrained": f"seed {seed}"})
