"""Weights that a stranger made: none runs code, reads another file or takes all memory."""

import builtins
import io
import json
import marshal
import pickle
import resource
import zipfile
from functools import partial

import h5py
import numpy as np
import pytest
import torch

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.openl3.model import VARIABLES
from embedding_sensitivity.models.openl3.model import read_weights as read_openl3
from embedding_sensitivity.models.shared.torch_model import load_weights, read_checkpoint

read_weights = partial(read_openl3, options=choose("openl3").options)


class Runs:
    """A pickle that would run code."""

    def __reduce__(self):
        return builtins.exec, ("raise SystemExit('code of weights was run')",)


def refused(path, message, read=read_checkpoint):
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)) and str(caught.value).isprintable()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", range(6))
def test_a_bare_pickle_is_not_run(tmp_path, protocol):
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps({"model": Runs()}, protocol))
    refused(path, "weights.pth: (has code to run|is truncated or corrupt)")


def test_code_beside_tensors_is_not_run(tmp_path):
    path = tmp_path / "weights.pth"
    hidden = {"model": {"x": torch.ones(2)}, "sampler": np.array([Runs()], dtype=object)}
    torch.save(hidden, path)
    refused(path, "has code to run")


@pytest.mark.filterwarnings("ignore:`torch.jit", "ignore:'torch.load' received")
def test_a_torchscript_program_is_not_loaded(tmp_path):
    path = tmp_path / "weights.pth"

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    torch.jit.script(Net()).save(str(path))
    refused(path, "is truncated or corrupt|has code to run")


def test_a_tensor_larger_than_what_is_stored_is_refused_by_its_shape(tmp_path):
    """A stride of 0 makes four bytes a tensor of four terabytes, as long as nobody copies it."""
    path = tmp_path / "weights.pth"
    huge = torch.ones(1).as_strided((10**6, 10**6), (0, 0))
    torch.save({"model": {"weight": huge, "bias": torch.ones(2)}}, path)
    assert path.stat().st_size < 10_000
    network = torch.nn.Linear(3, 2)
    with pytest.raises(InputError, match=r"not the weights of Tiny .*1000000, 1000000"):
        load_weights(network, read_checkpoint(path)["model"], path, "Tiny")


@pytest.fixture
def little_memory():
    """The process may have 8 GB more of addresses, not all the machine's memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 10**9, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_storage_that_is_only_claimed_is_refused(tmp_path, little_memory):
    """The older format says in its pickle how much to allocate before anything is read."""
    path, stream = tmp_path / "weights.pth", io.BytesIO()
    torch.save({"x": torch.zeros(12345)}, stream, _use_new_zipfile_serialization=False)
    content = stream.getvalue()
    claimed = content.replace(b"M90", b"\x8a\x06" + (10**13).to_bytes(6, "little"))
    assert claimed != content
    path.write_bytes(claimed)
    refused(path, "is truncated or corrupt")


def test_a_bomb_of_a_record_is_refused(tmp_path):
    """A zip record that unpacks to more than its tensors have."""
    path = tmp_path / "weights.pth"
    torch.save({"x": torch.ones(3)}, path)
    with zipfile.ZipFile(path) as file:
        members = [(name, file.read(name)) for name in file.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, bytes(10**8) if name.endswith("data/0") else content)
    refused(path, "is truncated or corrupt")


# HDF5


def write_keras(path, **replaced):
    """OpenL3's variables, all zero, a layer each, as Keras 2 saves weights."""
    with h5py.File(path, "w") as file:
        names = [f"layer_{index}" for index in range(len(VARIABLES))]
        file.attrs["layer_names"] = [name.encode() for name in names]
        for name, (variable, shape) in zip(names, VARIABLES, strict=True):
            layer = file.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/{variable}:0".encode()]
            layer.create_dataset(f"{name}/{variable}:0", data=np.zeros(shape, np.float32))
        for key, value in replaced.items():
            file.attrs[key] = value
    return path


FIRST = "layer_0/layer_0/gamma:0"


def test_a_models_own_code_in_the_file_is_not_looked_at(tmp_path):
    """Keras makes lambda layers of byte code in `model_config`; weights are read without it."""
    code = marshal.dumps(compile("raise SystemExit('code of weights was run')", "x", "exec"))
    layer = {"class_name": "Lambda", "config": {"function": [code.hex(), None, None]}}
    config = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
    path = write_keras(tmp_path / "weights.h5", model_config=config)
    assert [array.shape for array in read_weights(path)] == [shape for _, shape in VARIABLES]


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("external link", "layer_0"),
        ("external link", FIRST),
        ("soft link", "layer_0"),
        ("soft link", FIRST),
        ("raw file", FIRST),
        ("virtual", FIRST),
    ],
)
def test_no_other_file_is_read(tmp_path, kind, place):
    path, other = tmp_path / "weights.h5", write_keras(tmp_path / "other.h5")
    (tmp_path / "secret").write_bytes(bytes(4))
    with h5py.File(write_keras(path), "a") as file:
        file.move(place, "moved")
        if kind == "external link":
            file[place] = h5py.ExternalLink(str(other), f"/{place}")
        elif kind == "soft link":
            file[place] = h5py.SoftLink("/moved")
        elif kind == "raw file":
            file.create_dataset(place, (1,), "<f4", external=[(str(tmp_path / "secret"), 0, 4)])
        else:
            layout = h5py.VirtualLayout((1,), "<f4")
            layout[...] = h5py.VirtualSource(str(other), FIRST, (1,))
            file.create_virtual_dataset(place, layout)
    refused(path, "is a link to|is kept in other files", read_weights)


def test_a_shape_that_is_only_claimed_is_refused(tmp_path, little_memory):
    path = write_keras(tmp_path / "weights.h5")
    with h5py.File(path, "a") as file:
        del file[FIRST]
        file.create_dataset(FIRST, (10**6, 10**6), "<f4", chunks=(1000, 1000))
    refused(path, "claims to be of shape", read_weights)
