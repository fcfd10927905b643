"""Compute OpenL3's embeddings."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.files.atomic import replacing, sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.openl3.constants import (
    CHANNELS,
    EPSILON,
    GRIDS,
    HOP,
    MIN_POWER,
    RANGE_DB,
    REPRESENTATIONS,
    SAMPLERATE,
    WINDOW,
    WINDOW_HOP,
    name_weights,
)
from embedding_sensitivity.models.shared import kaiser_best
from embedding_sensitivity.models.shared.frontend import mel_filters
from embedding_sensitivity.models.shared.initial import N_PINK_CLIPS, pink_noise
from embedding_sensitivity.models.shared.torch_model import TorchModel

if TYPE_CHECKING:
    import torch

# Windows that TensorFlow computes at once: the package's default.
N_AT_ONCE = 32


def pad_signal(signal: np.ndarray) -> np.ndarray:
    """Add the silence that windows cover to a signal at 48 kHz, (n,): float32."""
    n_samples = WINDOW // 2 + len(signal)
    n_hops = -(-max(0, n_samples - WINDOW) // WINDOW_HOP)
    end = WINDOW + n_hops * WINDOW_HOP - n_samples
    return np.pad(signal, (WINDOW // 2, end)).astype(np.float32)


def _mono(audio: np.ndarray) -> np.ndarray:
    """Return the mean of channels of (frames, channels): float64, as in the package."""
    return np.ascontiguousarray(audio.T, dtype=np.float64).mean(axis=0)


def prepare(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Resample (frames, channels) float32 by `kaiser_best` and pad it: float32 at 48 kHz."""
    return pad_signal(kaiser_best.resample(_mono(audio), samplerate, SAMPLERATE))


