"""Shared code of models on PyTorch: settings, batches, checkpoints, untrained weights.

Functions import PyTorch, so that worker processes, which run `prepare`, do not.
"""

import importlib
import importlib.util
import logging
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.shared.initial import N_PINK_CLIPS, pink_noise

if TYPE_CHECKING:
    import torch


def configure(device: str, threads: int) -> "torch.device":
    """Configure PyTorch for reproducible float32 arithmetic; return the device.

    TF32, with only 10 bits of mantissa, is off for products and convolutions; cuDNN neither times
    algorithms to choose one, nor uses one whose order of summation changes.
    """
    # Read when CUDA starts: makes cuBLAS sum in a fixed order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    chosen = torch.device(device)
    found = torch.cuda.device_count() if chosen.type == "cuda" else 1
    if (chosen.index or 0) >= found:
        raise InputError(
            f"device: is {device}, but PyTorch {torch.__version__} finds {found} GPUs: "
            "set device: cpu, or install a driver for its CUDA version"
        )
    return chosen


class TorchModel:
    """Base of the models on PyTorch; see `embedding_sensitivity.models.EmbeddingModel`.

    A subclass has `prepare`, `batch_size`, `forward`, and

    clip_bytes : approximate GPU memory of each clip of 3 s in a batch: twice its activations by
        PyTorch's profiler, since cuDNN needs memory too. `embed` does not handle
        `torch.cuda.OutOfMemoryError`
    """

    prepare: Callable[[np.ndarray, int], np.ndarray]
    batch_size: int
    clip_bytes: int

    def __init__(self, network: "torch.nn.Module", weights_sha256: str, setup: Setup) -> None:
        self.device = configure(setup.device, setup.threads)
        self.network = network.eval().to(self.device)
        self.weights_sha256 = weights_sha256

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed clips of one shape, (n, ...) float32 on the device: (n, d)."""
        raise NotImplementedError

    def embed(self, prepared: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Embed a batch, clips of the same shape together: (n, d) float32."""
        import torch

        rows = [None] * len(prepared)
        same_shape: dict[tuple[int, ...], list[int]] = {}
        for index, clip in enumerate(prepared):
            same_shape.setdefault(clip.shape, []).append(index)
        with torch.inference_mode():
            for indices in same_shape.values():
                batch = torch.from_numpy(np.stack([prepared[index] for index in indices]))
                embedded = self.forward(batch.to(self.device)).cpu().numpy()
                for index, row in zip(indices, embedded, strict=True):
                    rows[index] = row
        return {"embedding": np.stack(rows)}


def import_bare(name: str, *stand_ins: ModuleType) -> ModuleType:
    """Import a module of a package without running the package's ``__init__``.

    `stand_ins` replace modules that it imports but does not need here. Neither they nor the package
    stay in `sys.modules`.
    """
    package = name.partition(".")[0]
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise InputError(f"package {package}: not installed here; run in envs/torch.yaml")
    bare = ModuleType(package)
    bare.__path__ = list(spec.submodule_search_locations)
    hidden = {stand_in.__name__: stand_in for stand_in in (bare, *stand_ins)}

    def take_out() -> dict[str, ModuleType]:
        names = [n for n in sys.modules if n in hidden or n.startswith(f"{package}.")]
        return {n: sys.modules.pop(n) for n in names}

    before = take_out()
    sys.modules.update(hidden)
    try:
        return importlib.import_module(name)
    finally:
        take_out()
        sys.modules.update(before)


