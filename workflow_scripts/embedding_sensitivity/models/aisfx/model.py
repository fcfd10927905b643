"""Compute aiSFX's embeddings."""

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.shared.frontend import mono_at
from embedding_sensitivity.models.shared.initial import variables_sha256
from embedding_sensitivity.models.shared.torch_model import (
    TorchModel,
    calibrate,
    initial_network,
    load_weights,
    read_checkpoint,
    write_checkpoint,
)

if TYPE_CHECKING:
    import torch

SAMPLERATE = 44100
FRAME = 2048
HOP = 1024
N_BANDS = 96
BLOCK = 100  # frames
BLOCK_HOP = 50
# The largest value of any spectrogram of the training, by which the package divides.
HIGHEST = 9.457798957824707
CHECKPOINT = Path("models", "checkpoint.pth")
CHECKPOINT_SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"
# Of the network's tensors in it, and the SHA-256 of their values.
PREFIX = "embedding_net."
NETWORK_SHA256 = "c72995ba6813e0a0d7724439ce9e0bbc90cf7e33104c1cc53a12bf1b7dd51aa4"


@lru_cache
def _algorithms() -> tuple:
    """Return essentia's algorithms: of a frame its window, spectrum, mel bands and logarithm."""
    from essentia import standard

    return (
        standard.Windowing(type="hann", normalized=False, zeroPadding=0),
        standard.Spectrum(size=FRAME),
        standard.MelBands(
            inputSize=FRAME // 2 + 1,
            numberBands=N_BANDS,
            sampleRate=SAMPLERATE,
            lowFrequencyBound=0,
            highFrequencyBound=SAMPLERATE / 2,
            warpingFormula="htkMel",
            weighting="warping",
            normalize="unit_sum",
            type="power",
            log=False,
        ),
        standard.UnaryOperator(type="identity", scale=1e4, shift=1),
        standard.UnaryOperator(type="log10"),
    )


def spectrogram(signal: np.ndarray) -> np.ndarray:
    """Return the package's spectrogram of a signal at 44.1 kHz, (frames, 96) float32.

    The first frame is centred on the first sample, and the last is the first to reach the end.
    """
    algorithms = _algorithms()
    from essentia.standard import FrameGenerator

    rows = []
    frames = FrameGenerator(signal, frameSize=FRAME, hopSize=HOP, startFromZero=False)
    for row in frames:
        for algorithm in algorithms:
            row = algorithm(row)
        rows.append(row)
    return np.array(rows, np.float32).reshape(-1, N_BANDS)


def blocks(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Cut (frames, channels) float32 into spectrogram blocks (n, 100, 96) float32, n >= 1."""
    signal = mono_at(audio, samplerate, SAMPLERATE)
    spectrum = spectrogram(signal) / np.float32(HIGHEST)
    # Silence is 0 in a spectrogram.
    spectrum = np.pad(spectrum, ((0, max(0, BLOCK - len(spectrum))), (0, 0)))
    starts = range(0, len(spectrum) - BLOCK + 1, BLOCK_HOP)
    return np.stack([spectrum[start : start + BLOCK] for start in starts])


def network() -> "torch.nn.Module":
    """Build the package's network, as it does for its best model."""
    from aisfx.models.cnn2d import EmbeddingNet

    return EmbeddingNet("max", 3, 1, 64)


def pretrained_weights() -> "dict[str, torch.Tensor]":
    """Read the network's tensors from the installed package's checkpoint.

    No code in it is run. It also holds integers of NumPy, under a name that NumPy 2 changed, so
    PyTorch has to be told that name.
    """
    import torch

    package = find_spec("aisfx")
    if package is None:
        raise InputError("package aisfx: not installed here; run in envs/aisfx.yaml")
    path = Path(package.submodule_search_locations[0], CHECKPOINT)
    if not path.is_file() or sha256_of(path) != CHECKPOINT_SHA256:
        raise InputError(
            f"package aisfx: {CHECKPOINT} is not the file of version 0.1.2, whose sha256 is "
            f"{CHECKPOINT_SHA256}: build the environment again"
        )
    scalar = np.int64(0).__reduce__()[0], "numpy.core.multiarray.scalar"
    with torch.serialization.safe_globals([np.dtype, type(np.dtype(np.int64)), scalar]):
        tensors, _ = torch.load(path, map_location="cpu", weights_only=True)
    found = {name: value for name, value in tensors.items() if name.startswith(PREFIX)}
    return {name.removeprefix(PREFIX): value for name, value in found.items()}


def convert(path: str | os.PathLike) -> None:
    """Write `pretrained_weights` for `load`."""
    write_checkpoint(path, pretrained_weights())


def untrained_weights(seed: int) -> "dict[str, torch.Tensor]":
    """Initialise as the package does, with normalisation statistics of pink-noise clips."""
    import torch

    untrained = initial_network(network, seed)

    def forward(clips: torch.Tensor) -> torch.Tensor:
        spectra = [blocks(clip[:, None], SAMPLERATE) for clip in clips.float().numpy()]
        return untrained(torch.from_numpy(np.concatenate(spectra)).double())

    calibrate(untrained, forward, SAMPLERATE, seed)
    return untrained.float().state_dict()


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write `untrained_weights` for `load`."""
    write_checkpoint(path, untrained_weights(seed))


class AiSFX(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(blocks)
    batch_size = 8
    clip_bytes = 60_000_000

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, blocks, 100, 96) float32: (n, 512)."""
        return self.network(batch.flatten(0, 1)).unflatten(0, batch.shape[:2]).mean(dim=1)


def load(setup: Setup) -> AiSFX:
    """Load the file of `convert` or `write_initial`; without one, make its tensors."""
    if setup.weights is not None:
        weights = read_checkpoint(setup.weights)
    elif setup.seed is not None:
        weights = untrained_weights(setup.seed)
    else:
        weights = pretrained_weights()
    loaded = network()
    load_weights(loaded, weights, setup.weights or "package aisfx", "aiSFX")
    arrays = {name: value.numpy() for name, value in loaded.state_dict().items()}
    digest = variables_sha256(arrays)
    if "seed" not in setup.options and digest != NETWORK_SHA256:
        raise InputError(
            f"{setup.weights}: the network's tensors have sha256 {digest}, expected "
            f"{NETWORK_SHA256} (aisfx 0.1.2): delete it and run again"
        )
    return AiSFX(loaded, digest, setup)
