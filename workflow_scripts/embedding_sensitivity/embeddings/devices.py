"""Where a model runs: the CPU, or one of the machine's GPUs for one job at a time."""

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
# Of a GPU's free memory; the rest is for what a batch's estimate leaves out.
MEMORY_SHARE = 0.7
# No network gets faster by more clips at once, and each prepared clip is in memory.
MAX_BATCH_SIZE = 256
# Batches are sized for clips of this length; longer ones take more memory in proportion.
USUAL_S = 3.0
# There where NVIDIA's driver is loaded, whatever PyTorch was built for.
DRIVER = Path("/proc/driver/nvidia/version")
# What CUDA and its libraries (cuBLAS, cuDNN, cuFFT) say of memory that PyTorch didn't allocate.
MEMORY_FULL = ("CUDA error: out of memory", "ALLOC_FAILED")
WAIT_S = 1.0


@contextmanager
def chosen(wanted: str, uses_gpu: bool) -> Iterator[str]:
    """The device a job runs on while the context lasts: ``cpu``, ``cuda:0``, ...

    Parameters
    ----------
    wanted : ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``
    uses_gpu : whether the model can run on a GPU

    A GPU is this job's alone among the jobs of this user; where all are taken, waits for one.
    `auto` on the CPU of a machine with NVIDIA's driver is warned of: it was hardly meant.
    Raises `InputError` where a GPU is wanted and there is none.
    """
    names = gpu_names() if uses_gpu and wanted != CPU else []
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
                "must be built for CUDA; `device: cuda` refuses to run instead",
                DRIVER,
                torch.__version__,
            )
        yield CPU
        return
    with _locked(names) as index:
        yield f"cuda:{index}"


def gpu_names() -> list[str]:
    """A name for each GPU that PyTorch sees, by which every job knows it."""
    import torch

    if not torch.cuda.is_available():
        return []
    gpus = range(torch.cuda.device_count())
    return [str(torch.cuda.get_device_properties(gpu).uuid) for gpu in gpus]


@contextmanager
def _locked(names: Sequence[str]) -> Iterator[int]:
    """Hold the lock of the first of the GPUs that is free; its index."""
    folder = _lock_folder()
    waiting = False
    while True:
        for index, name in enumerate(names):
            with open(folder / f"{name}.lock", "w") as file:
                try:
                    # Let go of by the system when the job ends, however it ends.
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
    """This user's folder of locks on this machine, which anyone else could have made before."""
    folder = Path(tempfile.gettempdir(), f"embedding-sensitivity-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    mine = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not (stat.S_ISDIR(found.st_mode) and mine):
        raise InputError(
            f"{folder}: is not this user's own folder, in which jobs lock GPUs: remove it or have "
            "it removed, or set TMPDIR to a folder of your own"
        )
    return folder


def description(device: str) -> str:
    """The device in words, for the log."""
    if device == CPU:
        return "the CPU"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def batch_size(
    wanted: int | str, model: EmbeddingModel, device: str, longest_s: float = USUAL_S
) -> int:
    """Clips in a batch: as `wanted`, or for ``auto`` the best on a CPU, what fits on a GPU.

    Of ``auto`` fewer, in proportion, where the longest clip has more than 3 s: this machine's
    memory holds a batch and the one that is prepared meanwhile.
    """
    if wanted != AUTO:
        return wanted
    size = model.batch_size
    if device != CPU:
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        size = min(MAX_BATCH_SIZE, int(MEMORY_SHARE * free) // model.clip_bytes)
    return max(1, int(size * USUAL_S / max(USUAL_S, longest_s)))


def out_of_memory(error: Exception) -> bool:
    """Whether this is PyTorch's word that a GPU's memory is full; PyTorch need not be there."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in MEMORY_FULL)


def free_memory() -> None:
    """Give back the GPU memory that PyTorch keeps for later, after `out_of_memory`."""
    with suppress(ImportError):
        import torch

        torch.cuda.empty_cache()
