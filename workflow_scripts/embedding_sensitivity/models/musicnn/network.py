"""MusiCNN's network in NumPy, with about half its operations left out by exact identities.

Input is a patch of 187 log-mel frames by 96 bands. Five convolutions in front look along
bands ("timbral": 7 frames by 38 or 67 bands) and along time ("temporal": 128, 64 or 32 frames by
1 band), each followed by ReLU, batch normalisation and the maximum over bands: 561 features a
frame. Three convolutions over 7 frames follow, then the mean and maximum over time and a dense
layer. Source: Pons and Serra, 2019 (arXiv 1909.06654), and the package's ``models.py``.

Batch normalisation after ReLU never falls or never rises with its input, so the maximum is taken
of the bare convolution (of its negative where the scale is negative), and the rest is done once
a frame instead of once a band.
"""

from collections.abc import Iterator, Sequence

import numpy as np

N_FRAMES = 187
N_BANDS = 96
# Kernels (frames, bands or channels, 1, filters) of the convolutions, in the package's numbering.
TIMBRAL = (0, 1)
TEMPORAL = (2, 3, 4)
MIDEND = (5, 6, 7)
KERNELS = (
    (7, 38, 1, 204),
    (7, 67, 1, 204),
    (128, 1, 1, 51),
    (64, 1, 1, 51),
    (32, 1, 1, 51),
    (7, 561, 1, 64),
    (7, 64, 1, 64),
    (7, 64, 1, 64),
)
N_FEATURES = 753  # 561 and three times 64
N_UNITS = 200
N_TAGS = 50
EPSILON = 1e-3  # of TensorFlow's batch normalisation

Weights = dict[str, np.ndarray]


def name_layer(layer: str, index: int) -> str:
    """The package's name of its layer number `index` of a kind."""
    return f"{layer}_{index}" if index else layer


