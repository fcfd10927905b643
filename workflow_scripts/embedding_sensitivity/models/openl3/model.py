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
    DIMENSION,
    EPSILON,
    HOP,
    LEAST,
    N_BANDS,
    N_FFT,
    N_FRAMES,
    RANGE_DB,
    SAMPLERATE,
    WINDOW,
    WINDOW_HOP,
)
from embedding_sensitivity.models.shared import kaiser_best
from embedding_sensitivity.models.shared.frontend import mel_filters
from embedding_sensitivity.models.shared.initial import N_PINK_CLIPS, pink_noise
from embedding_sensitivity.models.shared.torch_model import TorchModel

if TYPE_CHECKING:
    import torch

WEIGHTS_FILE = "openl3_audio_mel128_music-v0_4_0.h5"
# Windows that TensorFlow computes at once, the default of the package's own functions.
N_AT_ONCE = 32


def padded(signal: np.ndarray) -> np.ndarray:
    """A signal at 48 kHz, (n,), with the silence that its windows cover: float32."""
    n_samples = WINDOW // 2 + len(signal)
    n_hops = -(-max(0, n_samples - WINDOW) // WINDOW_HOP)
    end = WINDOW + n_hops * WINDOW_HOP - n_samples
    return np.pad(signal, (WINDOW // 2, end)).astype(np.float32)


def _mono(audio: np.ndarray) -> np.ndarray:
    """The mean of the channels of (frames, channels): float64, in which the package resamples."""
    return np.ascontiguousarray(audio.T, dtype=np.float64).mean(axis=0)


def prepare(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Resample (frames, channels) float32 by `kaiser_best` and pad it: float32 at 48 kHz."""
    return padded(kaiser_best.resample(_mono(audio), samplerate, SAMPLERATE))


def prepare_upstream(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Resample (frames, channels) float32 by resampy and pad it: float32 at 48 kHz."""
    import resampy

    signal = _mono(audio)
    # Of less than one sample, on which it fails, nothing is left.
    if samplerate != SAMPLERATE and len(signal) * SAMPLERATE < samplerate:
        signal = np.zeros(0)
    elif samplerate != SAMPLERATE:
        signal = resampy.resample(signal, samplerate, SAMPLERATE, filter="kaiser_best")
    return padded(signal)


def windows(prepared: np.ndarray) -> np.ndarray:
    """A view of the windows of what `prepare` returns: (n, 48000)."""
    return np.lib.stride_tricks.sliding_window_view(prepared, WINDOW)[::WINDOW_HOP]


def log_mel(window: np.ndarray) -> np.ndarray:
    """The network's input, (128, 199) float64, of one window, in float64 throughout.

    Magnitudes of a short-time Fourier transform under a periodic Hann window, the first frame
    beginning with the window and silence after its end, in Slaney's mel bands, 0 Hz to Nyquist;
    in decibels below the window's maximum as if they were powers, as the package has it.
    """
    n_samples = (N_FRAMES - 1) * HOP + N_FFT
    signal = np.pad(window.astype(np.float64), (0, n_samples - WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(signal, N_FFT)[::HOP]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    filters = mel_filters(SAMPLERATE, N_FFT, N_BANDS).astype(np.float64)
    decibels = 10 * np.log10(np.maximum(filters @ np.abs(np.fft.rfft(frames * taper)).T, LEAST))
    return np.maximum(decibels - decibels.max(), -RANGE_DB)


def _variables() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name, within its layer, and shape of each variable in the network's order."""

    def normalisation(n: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            yield name, (n,)

    yield from normalisation(1)
    for n_in, n_out in pairwise(CHANNELS):
        yield "kernel", (3, 3, n_in, n_out)
        yield "bias", (n_out,)
        yield from normalisation(n_out)


# None follows the last convolution.
VARIABLES = tuple(_variables())[:-4]


def read_weights(path: str | os.PathLike) -> list[np.ndarray]:
    """The variables of a Keras weights file in the network's order, `VARIABLES`: float32 arrays.

    Raises `InputError` where it is missing, cut short, no HDF5 file, or another network's. Layers
    go by their order, as Keras takes them: their names count up in the process that saved them.
    """
    import h5py

    from embedding_sensitivity.files.hdf5_content import find_member

    try:
        with h5py.File(path) as file:
            layers = [find_member(file, name, path) for name in _names(file.attrs["layer_names"])]
            found = [
                (name, np.asarray(find_member(layer, name, path), np.float32))
                for layer in layers
                for name in _names(layer.attrs["weight_names"])
            ]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: put {WEIGHTS_FILE} there") from None
    except OSError:
        raise InputError(
            f"{path}: {_not_weights(path)}: delete it and run again, or put {WEIGHTS_FILE} there"
        ) from None
    except (KeyError, AttributeError, TypeError, ValueError):
        found = []
    shapes = tuple((name.rpartition("/")[2].partition(":")[0], a.shape) for name, a in found)
    if shapes != VARIABLES:
        raise InputError(
            f"{path}: not the weights of OpenL3's audio network mel128: put {WEIGHTS_FILE} there"
        )
    return [array for _, array in found]


def _names(attribute: np.ndarray) -> list[str]:
    """Names from an HDF5 attribute, as bytes or text, as the version that wrote it had them."""
    return [name.decode() if isinstance(name, bytes) else name for name in attribute]


def _not_weights(path: str | os.PathLike) -> str:
    """What a file is that HDF5 can't open."""
    try:
        with open(path, "rb") as file:
            start = file.read(512).lstrip().lower()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights"
    if start.startswith(b"\x1f\x8b"):
        return "is compressed still, which gunzip undoes"
    return "is not readable as HDF5, cut short or damaged"


def _convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution of (height, width, in) with (3, 3, in, out), zeros around it."""
    height, width, _ = x.shape
    around = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return sum(around[i : i + height, j : j + width] @ kernel[i, j] for i, j in np.ndindex(3, 3))


def _pool(x: np.ndarray) -> np.ndarray:
    """Maxima of (height, width, n) over squares of two by two; a last odd row or column is lost."""
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).max(axis=(1, 3))


def calibrate(weights: list[np.ndarray], spectrograms: Sequence[np.ndarray]) -> None:
    """Give each normalisation the statistics of its input in a pass of all at once.

    In float64, so that what is rounded to the file's float32 is the same on every machine; and not
    in TensorFlow, whose double precision isn't the same on all: its results moved by 1e-7.

    Parameters
    ----------
    weights : in the order of `VARIABLES`; means and variances are replaced
    spectrograms : the network's input after its front end, (128, 199) float64 each
    """
    rows = [spectrogram[..., None] for spectrogram in spectrograms]
    for layer in range(len(CHANNELS) - 1):
        gamma, beta, _, _, kernel, bias = weights[6 * layer : 6 * layer + 6]
        mean = np.mean([row.mean(axis=(0, 1)) for row in rows], axis=0)
        variance = np.mean([((row - mean) ** 2).mean(axis=(0, 1)) for row in rows], axis=0)
        weights[6 * layer + 2], weights[6 * layer + 3] = mean, variance
        if layer == len(CHANNELS) - 2:
            break  # nothing is normalised after it
        scale = gamma / np.sqrt(variance + EPSILON)
        # In place: 64 clips are 0.8 GB after the first convolution.
        for index, row in enumerate(rows):
            x = (row - mean) * scale + beta
            x = np.maximum(x, 0) if layer else x
            x = _pool(x) if layer in (2, 4, 6) else x
            rows[index] = _convolve(x, kernel.astype(np.float64)) + bias


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write the package's initialisation, seeded, as Keras weights in the published ones' layout.

    Its normalisations' statistics are those of 64 clips of pink noise of one window's length.
    """
    import tensorflow as tf
    from openl3.models import AUDIO_MODELS

    # Layers' names, which go into the file, count up from here.
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(seed)
    network = AUDIO_MODELS["mel128"](include_frontend=True)
    random = np.random.default_rng(seed)
    noise = [pink_noise(random, SAMPLERATE, 1.0) for _ in range(N_PINK_CLIPS)]
    weights = network.get_weights()
    calibrate(weights, [log_mel(clip) for clip in noise])
    network.set_weights(weights)
    with replacing(path) as part:
        network.save_weights(part, save_format="h5")


class OpenL3(TorchModel):
    """The network in PyTorch; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(prepare)
    batch_size = 1
    # Its share in what eight clips take, more than which are never computed at once.
    clip_bytes = 256 * 2**20

    def __init__(self, setup: Setup) -> None:
        from embedding_sensitivity.models.openl3.network import Network

        network = Network(read_weights(setup.weights))
        super().__init__(network, sha256_of(setup.weights), setup)
        if self.device.type == "cpu":
            import torch

            # A third faster there. A GPU's fastest convolutions in float32 want channels first.
            self.network.to(memory_format=torch.channels_last)

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Mean over windows of each clip, (n, frames) float32, all of one length: (n, 512)."""
        n_clips = len(batch)
        cut = batch.unfold(-1, WINDOW, WINDOW_HOP).reshape(-1, WINDOW)
        return self.network(cut).view(n_clips, -1, DIMENSION).mean(dim=1)


class UpstreamOpenL3:
    """The package's own model and resampler; on the CPU."""

    prepare = staticmethod(prepare_upstream)
    batch_size = 1

    def __init__(self, setup: Setup) -> None:
        read_weights(setup.weights)
        import tensorflow as tf
        from openl3.models import load_audio_embedding_model_from_path

        with suppress(RuntimeError):  # once it has computed, it keeps the threads it has
            tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
            tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
        self.weights_sha256 = sha256_of(setup.weights)
        model = load_audio_embedding_model_from_path(setup.weights, "mel128", DIMENSION)
        self._embed_windows = tf.function(model, reduce_retracing=True)

    def embed(self, prepared: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Mean over each clip's windows: (n, 512) float32."""
        return {"embedding": np.stack([self._embed_clip(clip) for clip in prepared])}

    def _embed_clip(self, clip: np.ndarray) -> np.ndarray:
        cut = windows(clip)[:, None]
        starts = range(0, len(cut), N_AT_ONCE)
        rows = [self._embed_windows(cut[start : start + N_AT_ONCE]).numpy() for start in starts]
        return np.concatenate(rows).mean(axis=0)


def load(setup: Setup) -> OpenL3 | UpstreamOpenL3:
    """Load the backend that the options name, from its weights' file."""
    if setup.weights is None:
        raise InputError(
            f"weights: OpenL3 has none inside its package: name {WEIGHTS_FILE}, or for the "
            "untrained control the file that initialise_model makes"
        )
    return {"torch": OpenL3, "upstream": UpstreamOpenL3}[setup.options["backend"]](setup)
