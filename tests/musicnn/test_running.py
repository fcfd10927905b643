"""How embeddings are computed, none of which may show in them: batches, workers, devices."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from embedding_sensitivity.embeddings import devices
from embedding_sensitivity.embeddings.embedding import Embedder, Preparation, embed_each
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.workers import run_in_order

LIBRARY = Path(__file__).resolve().parents[2] / "workflow_scripts"


class OutOfMemoryError(RuntimeError):
    """Named as PyTorch's, which isn't in this environment."""


class Model:
    """Embeds a clip as its samples' sum; has room for `room` clips at a time."""

    prepare = staticmethod(np.negative)
    batch_size = 3
    clip_bytes = 1000

    def __init__(self, room: int = 100) -> None:
        self.room, self.sizes = room, []

    def embed(self, prepared):
        self.sizes.append(len(prepared))
        if len(prepared) > self.room:
            raise OutOfMemoryError("CUDA out of memory")
        return {"embedding": np.array([[clip.sum()] for clip in prepared], np.float32)}


def numbered(n: int) -> list[np.ndarray]:
    return [np.full((2, 1), index, np.float32) for index in range(n)]


def audio_of(index: int) -> np.ndarray:
    """In a worker, earlier clips take longer: order must not be that of completion."""
    time.sleep(0.02 * (8 - index))
    return np.full((2, 1), index, np.float32)


def prepare(audio: np.ndarray, samplerate: int) -> np.ndarray:
    if audio[0, 0] == 99:
        raise InputError("clip.wav: has gone")
    if audio[0, 0] == 98:
        os.kill(os.getpid(), 9)
    return audio * samplerate


def read(index: int) -> np.ndarray:
    return np.full((1, 1), index, np.float32)


def test_a_batch_is_taken_at_a_time_and_order_is_kept():
    taken = []
    clips = (taken.append(index) or clip for index, clip in enumerate(numbered(8)))

    class Watched(Model):
        def embed(self, prepared):
            assert len(taken) - 3 * len(self.sizes) <= 3
            return super().embed(prepared)

    model = Watched()
    np.testing.assert_array_equal(embed_each(model, clips, 3)["embedding"][:, 0], 2 * np.arange(8))
    assert model.sizes == [3, 3, 2]


def test_a_full_gpu_halves_the_batch_and_goes_on():
    model = Model(room=3)
    rows = embed_each(model, numbered(11), 8)["embedding"]
    np.testing.assert_array_equal(rows[:, 0], 2 * np.arange(11))
    assert model.sizes == [8, 4, 2, 2, 2, 2, 2, 1]


def test_a_gpu_too_small_for_one_clip_is_an_error_of_one_line():
    model = Model(room=0)
    with pytest.raises(InputError, match=r"too small for one clip .* device: cpu"):
        embed_each(model, numbered(3), 4)
    assert model.sizes == [3, 2, 1]


def test_other_errors_of_a_model_are_not_taken_for_a_full_gpu():
    class Broken(Model):
        def embed(self, prepared):
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        embed_each(Broken(), numbered(3), 4)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), True),
        (RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"), False),
        (ValueError("CUFFT_ALLOC_FAILED"), False),
    ],
)
def test_a_full_gpu_is_known_by_whichever_library_says_so(error, full):
    assert devices.is_out_of_memory(error) == full


@pytest.mark.parametrize("n_processes", [0, 1, 3])
def test_workers_do_not_show(n_processes):
    found = list(
        run_in_order(Preparation(audio_of, prepare, 10), [(i,) for i in range(8)], n_processes, 5)
    )
    np.testing.assert_array_equal(np.concatenate(found)[::2, 0], 10 * np.arange(8))
    embedder = Embedder(SimpleNamespace(prepare=prepare, embed=Model().embed), 3, n_processes)
    rows = embedder.embed(read, [(index,) for index in range(5)], 10)
    np.testing.assert_array_equal(rows[:, 0], 10 * np.arange(5))


@pytest.mark.parametrize("n_processes", [0, 2])
def test_what_is_ahead_is_bounded(n_processes):
    asked = []

    def items():
        for index in range(40):
            asked.append(index)
            yield (index,)

    for done, _ in enumerate(run_in_order(read, items(), n_processes, 6)):
        assert len(asked) <= done + 6


def test_an_error_in_a_worker_is_the_one_line():
    items = [(1,), (99,), (2,)]
    with pytest.raises(InputError, match=r"^clip\.wav: has gone$"):
        list(run_in_order(Preparation(read, prepare, 1), items, 2, 4))


def test_a_killed_worker_is_an_error_and_no_hang():
    items = [(1,), (98,), *((index,) for index in range(20))]
    with pytest.raises(InputError, match=r"one of 2 worker processes was killed"):
        list(run_in_order(Preparation(read, prepare, 1), items, 2, 4))


