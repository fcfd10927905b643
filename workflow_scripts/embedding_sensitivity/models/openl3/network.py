"""OpenL3's audio networks in PyTorch: front end and CNN.

Follows the package's Keras code, `openl3.models`. A window of one second becomes a spectrogram in
decibels below its maximum. Four blocks follow, each of two 3x3 convolutions with batch
normalisation and ReLU, with max pooling between blocks. The last convolution's output is reduced to
its maximum over time and frequency, or to those over the parts of a grid.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from embedding_sensitivity.models.openl3.constants import (
    EPSILON,
    HOP,
    MIN_POWER,
    N_BLOCKS,
    RANGE_DB,
    SAMPLERATE,
    Representation,
)
from embedding_sensitivity.models.shared.frontend import mel_filters

# Windows that the front end and the first block compute at once: on a CPU so few that a layer's
# 6.5 MB (of mel128) stay in the cache, on a GPU those of a clip of 3 s. Each further block has half
# the values and takes twice as many windows.
N_AT_ONCE = {"cpu": 1, "cuda": 26}


class Spectrogram(torch.nn.Module):
    """Windows at 48 kHz, (n, 48000) float32, to spectrograms (n, rows, frames) float32 in decibels.

    In float64: ``10 log10`` of magnitudes down to 80 dB spans 160 dB of power, and in a band that
    is empty, as all above 22 kHz after resampling are, float32 shows its rounding.
    """

    def __init__(self, representation: Representation) -> None:
        super().__init__()
        self.n_fft, n_rows, n_frames, is_mel = representation
        # Negative where the window has samples after the last frame.
        self._n_added = (n_frames - 1) * HOP + self.n_fft - SAMPLERATE
        filters = None
        if is_mel:
            filters = mel_filters(SAMPLERATE, self.n_fft, n_rows).T.astype(np.float64)
            filters = torch.from_numpy(filters)
        self.register_buffer("filters", filters)
        self.register_buffer("taper", torch.hann_window(self.n_fft, dtype=torch.float64))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        padded = F.pad(windows.double(), (0, self._n_added))
        spectra = torch.fft.rfft(padded.unfold(-1, self.n_fft, HOP) * self.taper).abs()
        spectra = spectra if self.filters is None else spectra @ self.filters
        decibels = 10 * spectra.clamp(min=MIN_POWER).log10()
        below = decibels - decibels.amax(dim=(1, 2), keepdim=True)
        return below.clamp(min=-RANGE_DB).mT.float()


def _fold(weights: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Kernel (out, in, 3, 3) and bias of each convolution with the normalisation that follows it.

    `weights` are `openl3.read_weights`' but the first normalisation's; folded in float64.
    """
    for first in range(0, len(weights), 6):
        kernel, bias, *norm = (array.astype(np.float64) for array in weights[first : first + 6])
        if norm:
            gamma, beta, mean, variance = norm
            scale = gamma / np.sqrt(variance + EPSILON)
            kernel, bias = kernel * scale, (bias - mean) * scale + beta
        yield kernel.transpose(3, 2, 0, 1).astype(np.float32), bias.astype(np.float32)


class Network(torch.nn.Module):
    """Windows at 48 kHz, (n, 48000) float32, to embeddings (n, 512 or 6144) float32.

    weights : `openl3.read_weights`'
    grid : parts in frequency and time over which maxima are taken
    """

    def __init__(
        self, weights: Sequence[np.ndarray], representation: Representation, grid: tuple[int, int]
    ) -> None:
        super().__init__()
        self.spectrogram = Spectrogram(representation)
        self._grid = grid
        # Not folded into the first convolution, whose zero padding comes after it.
        gamma, beta, mean, variance = (array.astype(np.float64) for array in weights[:4])
        self._scale = float(gamma[0] / np.sqrt(variance[0] + EPSILON))
        self._offset = float(beta[0] - mean[0] * self._scale)
        layers = []
        for kernel, bias in _fold(weights[4:]):
            layer = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            layer.weight.data = torch.from_numpy(kernel)
            layer.bias.data = torch.from_numpy(bias)
            layers.append(layer)
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        n = N_AT_ONCE[windows.device.type]
        parts = windows.split(n << (N_BLOCKS - 1))
        return torch.cat([self.cnn(_in_parts(self.spectrogram, part, n)) for part in parts])

    def cnn(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """From spectrograms (n, rows, frames) on: (n, 512 or 6144)."""
        x = (spectrograms * self._scale + self._offset)[:, None]
        n = N_AT_ONCE[x.device.type]
        for block in range(N_BLOCKS):
            x = _in_parts(partial(self._convolve, block), x, n << block)
        return x

    def _convolve(self, block: int, x: torch.Tensor) -> torch.Tensor:
        first, second = self.layers[2 * block : 2 * block + 2]
        x = second(F.relu_(first(x)))
        if block == N_BLOCKS - 1:
            return self._reduce(x)
        # The larger of two rectified values is the rectified larger one.
        return F.relu_(F.max_pool2d(x, 2))

    def _reduce(self, x: torch.Tensor) -> torch.Tensor:
        """Maxima of (n, channels, height, width) over the grid: channels last, as in Keras."""
        if self._grid == (1, 1):
            return x.amax(dim=(2, 3))
        size = x.shape[2] // self._grid[0], x.shape[3] // self._grid[1]
        return F.max_pool2d(x, size).permute(0, 2, 3, 1).flatten(1)


def _in_parts(
    function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor, n: int
) -> torch.Tensor:
    """Apply a function of rows to n of them at a time."""
    return torch.cat([function(part) for part in rows.split(n)])
