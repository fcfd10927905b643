"""Compute MusiCNN's embeddings."""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from zipfile import BadZipFile

import numpy as np

from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.musicnn.network import (
    N_BANDS,
    N_FRAMES,
    N_TAGS,
    Network,
    Weights,
    calibrate,
    initial_weights,
)
from embedding_sensitivity.models.shared.checkpoint import read_checkpoint
from embedding_sensitivity.models.shared.frontend import mel_filters, mel_power, mono_at
from embedding_sensitivity.models.shared.initial import N_PINK_CLIPS, pink_noise, variables_sha256

SAMPLERATE = 16000
N_FFT = 512
HOP = 256
N_VARIABLES = 64
PRETRAINED_SHA256 = "b2f4b7b392a492574516c6ece24304a0b118823600f676fe13c9ccf96dc51453"


def log_mel(signal: np.ndarray) -> np.ndarray:
    """Return the network's input, (1 + len(signal) // 256, 96), for a signal at 16 kHz.

    The package rounds to float16 too, and then continues in float32 (under NumPy 1).
    """
    mel = mel_power(signal, N_FFT, HOP, mel_filters(SAMPLERATE, N_FFT, N_BANDS))
    with np.errstate(over="ignore"):
        rounded = mel.astype(np.float16).astype(signal.dtype)
    return np.log10(10000 * rounded + 1)


def patches(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Cut (frames, channels) float32 into spectrogram patches (n, 187, 96) float32, n >= 1."""
    signal = mono_at(audio, samplerate, SAMPLERATE)
    signal = np.pad(signal, (0, max(0, (N_FRAMES - 1) * HOP - len(signal))))
    spectrogram = log_mel(signal)
    n_patches = len(spectrogram) // N_FRAMES
    return spectrogram[: n_patches * N_FRAMES].reshape(n_patches, N_FRAMES, N_BANDS)


def pretrained_weights() -> Weights:
    """Read the variables of MTT_musicnn from the installed package."""
    package = find_spec("musicnn")
    if package is None:
        raise InputError("package musicnn: not installed here; run in envs/musicnn.yaml")
    weights = read_checkpoint(f"{package.submodule_search_locations[0]}/MTT_musicnn/")
    if (found := variables_sha256(weights)) != PRETRAINED_SHA256:
        raise InputError(
            f"package musicnn: the weights MTT_musicnn have sha256 {found}, expected "
            f"{PRETRAINED_SHA256} (version 0.1.0): build the environment again"
        )
    return weights


def untrained_weights(seed: int) -> Weights:
    """Initialise as the package does, with normalisation statistics of 64 pink-noise clips.

    In float64: rounding in float32 differs between machines, and stores have the weights' hash.
    """
    random = np.random.default_rng(seed)
    weights = initial_weights(random)
    noise = [pink_noise(random, SAMPLERATE) for _ in range(N_PINK_CLIPS)]
    calibrate(weights, [log_mel(clip)[:N_FRAMES] for clip in noise])
    return weights


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write `untrained_weights` as an NPZ of the package's variables."""
    with replacing(path) as part, open(part, "wb") as file:
        np.savez(file, **untrained_weights(seed))


def read_weights(path: str | os.PathLike) -> Weights:
    """Read what `write_initial` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            weights = dict(file)
    except (OSError, ValueError, EOFError, BadZipFile, MemoryError) as error:
        raise InputError(
            f"{path}: not readable weights ({error}): delete it and run again"
        ) from None
    if len(weights) != N_VARIABLES:
        raise InputError(
            f"{path}: has {len(weights)} variables, expected {N_VARIABLES} of MusiCNN: "
            "delete it and run again"
        )
    return weights


class MusiCNN:
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(patches)
    batch_size = 16

    def __init__(self, weights: Weights, layer: str) -> None:
        self._view = layer
        self.weights_sha256 = variables_sha256(weights)
        self._embed_patch = getattr(Network(weights), layer)

    def embed(self, prepared: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Mean over each clip's patches: (n, dimension) float32."""
        rows = [np.mean([self._embed_patch(patch) for patch in clip], axis=0) for clip in prepared]
        return {self._view: np.stack(rows)}


class UpstreamMusiCNN(MusiCNN):
    """The package's graph. The package's own loading could leave random weights unnoticed."""

    def __init__(self, weights: Weights, layer: str, threads: int) -> None:
        import tensorflow as tf
        from musicnn.models import define_model

        v1 = tf.compat.v1
        self._view = layer
        self.weights_sha256 = variables_sha256(weights)
        with tf.Graph().as_default():
            self._input = v1.placeholder(tf.float32, [None, N_FRAMES, N_BANDS])
            *_, mean_pool, _, penultimate = define_model(self._input, False, "MTT_musicnn", N_TAGS)
            self._layer = {"mean_pool": mean_pool, "penultimate": penultimate}[layer]
            variables = {variable.op.name: variable for variable in v1.global_variables()}
            if set(variables) != set(weights):
                raise InputError(
                    "package musicnn: its variables are not those of the weights: "
                    "build the environment again"
                )
            self._session = v1.Session(
                config=v1.ConfigProto(
                    intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
                )
            )
            for name, variable in variables.items():
                variable.load(weights[name], self._session)

    def embed(self, prepared: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Mean over each clip's patches: (n, dimension) float32."""
        rows = self._session.run(self._layer, {self._input: np.concatenate(prepared)})
        ends = np.cumsum([len(clip) for clip in prepared])
        means = [part.mean(axis=0) for part in np.split(rows, ends[:-1])]
        return {self._view: np.stack(means)}


def load(setup: Setup) -> MusiCNN:
    """Load the backend that the options name."""
    if setup.weights is not None:
        variables = read_weights(setup.weights)
    elif setup.seed is not None:
        variables = untrained_weights(setup.seed)
    else:
        variables = pretrained_weights()
    if setup.options["backend"] == "upstream":
        return UpstreamMusiCNN(variables, setup.options["layer"], setup.threads)
    return MusiCNN(variables, setup.options["layer"])