def affine(weights: Weights, index: int, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset that batch normalisation `index` applies."""
    name = name_layer("batch_normalization", index)
    gamma, beta, mean, variance = (
        weights[f"{name}/{key}"].astype(np.float64)
        for key in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    return scale.astype(dtype), (beta - mean * scale).astype(dtype)


def fourier_basis(n_positions: int, inverse: bool = False) -> np.ndarray:
    """The real transform of length 96 between band positions and 48 pairs of coefficients.

    (n_positions, 96) float64; the pairs are (0, 48), both real, then (real k, imaginary k).
    """
    half = N_BANDS // 2
    angle = 2 * np.pi * np.outer(np.arange(n_positions), np.arange(half)) / N_BANDS
    basis = np.stack([np.cos(angle), -np.sin(angle)], axis=2)
    basis[:, 0, 1] = np.cos(np.pi * np.arange(n_positions))
    if inverse:
        basis[:, 1:] *= 2
        basis /= N_BANDS
    return basis.reshape(n_positions, N_BANDS)


def timbral_input(patch: np.ndarray) -> np.ndarray:
    """Fourier coefficients over bands, of the 7 frames around each frame: (48, 187, 14)."""
    padded = np.zeros((N_FRAMES + 6, N_BANDS), patch.dtype)
    padded[3:-3] = patch
    coefficients = padded @ fourier_basis(N_BANDS).astype(patch.dtype)
    pairs = coefficients.reshape(N_FRAMES + 6, N_BANDS // 2, 2).transpose(1, 0, 2)
    series = pairs.reshape(N_BANDS // 2, 2 * (N_FRAMES + 6))
    windows = np.lib.stride_tricks.sliding_window_view(series, 14, axis=1)[:, ::2]
    return np.ascontiguousarray(windows)


class TimbralConv:
    """A convolution with kernels of 7 frames by K bands, zero-padded in time, not in bands.

    Directly it takes 7 K products for each of the 97 - K outputs of a frame and filter. Here the
    bands go through a Fourier transform of length 96, where the correlation over K bands is one
    complex product for each of the 7 frames, and only those outputs are transformed back that
    circular wrapping leaves alone: 96 * (14 + 97 - K) products in place of 7 K * (97 - K), 2.2
    times fewer for K = 38 and 3.3 for K = 67. The transform is orthogonal, so no accuracy is lost.
    """

    # Frames at a time, of which a patch has 17 times as many; the coefficients (860 kB) then stay
    # in the second-level cache.
    BLOCK = 11

    def __init__(self, kernel: np.ndarray, dtype: type = np.float32) -> None:
        """`kernel` is (7, K, filters)."""
        _, width, n_filters = kernel.shape
        half = N_BANDS // 2
        spectrum = np.fft.rfft(kernel, N_BANDS, axis=1).transpose(1, 0, 2)  # (49, 7, filters)
        real, imaginary = spectrum[:half].real, spectrum[:half].imag
        # The input times the kernel's conjugate. Axes: pair, output's real and imaginary part,
        # frame, input's real and imaginary part, filter.
        product = np.empty((half, 2, 7, 2, n_filters))
        product[:, 0, :, 0], product[:, 0, :, 1] = real, imaginary
        product[:, 1, :, 0], product[:, 1, :, 1] = -imaginary, real
        # Coefficients 0 and 48 are real and share the first pair, each with itself only.
        product[0] = 0
        product[0, 0, :, 0], product[0, 1, :, 1] = real[0], spectrum[half].real
        self.product = product.reshape(half, 2, 14, n_filters).astype(dtype)
        self.inverse = fourier_basis(N_BANDS - width + 1, inverse=True).astype(dtype)
        n_columns = self.BLOCK * n_filters
        self._coefficients = np.empty((N_BANDS, n_columns), dtype)
        self._outputs = np.empty((len(self.inverse), n_columns), dtype)

    def blocks(self, spectra: np.ndarray) -> Iterator[np.ndarray]:
        """Yield outputs (97 - K, frames, filters) for successive frames of (48, 187, 14) `spectra`.

        A block's memory is used again for the next.
        """
        half, _, _, n_filters = self.product.shape
        coefficients = self._coefficients.reshape(half, 2, self.BLOCK, n_filters)
        for start in range(0, N_FRAMES, self.BLOCK):
            block = spectra[:, None, start : start + self.BLOCK]
            np.matmul(block, self.product, out=coefficients)
            np.matmul(self.inverse, self._coefficients, out=self._outputs)
            yield self._outputs.reshape(-1, self.BLOCK, n_filters)


class TemporalConv:
    """A convolution with kernels of L frames by 1 band, zero-padded in time.

    `RUN` successive output frames are columns of one matrix product with a Toeplitz matrix: the
    input is used where it lies instead of being copied L times, and zeros beyond the patch's ends
    are not multiplied.
    """

    RUN = 12

    def __init__(self, kernel: np.ndarray, dtype: type = np.float32) -> None:
        """`kernel` is (L, filters)."""
        length, n_filters = kernel.shape
        self.before = (length - 1) // 2  # TensorFlow pads one frame less in front than behind
        toeplitz = np.zeros((length + self.RUN - 1, self.RUN, n_filters), dtype)
        for frame in range(self.RUN):
            toeplitz[frame : frame + length, frame] = kernel
        self.toeplitz = toeplitz.reshape(len(toeplitz), -1)
        self.n_filters = n_filters

    def blocks(self, bands: np.ndarray) -> Iterator[np.ndarray]:
        """Yield outputs (96, frames, filters) for successive frames; `bands` is (96, 187)."""
        for start in range(0, N_FRAMES, self.RUN):
            n_frames = min(self.RUN, N_FRAMES - start)
            first = start - self.before
            low, high = max(0, first), min(N_FRAMES, first + len(self.toeplitz))
            matrix = self.toeplitz[low - first : high - first, : n_frames * self.n_filters]
            yield (bands[:, low:high] @ matrix).reshape(N_BANDS, n_frames, self.n_filters)


def midend_kernel(weights: Weights, index: int, dtype: type = np.float32) -> np.ndarray:
    """Kernel of a mid-end convolution as (channels, 7 * 64)."""
    kernel = weights[f"{name_layer('conv2d', index)}/kernel"][:, :, 0]
    return kernel.transpose(1, 0, 2).reshape(kernel.shape[1], -1).astype(dtype)


def midend_conv(features: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve (187, channels) over 7 frames, zero-padded: (187, 64)."""
    products = np.zeros((N_FRAMES + 6, 7, 64), features.dtype)
    products[3:-3] = (features @ kernel).reshape(N_FRAMES, 7, 64)
    out = products[:N_FRAMES, 0].copy()
    for frame in range(1, 7):
        out += products[frame : frame + N_FRAMES, frame]
    return out


class FrontConv:
    """One of the five convolutions in front, and its maximum over bands."""

    def __init__(self, weights: Weights, index: int, dtype: type = np.float32) -> None:
        kernel = weights[f"{name_layer('conv2d', index)}/kernel"][:, :, 0].astype(np.float64)
        gamma = weights[f"{name_layer('batch_normalization', index + 1)}/gamma"]
        self.sign = np.where(gamma < 0, -1, 1).astype(dtype)
        self.bias = weights[f"{name_layer('conv2d', index)}/bias"].astype(dtype)
        self.timbral = index in TIMBRAL
        signed = kernel * self.sign
        self.conv = (
            TimbralConv(signed, dtype) if self.timbral else TemporalConv(signed[:, 0], dtype)
        )

    def blocks(self, patch: np.ndarray, spectra: np.ndarray) -> Iterator[np.ndarray]:
        """Yield (bands, frames, filters), times the sign and without the bias."""
        return self.conv.blocks(spectra if self.timbral else patch.T)

    def highest(self, patch: np.ndarray, spectra: np.ndarray) -> np.ndarray:
        """What batch normalisation gets at the band where its output is highest: (187, filters)."""
        peaks = [block.max(axis=0) for block in self.blocks(patch, spectra)]
        return np.maximum(np.concatenate(peaks) * self.sign + self.bias, 0)


class Network:
    """The network for one patch at a time: no patch's embedding depends on another."""

    def __init__(self, weights: Weights) -> None:
        self.normalise = affine(weights, 0)
        self.front = [
            (FrontConv(weights, index), *affine(weights, index + 1)) for index in TIMBRAL + TEMPORAL
        ]
        self.midend = [
            (
                midend_kernel(weights, index),
                weights[f"{name_layer('conv2d', index)}/bias"],
                *affine(weights, index + 1),
            )
            for index in MIDEND
        ]
        scale, offset = affine(weights, 9, np.float64)
        kernel = weights["dense/kernel"].astype(np.float64)
        self.dense = (scale[:, None] * kernel).astype(np.float32)
        self.dense_bias = (weights["dense/bias"] + offset @ kernel).astype(np.float32)
        self.dense_affine = affine(weights, 10)

    def features(self, patch: np.ndarray) -> np.ndarray:
        """The 753 features a frame, (187, 753), of a patch (187, 96) float32."""
        scale, offset = self.normalise
        patch = patch * scale + offset
        spectra = timbral_input(patch)
        out = np.empty((N_FRAMES, N_FEATURES), np.float32)
        column = 0
        for conv, scale, offset in self.front:
            highest = conv.highest(patch, spectra)
            out[:, column : column + len(scale)] = highest * scale + offset
            column += len(scale)
        before, residual = out[:, :column], 0
        for kernel, bias, scale, offset in self.midend:
            activation = np.maximum(midend_conv(before, kernel) + bias, 0)
            before = residual = activation * scale + offset + residual
            out[:, column : column + 64] = before
            column += 64
        return out

    def mean_pool(self, patch: np.ndarray) -> np.ndarray:
        """Mean of the features over time: (753,) float32."""
        return self.features(patch).mean(axis=0, dtype=np.float64).astype(np.float32)

    def penultimate(self, patch: np.ndarray) -> np.ndarray:
        """The layer before the tags: (200,) float32."""
        features = self.features(patch)
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        pooled = np.stack([features.max(axis=0), mean], axis=1).ravel()
        scale, offset = self.dense_affine
        return np.maximum(pooled @ self.dense + self.dense_bias, 0) * scale + offset


def initial_weights(random: np.random.Generator) -> Weights:
    """The package's initialisation: all its variables but the normalisations' statistics.

    Kernels are Glorot uniform, biases and offsets 0, scales 1: the defaults of TensorFlow's layers.
    """
    weights = {}
    layers = [(name_layer("conv2d", index), shape) for index, shape in enumerate(KERNELS)]
    layers += [("dense", (2 * N_FEATURES, N_UNITS)), ("dense_1", (N_UNITS, N_TAGS))]
    for name, shape in layers:
        field = int(np.prod(shape[:-2]))
        limit = np.sqrt(6 / (field * (shape[-2] + shape[-1])))
        weights[f"{name}/kernel"] = random.uniform(-limit, limit, shape).astype(np.float32)
        weights[f"{name}/bias"] = np.zeros(shape[-1], np.float32)
    widths = [1, *(shape[-1] for shape in KERNELS), 2 * N_FEATURES, N_UNITS]
    for index, width in enumerate(widths):
        name = name_layer("batch_normalization", index)
        weights[f"{name}/gamma"] = np.ones(width, np.float32)
        weights[f"{name}/beta"] = np.zeros(width, np.float32)
    return weights


class Moments:
    """Mean and variance of all positions of a layer's output, one value for each filter."""

    def __init__(self) -> None:
        self.number, self.sum, self.squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        """Count values (..., filters) float64 in."""
        values = values.reshape(-1, values.shape[-1])
        self.number += len(values)
        self.sum = self.sum + values.sum(axis=0)
        self.squares = self.squares + np.einsum("ij,ij->j", values, values)

    def store(self, weights: Weights, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Make them the statistics of normalisation `index`; its scale and offset, float64."""
        mean = self.sum / self.number
        variance = self.squares / self.number - mean**2
        name = name_layer("batch_normalization", index)
        # Rounded, as a mean that is zero but for rounding would differ from machine to machine.
        weights[f"{name}/moving_mean"] = np.round(mean, 7).astype(np.float32)
        weights[f"{name}/moving_variance"] = variance.astype(np.float32)
        return affine(weights, index, np.float64)


def calibrate(weights: Weights, patches: Sequence[np.ndarray]) -> None:
    """Set every normalisation's statistics to those of one training-mode pass over `patches`.

    For `initial_weights` (scales 1, biases 0). In float64, whatever the patches are in.
    """

    def normalise(index: int, values: list[np.ndarray]) -> list[np.ndarray]:
        moments = Moments()
        for value in values:
            moments.add(value)
        scale, offset = moments.store(weights, index)
        return [value * scale + offset for value in values]

    whole = [patch.astype(np.float64)[..., None] for patch in patches]
    whole = [patch[..., 0] for patch in normalise(0, whole)]
    spectra = [timbral_input(patch) for patch in whole]
    front = []
    for index in TIMBRAL + TEMPORAL:
        conv, moments, highest = FrontConv(weights, index, np.float64), Moments(), []
        for patch, spectrum in zip(whole, spectra, strict=True):
            peaks = []
            for block in conv.blocks(patch, spectrum):
                active = np.maximum(block, 0)
                moments.add(active)
                peaks.append(active.max(axis=0))
            highest.append(np.concatenate(peaks))
        scale, offset = moments.store(weights, index + 1)
        front.append([value * scale + offset for value in highest])
    before = [np.concatenate(parts, axis=1) for parts in zip(*front, strict=True)]
    features, residual = [before], [0.0] * len(before)
    for index in MIDEND:
        kernel = midend_kernel(weights, index, np.float64)
        active = [np.maximum(midend_conv(value, kernel), 0) for value in before]
        outputs = normalise(index + 1, active)
        before = residual = [a + b for a, b in zip(outputs, residual, strict=True)]
        features.append(before)
    pooled = []
    for parts in zip(*features, strict=True):
        joined = np.concatenate(parts, axis=1)
        pooled.append(np.stack([joined.max(axis=0), joined.mean(axis=0)], axis=1).ravel())
    pooled = normalise(9, pooled)
    dense = weights["dense/kernel"].astype(np.float64)
    normalise(10, [np.maximum(value @ dense, 0) for value in pooled])