def test_workers_end_with_a_job_that_is_killed(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            from embedding_sensitivity.files.workers import run_in_order

            def who(index):
                return os.getpid()

            if __name__ == "__main__":
                for pid in run_in_order(who, [(1,), (2,)], 1, 1):
                    print(pid, flush=True)
                    time.sleep(60)
            """
        ),
        encoding="utf-8",
    )
    job = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
    )
    worker = int(job.stdout.readline())
    job.kill()
    job.wait()
    job.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(devices, "list_gpus", lambda: [])
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "absent")
    for wanted, uses_gpu in (("auto", True), ("cpu", True), ("cuda", False)):
        with devices.choose_device(wanted, uses_gpu) as device:
            assert device == "cpu"
    assert not caplog.records
    refused = pytest.raises(InputError, match=r"^device: is cuda, but PyTorch sees no GPU")
    with refused, devices.choose_device("cuda", True):
        pass


def test_a_gpu_that_pytorch_does_not_see_is_warned_of(monkeypatch, tmp_path, caplog):
    cuda = SimpleNamespace(is_available=lambda: False)
    torch = SimpleNamespace(cuda=cuda, __version__="2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "version")
    (tmp_path / "version").touch()
    for wanted, uses_gpu in (("cpu", True), ("auto", False)):
        with devices.choose_device(wanted, uses_gpu):
            assert not caplog.records
    with devices.choose_device("auto", True) as device:
        assert device == "cpu"
    (warning,) = caplog.messages
    assert "PyTorch 2.13.0+cpu sees no GPU" in warning and "`device: cuda` this is an" in warning


def test_each_job_has_a_gpu_of_its_own_and_waits_for_one(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "list_gpus", lambda: ["first", "second"])
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    with devices.choose_device("auto", True) as one, devices.choose_device("cuda", True) as other:
        assert (one, other) == ("cuda:0", "cuda:1")

        def wait(seconds: float) -> None:
            raise TimeoutError

        monkeypatch.setattr(devices.time, "sleep", wait)
        with pytest.raises(TimeoutError), devices.choose_device("auto", True):
            pass
        with devices.choose_device("cpu", True) as device:
            assert device == "cpu"
    with devices.choose_device("auto", True) as again:
        assert again == "cuda:0"


def test_batches_are_sized_to_the_gpu(monkeypatch):
    for free, size in ((100, 1), (10_000, 7), (10**9, devices.MAX_BATCH_SIZE)):
        cuda = SimpleNamespace(mem_get_info=lambda device, free=free: (free, 2 * free))
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        assert devices.choose_batch_size("auto", Model(), "cuda:0") == size
    assert devices.choose_batch_size("auto", Model(), "cpu") == Model.batch_size
    assert devices.choose_batch_size(5, Model(), "cuda:0") == 5


def test_batches_of_long_clips_are_smaller(monkeypatch):
    cuda = SimpleNamespace(mem_get_info=lambda device: (10**9, 10**9))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    for seconds, on_gpu, on_cpu in (
        (1, 256, 3),
        (3, 256, 3),
        (6, 128, 1),
        (30, 25, 1),
        (9e3, 1, 1),
    ):
        assert devices.choose_batch_size("auto", Model(), "cuda:0", seconds) == on_gpu
        assert devices.choose_batch_size("auto", Model(), "cpu", seconds) == on_cpu
    assert devices.choose_batch_size(5, Model(), "cuda:0", 30) == 5


def test_another_users_folder_of_locks_is_not_used(tmp_path, monkeypatch):
    """Anyone can make a folder of that name in /tmp first, or a link to one of this user's."""
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"embedding-sensitivity-{os.getuid()}"
    assert devices._lock_folder() == folder == devices._lock_folder()
    assert folder.stat().st_mode & 0o777 == 0o700

    def refused() -> None:
        message = rf"{folder}: only this user may write .* set TMPDIR"
        with pytest.raises(InputError, match=message), devices._lock_gpu(["gpu"]):
            pass

    folder.chmod(0o777)
    refused()
    folder.chmod(0o700)
    (tmp_path / "mine").mkdir(mode=0o700)
    folder.rmdir()
    folder.symlink_to(tmp_path / "mine")
    refused()
    assert list((tmp_path / "mine").iterdir()) == []
    folder.unlink()
    folder.touch(mode=0o600)
    refused()
    folder.unlink()
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(devices.os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    folder.rename(tmp_path / f"embedding-sensitivity-{devices.os.getuid()}")
    folder = tmp_path / f"embedding-sensitivity-{devices.os.getuid()}"
    refused()
