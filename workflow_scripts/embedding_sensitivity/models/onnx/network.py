"""Compute embeddings with an ONNX file, by onnxruntime on the CPU.

A clip is mixed to one channel and resampled to the rate that the entry gives. One longer than the
window is cut into windows side by side, the last of which ends with the clip and so overlaps the
one before; a clip's embedding is the mean of its windows'. Nothing is cut at random. A clip shorter
than the network takes is followed by silence. Each window is a call of its own, so that no
embedding depends on other clips.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.hub.network import prepare

if TYPE_CHECKING:
    import onnxruntime

MAX_SHOWN = 300  # characters of what onnxruntime says
FATAL = 4  # of onnxruntime's levels of logging: errors are raised too
POOL = {
    "mean": lambda frames: frames.mean(0),
    "max": lambda frames: frames.max(0),
    "first": lambda frames: frames[0],
}


def with_output(content: bytes, name: str) -> bytes:
    """Return a file's content with one more tensor among the graph's outputs.

    Messages of protobuf that stand one after another are joined field by field, so what is appended
    is a model (field 7) of a graph (field 12) with that output (field 1: its name) alone.
    """
    message = name.encode()
    for number in (1, 12, 7):
        length, size = len(message), b""
        while length > 0x7F:
            size += bytes([length & 0x7F | 0x80])
            length >>= 7
        message = bytes([number << 3 | 2]) + size + bytes([length]) + message
    return content + message


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:MAX_SHOWN]


def start(
    content: bytes, output: str, threads: int, path: str | Path
) -> "onnxruntime.InferenceSession":
    """Start a session that returns the tensor `output`, on some threads of the CPU.

    Raises `InputError` for a network that onnxruntime doesn't compute.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = FATAL
    # Waiting threads leave the core to other jobs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    arguments = {"sess_options": options, "providers": ["CPUExecutionProvider"]}
    try:
        session = onnxruntime.InferenceSession(content, **arguments)
        if output not in {each.name for each in session.get_outputs()}:
            session = onnxruntime.InferenceSession(with_output(content, output), **arguments)
    except Exception as error:  # it has a class of its own for each fault
        raise InputError(
            f"{path}: onnxruntime {onnxruntime.__version__} doesn't compute it "
            f"({_shorten(error)}): export it again, for an operator set that this version has"
        ) from None
    return session


class Network:
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    batch_size = 1

    def __init__(self, content: bytes, setup: Setup) -> None:
        options = setup.options
        self.path, self.weights_sha256 = setup.weights, hashlib.sha256(content).hexdigest()
        self.session = start(content, options["output"], setup.threads, setup.weights)
        self.input, self.output = options["input"], options["output"]
        self.dimension = options["dimension"]
        self.pooling, self.time_axis = options.get("pooling"), options.get("time_axis")
        (taken,) = (each.shape for each in self.session.get_inputs() if each.name == self.input)
        self.rank, rate = len(taken), options["samplerate"]
        if "window_s" in options:
            window, shortest = (int(options[key] * rate) for key in ("window_s", "shortest_s"))
        else:
            window = shortest = taken[-1]
        self.prepare = partial(prepare, target=rate, window=window, shortest=shortest)

    def embed(self, prepared: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Mean over each clip's windows: (n, d) float32."""
        rows = [
            np.mean([self._embed_window(window) for window in clip], axis=0) for clip in prepared
        ]
        return {"embedding": np.stack(rows).astype(np.float32)}

    def _embed_window(self, samples: np.ndarray) -> np.ndarray:
        """Embed (samples,) float32: (d,)."""
        batch = samples.reshape((1,) * (self.rank - 1) + (-1,))
        try:
            (found,) = self.session.run([self.output], {self.input: batch})
        except Exception as error:
            raise InputError(
                f"{self.path}: fails for an input of {len(samples)} samples ({_shorten(error)}): "
                "give window_s or shortest_s in its entry of models, if it takes another length"
            ) from None
        frames = self._pick(found, len(samples))
        row = POOL[self.pooling](frames) if self.pooling else frames[0]
        if not np.isfinite(row).all():
            raise InputError(
                f"{self.path}: {self.output} is not finite for an input of {len(samples)} samples "
                f"whose largest is {np.abs(samples).max(initial=0):.3g}: expected finite values: "
                "correct the network (as a logarithm of silence), or name another tensor"
            )
        return row

    def _pick(self, found: np.ndarray, n_samples: int) -> np.ndarray:
        """Return an output as (time, d), the time 1 if it has none."""
        kind = getattr(found, "dtype", "no tensor")
        if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise InputError(
                f"{self.path}: {self.output} is of {kind}, expected float32: name another "
                "tensor in output"
            )
        shape, expected = found.shape, [self.dimension]
        first = min(1, self.rank - 1)
        if self.pooling:
            expected.insert(self.time_axis - first, None)
        expected = [1] * first + expected
        fits = len(shape) == len(expected) and all(
            size == wanted if wanted else size > 0
            for size, wanted in zip(shape, expected, strict=True)
        )
        if not fits:
            wanted = ", ".join(str(size or "time") for size in expected)
            raise InputError(
                f"{self.path}: {self.output} has the shape {shape} for an input of {n_samples} "
                f"samples, expected ({wanted}): correct output, dimension, pooling, time_axis or "
                "shortest_s in its entry of models"
            )
        frames = found[0] if first else found
        return np.moveaxis(frames, self.time_axis - first, 0) if self.pooling else frames[None]


def load(setup: Setup) -> Network:
    """Load the file that the entry names."""
    try:
        content = Path(setup.weights).read_bytes()
    except OSError as error:
        raise InputError(f"{setup.weights}: cannot be read ({error.strerror}): run again") from None
    return Network(content, setup)