def prepare_upstream(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Resample (frames, channels) float32 by resampy and pad it: float32 at 48 kHz."""
    import resampy

    signal = _mono(audio)
    # resampy fails if the result has less than one sample.
    if samplerate != SAMPLERATE and len(signal) * SAMPLERATE < samplerate:
        signal = np.zeros(0)
    elif samplerate != SAMPLERATE:
        signal = resampy.resample(signal, samplerate, SAMPLERATE, filter="kaiser_best")
    return pad_signal(signal)


def windows(prepared: np.ndarray) -> np.ndarray:
    """Return a view of the windows of prepared audio: (n, 48000)."""
    return np.lib.stride_tricks.sliding_window_view(prepared, WINDOW)[::WINDOW_HOP]


def spectrogram(window: np.ndarray, input_repr: str) -> np.ndarray:
    """Return a network's input for one window, (rows, frames) float64, computed in float64.

    A short-time Fourier transform (periodic Hann; the first frame starts with the window) gives
    magnitudes: of its bins, or in Slaney's mel bands, 0 Hz to Nyquist. As in the package, they are
    converted to decibels below the window's maximum as if they were powers.
    """
    n_fft, n_rows, n_frames, is_mel = REPRESENTATIONS[input_repr]
    n_samples = (n_frames - 1) * HOP + n_fft
    signal = np.pad(window.astype(np.float64), (0, max(0, n_samples - WINDOW)))[:n_samples]
    frames = np.lib.stride_tricks.sliding_window_view(signal, n_fft)[::HOP]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    magnitudes = np.abs(np.fft.rfft(frames * taper)).T
    if is_mel:
        magnitudes = mel_filters(SAMPLERATE, n_fft, n_rows).astype(np.float64) @ magnitudes
    decibels = 10 * np.log10(np.maximum(magnitudes, MIN_POWER))
    return np.maximum(decibels - decibels.max(), -RANGE_DB)


def _variables() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name in its layer and shape of each variable, in the network's order."""

    def normalisation(n: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            yield name, (n,)

    yield from normalisation(1)
    for n_in, n_out in pairwise(CHANNELS):
        yield "kernel", (3, 3, n_in, n_out)
        yield "bias", (n_out,)
        yield from normalisation(n_out)


# No normalisation follows the last convolution.
VARIABLES = tuple(_variables())[:-4]


def read_weights(path: str | os.PathLike, options: Mapping) -> list[np.ndarray]:
    """Read a Keras weights file: float32 arrays in the order of `VARIABLES`.

    Raises `InputError` if it is missing, truncated, not HDF5, or of another network; those of the
    three representations have the same shapes. As in Keras, the order of layers counts, not their
    names, which are numbered in the process that saved them.
    """
    import h5py

    from embedding_sensitivity.files.hdf5_content import find_member

    expected = name_weights(options)
    try:
        with h5py.File(path) as file:
            layers = [find_member(file, name, path) for name in _names(file.attrs["layer_names"])]
            found = [
                (name, np.asarray(find_member(layer, name, path), np.float32))
                for layer in layers
                for name in _names(layer.attrs["weight_names"])
            ]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: put {expected} there") from None
    except OSError:
        raise InputError(
            f"{path}: {_not_weights(path)}: delete it and run again, or put {expected} there"
        ) from None
    except (KeyError, AttributeError, TypeError, ValueError):
        found = []
    shapes = tuple((name.rpartition("/")[2].partition(":")[0], a.shape) for name, a in found)
    if shapes != VARIABLES:
        raise InputError(f"{path}: not the weights of OpenL3's audio network: put {expected} there")
    return [array for _, array in found]


def _names(attribute: np.ndarray) -> list[str]:
    """Return names from an HDF5 attribute: bytes or text, depending on the version of Keras."""
    return [name.decode() if isinstance(name, bytes) else name for name in attribute]


def _not_weights(path: str | os.PathLike) -> str:
    """Describe a file that HDF5 cannot open."""
    try:
        with open(path, "rb") as file:
            start = file.read(512).lstrip().lower()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights"
    if start.startswith(b"\x1f\x8b"):
        return "is still compressed: unpack it with gunzip"
    return "is truncated or corrupt HDF5"


def _convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve (height, width, in) with (3, 3, in, out), zero-padded."""
    height, width, _ = x.shape
    around = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return sum(around[i : i + height, j : j + width] @ kernel[i, j] for i, j in np.ndindex(3, 3))


def _pool(x: np.ndarray) -> np.ndarray:
    """Return maxima of (height, width, n) over 2 x 2 squares; drop a last odd row or column."""
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).max(axis=(1, 3))


def calibrate(weights: list[np.ndarray], spectrograms: Sequence[np.ndarray]) -> None:
    """Set each normalisation's statistics to those of its input over all `spectrograms`.

    In float64, so that the rounded float32 is the same on every machine; not in TensorFlow, whose
    float64 results differ between machines by 1e-7.

    Parameters
    ----------
    weights : in the order of `VARIABLES`; means and variances are replaced
    spectrograms : from `spectrogram`, (rows, frames) float64 each
    """
    rows = [each[..., None] for each in spectrograms]
    for layer in range(len(CHANNELS) - 1):
        gamma, beta, _, _, kernel, bias = weights[6 * layer : 6 * layer + 6]
        mean = np.mean([row.mean(axis=(0, 1)) for row in rows], axis=0)
        variance = np.mean([((row - mean) ** 2).mean(axis=(0, 1)) for row in rows], axis=0)
        weights[6 * layer + 2], weights[6 * layer + 3] = mean, variance
        if layer == len(CHANNELS) - 2:
            break  # no normalisation follows
        scale = gamma / np.sqrt(variance + EPSILON)
        # In place: 64 clips of mel128 are 0.8 GB after the first convolution.
        for index, row in enumerate(rows):
            x = (row - mean) * scale + beta
            x = np.maximum(x, 0) if layer else x
            x = _pool(x) if layer in (2, 4, 6) else x
            rows[index] = _convolve(x, kernel.astype(np.float64)) + bias


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write the package's seeded initialisation as Keras weights, in the published layout.

    The normalisations' statistics are from 64 clips of pink noise, one window long.
    """
    import tensorflow as tf
    from openl3.models import AUDIO_MODELS

    # The numbers in layers' names, which are stored, start here.
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(seed)
    network = AUDIO_MODELS[options["input_repr"]](include_frontend=True)
    random = np.random.default_rng(seed)
    noise = [pink_noise(random, SAMPLERATE, 1.0) for _ in range(N_PINK_CLIPS)]
    weights = network.get_weights()
    calibrate(weights, [spectrogram(clip, options["input_repr"]) for clip in noise])
    network.set_weights(weights)
    with replacing(path) as part:
        network.save_weights(part, save_format="h5")


class OpenL3(TorchModel):
    """The network in PyTorch; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(prepare)
    batch_size = 1

    def __init__(self, setup: Setup) -> None:
        from embedding_sensitivity.models.openl3.network import Network

        representation = REPRESENTATIONS[setup.options["input_repr"]]
        self._dimension = setup.options["embedding_size"]
        # Measured for eight clips of mel128; more are never computed at once.
        n_values = representation.n_rows * representation.n_frames
        self.clip_bytes = 256 * 2**20 * n_values // (128 * 199)
        weights = read_weights(setup.weights, setup.options)
        network = Network(weights, representation, GRIDS[self._dimension])
        super().__init__(network, sha256_of(setup.weights), setup)
        if self.device.type == "cpu":
            import torch

            # A third faster. On a GPU, float32 convolutions are fastest with channels first.
            self.network.to(memory_format=torch.channels_last)

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Average over windows of each clip; clips, (n, frames), have one length: (n, d)."""
        n_clips = len(batch)
        cut = batch.unfold(-1, WINDOW, WINDOW_HOP).reshape(-1, WINDOW)
        return self.network(cut).view(n_clips, -1, self._dimension).mean(dim=1)


class UpstreamOpenL3:
    """The package's own model and resampler, on the CPU."""

    prepare = staticmethod(prepare_upstream)
    batch_size = 1

    def __init__(self, setup: Setup) -> None:
        read_weights(setup.weights, setup.options)
        import tensorflow as tf
        from openl3.models import load_audio_embedding_model_from_path

        with suppress(RuntimeError):  # after its first computation, threads cannot be changed
            tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
            tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
        self.weights_sha256 = sha256_of(setup.weights)
        variant = setup.options["input_repr"], setup.options["embedding_size"]
        model = load_audio_embedding_model_from_path(setup.weights, *variant)
        self._embed_windows = tf.function(model, reduce_retracing=True)

    def embed(self, prepared: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Average over each clip's windows: (n, d) float32."""
        return {"embedding": np.stack([self._embed_clip(clip) for clip in prepared])}

    def _embed_clip(self, clip: np.ndarray) -> np.ndarray:
        cut = windows(clip)[:, None]
        starts = range(0, len(cut), N_AT_ONCE)
        rows = [self._embed_windows(cut[start : start + N_AT_ONCE]).numpy() for start in starts]
        return np.concatenate(rows).mean(axis=0)


def load(setup: Setup) -> OpenL3 | UpstreamOpenL3:
    """Load the backend that the options name."""
    if setup.weights is None:
        raise InputError(
            f"weights: OpenL3 has none inside its package: name {name_weights(setup.options)}, or "
            "for the untrained control the file that initialise_model makes"
        )
    return {"torch": OpenL3, "upstream": UpstreamOpenL3}[setup.options["backend"]](setup)
