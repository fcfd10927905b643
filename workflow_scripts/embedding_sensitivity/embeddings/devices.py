"""Choose where a model runs: the CPU, or a GPU that no other job uses."""

import fcntl
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import AUTO, EmbeddingModel

CPU = "cpu"
# The part of a GPU's free memory for a batch; the estimate of a batch leaves some things out.
MEMORY_SHARE = 0.7
# Larger batches are not faster, and each prepared clip takes memory.
MAX_BATCH_SIZE = 256
# Models give batch sizes for clips of this length.
USUAL_S = 3.0
# Exists if NVIDIA's driver is loaded, whether or not PyTorch is built for CUDA.
DRIVER = Path("/proc/driver/nvidia/version")
# Errors of CUDA, cuBLAS, cuDNN and cuFFT for memory that PyTorch did not allocate.
MEMORY_FULL = ("CUDA error: out of memory", "ALLOC_FAILED")
WAIT_S = 1.0


@contextmanager
def choose_device(wanted: str, uses_gpu: bool) -> Iterator[str]:
    """Yield the device for a job until the context ends: ``cpu``, ``cuda:0``, ...

    Parameters
    ----------
    wanted : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    uses_gpu : whether the model can run on a GPU

    No other job of this user gets the same GPU; if all are in use, wait for one. Warns if ``auto``
    means the CPU of a machine with NVIDIA's driver. Raises `InputError` for ``cuda`` without a GPU.
    """
    names = list_gpus() if uses_gpu and wanted != CPU else []
    if not names:
        if uses_gpu and wanted == "cuda":
            raise InputError(
                "device: is cuda, but PyTorch sees no GPU on this machine (nvidia-smi should list "
                "one, and CUDA_VISIBLE_DEVICES must not hide it): correct that, or set it to auto"
            )
        if uses_gpu and wanted == AUTO and DRIVER.exists():
            import torch

            logging.warning(
                "on the CPU: this machine has NVIDIA's driver (%s), but PyTorch %s sees no GPU: "
                "nvidia-smi should list one, CUDA_VISIBLE_DEVICES must not hide it, and PyTorch "
                "must be built for CUDA; with `device: cuda` this is an error",
                DRIVER,
                torch.__version__,
            )
        yield CPU
        return
    with _lock_gpu(names) as index:
        yield f"cuda:{index}"


def list_gpus() -> list[str]:
    """List the GPUs that PyTorch sees, by names that are the same in all jobs."""
    import torch

    if not torch.cuda.is_available():
        return []
    gpus = range(torch.cuda.device_count())
    return [str(torch.cuda.get_device_properties(gpu).uuid) for gpu in gpus]


@contextmanager
def _lock_gpu(names: Sequence[str]) -> Iterator[int]:
    """Lock the first free GPU until the context ends; yield its index."""
    folder = _lock_folder()
    waiting = False
    while True:
        for index, name in enumerate(names):
            with open(folder / f"{name}.lock", "w") as file:
                try:
                    # The system releases it when the job ends in any way.
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield index
                return
        if not waiting:
            logging.info("waiting for a GPU: other jobs use all %d", len(names))
            waiting = True
        time.sleep(WAIT_S)


def _lock_folder() -> Path:
    """Return this user's folder of locks on this machine; another user may have made it."""
    folder = Path(tempfile.gettempdir(), f"embedding-sensitivity-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    mine = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not (stat.S_ISDIR(found.st_mode) and mine):
        raise InputError(
            f"{folder}: only this user may write the folder in which jobs lock GPUs: remove it or "
            "have it removed, or set TMPDIR to a folder of your own"
        )
    return folder


def describe_device(device: str) -> str:
    """Describe the device, for the log."""
    if device == CPU:
        return "the CPU"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def choose_batch_size(
    wanted: int | str, model: EmbeddingModel, device: str, longest_s: float = USUAL_S
) -> int:
    """Return the clips in a batch: `wanted`, or for ``auto`` the best for a CPU, or as fit a GPU.

    For clips longer than 3 s ``auto`` takes fewer in proportion, since the machine's memory holds
    this batch and the next.
    """
    if wanted != AUTO:
        return wanted
    size = model.batch_size
    if device != CPU:
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        size = min(MAX_BATCH_SIZE, int(MEMORY_SHARE * free) // model.clip_bytes)
    return max(1, int(size * USUAL_S / max(USUAL_S, longest_s)))


def is_out_of_memory(error: Exception) -> bool:
    """Whether PyTorch's error means that a GPU's memory is full; works without PyTorch."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in MEMORY_FULL)


def free_memory() -> None:
    """Free the GPU memory that PyTorch keeps for later."""
    with suppress(ImportError):
        import torch

        torch.cuda.empty_cache()
