"""What the models on PyTorch share: settings, batches, checkpoints, and untrained weights.

PyTorch is imported inside functions, so that a model's module, whose `prepare` runs in worker
processes, is imported without it.
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
    """Set PyTorch up for float32 arithmetic that repeats; return the device.

    Tensor-float-32, which keeps 10 bits of the mantissa, is off for products and convolutions, and
    cuDNN neither times algorithms to choose one nor takes one whose sums come in changing order.
    """
    # Read when CUDA starts: with it cuBLAS, too, sums in one order.
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

    clip_bytes : memory that one clip of 3 s more in a batch takes on a GPU, roughly: twice what its
        activations do by PyTorch's profiler, for what cuDNN works in. `torch.cuda.OutOfMemoryError`
        leaves `embed` as it is
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
        """Embed a batch, its clips of one shape together: (n, d) float32."""
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
    """Import a package's module without its package's ``__init__``, which may do anything.

    `stand_ins` take the place of modules that it imports and that what is used of it doesn't need.
    Neither they nor the package stay imported under their names.
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
    """Read a file of `torch.save`, on the CPU, without running code that it may hold.

    Raises `InputError` where it is missing, not such a file, cut short, or would run code.
    """
    import torch

    try:
        with torch.serialization.safe_globals(array_types()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: put the published weights there") from None
    except Exception as error:  # of a damaged pickle anything can come
        raise InputError(
            f"{path}: {_not_weights(path, error)}: delete it and run again, or put the published "
            "weights there"
        ) from None


def array_types() -> list[Callable]:
    """What NumPy arrays are unpickled with: old checkpoints hold some, the training's state."""
    made_by = np.core.multiarray._reconstruct, np.core.multiarray.scalar
    return [np.ndarray, np.dtype, *made_by, *{type(np.dtype(c)) for c in np.typecodes["All"]}]


def _not_weights(path: str | os.PathLike, error: Exception) -> str:
    """What a file is that `torch.load` can't read."""
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights"
    forbidden = re.search(r"(?:GLOBAL|global:?) ([\w.]+) was not", str(error))
    if isinstance(error, pickle.UnpicklingError) and forbidden:
        return f"holds code to run ({forbidden[1]}), which weights don't"
    return "is not readable as PyTorch weights, cut short or damaged"


def load_weights(
    network: "torch.nn.Module",
    weights: object,
    path: str | os.PathLike,
    model: str,
    strict: bool = True,
) -> None:
    """Put a checkpoint's weights into a network whose they must be, each name and shape of them.

    Not `strict`, as some packages load theirs: names that the network hasn't got are left out, and
    what it computes when it is built (masks, indices, counters, the frozen filters of a front end)
    may be missing. What was learnt, running statistics included, never may.
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
    """Yield the path of a model's weights: those given, or an untrained model's, made for now."""
    if setup.weights is not None:
        yield setup.weights
        return
    if setup.seed is None:
        raise InputError("weights: none given, and without them the model is an untrained one")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights")
        write_initial(path, setup.seed, setup.options)
        yield path


def initial_network(build: Callable[[], "torch.nn.Module"], seed: int) -> "torch.nn.Module":
    """A network with its package's initialisation, seeded: float32 weights in float64, to go on.

    Drawn in float64 too: what then is rounded to float32 is the same on every machine, but for
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
    """Take batch normalisation's statistics, in float64, from 64 pink-noise clips of 3 s at once.

    `forward` runs the network, or as much of it as has normalisations, on (64, frames). What is
    calibrated is for its weights to be written, no more to be run.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    random = np.random.default_rng(seed)
    clips = np.stack([pink_noise(random, samplerate) for _ in range(N_PINK_CLIPS)])
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # of the new statistics against the old
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            # In float64 it unfolds its whole input first, nine times as large: clip by clip.
            module.forward = _clip_by_clip(module.forward)
    with torch.inference_mode():
        forward(torch.from_numpy(clips))
    network.eval()


def _clip_by_clip(forward: Callable[["torch.Tensor"], "torch.Tensor"]) -> Callable:
    import torch

    return lambda batch: torch.cat([forward(clip) for clip in batch.split(1)])


def write_checkpoint(path: str | os.PathLike, contents: dict) -> None:
    """Write what `read_checkpoint` reads; the same contents make the same bytes."""
    import torch

    with replacing(path) as part, open(part, "wb") as file:
        # Not to a path: its name would go into the file.
        torch.save(contents, file)
