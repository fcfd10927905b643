"""What models on PyTorch share: settings, batches, what they refuse to read, what they leave be."""

import builtins
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.shared import torch_model
from embedding_sensitivity.models.shared.torch_model import TorchModel, import_bare, read_checkpoint

# Loads model argv[1] with checkpoint argv[2] and embeds, where nothing can be run or fetched.
LOAD_ALONE = """
import os, socket, subprocess, sys

popen = subprocess.Popen

def refuse(*args, **options):
    if args == ("lscpu",):  # NumPy and joblib ask it for the CPU
        return popen(*args, **options)
    raise SystemExit(f"tried to run or fetch: {args}")

os.system = os.popen = subprocess.Popen = socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.clap import model as clap
from embedding_sensitivity.models.panns import model as panns
assert "torch" not in sys.modules, "imported before load"
model = choose(sys.argv[1]).load(sys.argv[2], protocol={"clap_input": "mono"})
model.embed([model.prepare(np.zeros((44100, 2), np.float32), 44100)])["embedding"]
for package in ("panns_inference", "msclap", "matplotlib", "transformers"):
    assert package not in sys.modules, package
"""


class Sums(TorchModel):
    """Embeds a clip by its sum, and counts the batches."""

    dimension = 1

    def forward(self, batch):
        self.shapes = [*getattr(self, "shapes", []), tuple(batch.shape)]
        return self.network(batch.sum(dim=1, keepdim=True))


class Runs:
    """A pickle that would run code."""

    def __reduce__(self):
        return builtins.exec, ("raise SystemExit('code of a checkpoint was run')",)


def test_arithmetic_is_float32_and_repeats():
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    assert torch_model.configure("cpu", 1) == torch.device("cpu")
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == 1


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert torch_model.configure("cuda:0", 1) == torch.device("cuda:0")
    with pytest.raises(InputError, match=r"device: is cuda:1, but .* finds 1 GPUs"):
        torch_model.configure("cuda:1", 1)


def test_clips_of_one_length_share_a_batch_and_keep_their_order():
    model = Sums(torch.nn.Identity(), "hash", Setup())
    lengths = [3, 5, 3, 4, 5, 3]
    clips = [np.full(n, index, np.float32) for index, n in enumerate(lengths)]
    rows = model.embed(clips)["embedding"]
    np.testing.assert_array_equal(rows[:, 0], [n * index for index, n in enumerate(lengths)])
    assert rows.dtype == np.float32
    assert sorted(model.shapes) == [(1, 4), (2, 5), (3, 3)]


def test_running_out_of_memory_is_for_the_caller():
    model = Sums(torch.nn.Identity(), "hash", Setup())

    def fail(batch):
        raise torch.cuda.OutOfMemoryError("out of memory")

    model.forward = fail
    with pytest.raises(torch.cuda.OutOfMemoryError):
        model.embed([np.zeros(2, np.float32)])["embedding"]


def test_unreadable_checkpoints_are_refused_in_one_line(tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(InputError, match=r"weights\.pth: no such file"):
        read_checkpoint(path)
    torch.save({"model": {"x": torch.arange(50000.0)}}, path)
    content = path.read_bytes()
    torch.save({"model": {"x": torch.arange(5e4)}}, path, _use_new_zipfile_serialization=False)
    older = path.read_bytes()
    for damaged in (content[:100000], older[:100000], content[:3], b"", b"\x80\x02}q", b"weights"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"weights\.pth: .*truncated or corrupt.*delete it"):
            read_checkpoint(path)
    for page in (b"<!DOCTYPE html><html>rate limited", b"\n <html lang='en'>", b"<?xml ?><Error>"):
        path.write_bytes(page)
        with pytest.raises(InputError, match="is a web page"):
            read_checkpoint(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_not_run(tmp_path, zipped):
    path = tmp_path / "weights.pth"
    torch.save({"model": Runs()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"has code to run \(.*exec\)"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_may_hold_arrays_of_its_training(tmp_path, zipped):
    path = tmp_path / "weights.pth"
    sampler = {"indexes": np.arange(5), "rate": np.float64(0.5), "names": np.array(["a", "bc"])}
    contents = {"iteration": 3, "model": {"x": torch.ones(2)}, "sampler": sampler}
    torch.save(contents, path, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert torch.equal(found["model"]["x"], torch.ones(2))
    np.testing.assert_array_equal(found["sampler"]["indexes"], np.arange(5))


def test_a_module_is_imported_without_its_package(tmp_path, monkeypatch):
    package = tmp_path / "noisy"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "quiet.py").write_text("import drawing\nfrom .other import X\n")
    (package / "other.py").write_text("X = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = SimpleNamespace(kept=True)
    monkeypatch.setitem(sys.modules, "drawing", before)
    stand_in = type(sys)("drawing")
    found = import_bare("noisy.quiet", stand_in)
    assert found.X == 3
    assert found.drawing is stand_in
    assert sys.modules["drawing"] is before
    assert not [name for name in sys.modules if name.startswith("noisy")]
    with pytest.raises(InputError, match=r"package absent: .*envs/torch\.yaml"):
        import_bare("absent.module")


@pytest.mark.parametrize("model", ["panns", pytest.param("clap", marks=pytest.mark.more)])
def test_loading_runs_fetches_and_writes_nothing(model, untrained, tmp_path):
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "workflow_scripts")}
    command = [sys.executable, "-W", "error::UserWarning", "-c", LOAD_ALONE, model]
    result = subprocess.run(
        [*command, str(untrained(model))], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_initial_weights_leave_the_callers_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = torch_model.initial_network(lambda: torch.nn.Linear(3, 2), 5)
    again = torch_model.initial_network(lambda: torch.nn.Linear(3, 2), 5)
    other = torch_model.initial_network(lambda: torch.nn.Linear(3, 2), 6)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)
    assert torch.equal(first.weight, first.weight.float().double())


def test_the_same_contents_make_the_same_bytes(tmp_path):
    for name in ("a.pth", "bb.pth"):
        torch_model.write_checkpoint(tmp_path / name, {"model": {"x": torch.ones(4)}})
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "bb.pth").read_bytes()