def read_checkpoint(path: str | os.PathLike) -> Any:
    """Read a file of `torch.save` to the CPU, without running code in it.

    Raises `InputError` if it is missing, another kind of file, truncated, or has code to run.
    """
    import torch

    try:
        with torch.serialization.safe_globals(array_types()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: put the published weights there") from None
    except Exception as error:  # a damaged pickle can raise anything
        raise InputError(
            f"{path}: {_not_weights(path, error)}: delete it and run again, or put the published "
            "weights there"
        ) from None


def array_types() -> list[Callable]:
    """Return types that unpickle NumPy arrays: old checkpoints have some, of the training."""
    made_by = np.core.multiarray._reconstruct, np.core.multiarray.scalar
    return [np.ndarray, np.dtype, *made_by, *{type(np.dtype(c)) for c in np.typecodes["All"]}]


def _not_weights(path: str | os.PathLike, error: Exception) -> str:
    """Describe a file that `torch.load` cannot read."""
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights"
    forbidden = re.search(r"(?:GLOBAL|global:?) ([\w.]+) was not", str(error))
    if isinstance(error, pickle.UnpicklingError) and forbidden:
        return f"has code to run ({forbidden[1]}), which weights do not have"
    return "is truncated or corrupt, or not weights of PyTorch"


def load_weights(
    network: "torch.nn.Module",
    weights: object,
    path: str | os.PathLike,
    model: str,
    strict: bool = True,
) -> None:
    """Load a checkpoint's weights into a network; all names and shapes must match.

    If not `strict`, unknown names are ignored, and values that the network computes itself (masks,
    indices, counters, frozen filters) may be missing. Learnt values and running statistics must
    always be there.
    """
    try:
        missing, extra = network.load_state_dict(weights, strict=strict)
        learnt = {name for name, value in network.named_parameters() if value.requires_grad}
        lost = [name for name in missing if name in learnt or ".running_" in name]
        if lost:
            raise RuntimeError(f"Missing: {', '.join(lost)}")
        if extra:
            logging.info(
                "%s: %d entries that %s does not have are ignored", path, len(extra), model
            )
    except (AttributeError, RuntimeError, TypeError) as error:
        raise InputError(
            f"{path}: not the weights of {model} ({' '.join(str(error).split())[:300]}): "
            "put the published ones there"
        ) from None


@contextmanager
def weights_of(
    setup: Setup, write_initial: Callable[[Path, int, Mapping], None]
) -> Iterator[str | os.PathLike]:
    """Yield the path of a model's weights; for an untrained model make temporary ones."""
    if setup.weights is not None:
        yield setup.weights
        return
    if setup.seed is None:
        raise InputError("weights: are missing: name their file, or choose the untrained model")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights")
        write_initial(path, setup.seed, setup.options)
        yield path


def initial_network(build: Callable[[], "torch.nn.Module"], seed: int) -> "torch.nn.Module":
    """Build a network with its package's seeded initialisation, rounded to float32, as float64.

    Values are drawn in float64, so that the rounded ones are the same on every machine, except for
    rare ties.
    """
    import torch

    dtype = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            torch.set_default_dtype(torch.float64)
            network = build()
        finally:
            torch.set_default_dtype(dtype)
    return network.float().double().eval()


def calibrate(
    network: "torch.nn.Module",
    forward: Callable[["torch.Tensor"], object],
    samplerate: int,
    seed: int,
) -> None:
    """Set batch normalisations' statistics, in float64, from 64 pink-noise clips of 3 s.

    `forward` runs the network, or its part with normalisations, on (64, frames). Afterwards the
    network is only good for writing its weights.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    random = np.random.default_rng(seed)
    clips = np.stack([pink_noise(random, samplerate) for _ in range(N_PINK_CLIPS)])
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # replace the old statistics
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            # Clip by clip: in float64 it unfolds its whole input, to nine times the size.
            module.forward = _clip_by_clip(module.forward)
    with torch.inference_mode():
        forward(torch.from_numpy(clips))
    network.eval()


def _clip_by_clip(forward: Callable[["torch.Tensor"], "torch.Tensor"]) -> Callable:
    import torch

    return lambda batch: torch.cat([forward(clip) for clip in batch.split(1)])


def write_checkpoint(path: str | os.PathLike, contents: dict) -> None:
    """Write a file for `read_checkpoint`; the same contents give the same bytes."""
    import torch

    with replacing(path) as part, open(part, "wb") as file:
        # Given a path, torch.save would store its name.
        torch.save(contents, file)
