"""HDF5 files that a stranger made to read other files, to fill the memory or never to end."""

import os

import h5py
import numpy as np
import pytest

from embedding_sensitivity.embeddings.imported import read_embeddings
from embedding_sensitivity.files.errors import InputError

TEXT = h5py.string_dtype("utf-8")
CLIPS = ["a", "b"]
SECRET = np.array([[1, 2], [3, 4]], "<f4")


def plain(path, group="irmas/m"):
    with h5py.File(path, "a") as file:
        made = file.require_group(group)
        made["features"] = SECRET
        made.create_dataset("keys", data=CLIPS, dtype=TEXT)
    return path


@pytest.fixture
def other(tmp_path):
    """A file that is somebody's own, in the right layout."""
    return plain(tmp_path / "other.h5")


@pytest.fixture
def path(tmp_path):
    """What the stranger sends: good but for what a test puts in the place of something."""
    return plain(tmp_path / "embeddings.h5")


def refused(path, message, model="m"):
    with pytest.raises(InputError, match=message) as caught:
        read_embeddings(path, model, CLIPS)
    assert str(caught.value).startswith(str(path)) and str(caught.value).isprintable()


def test_the_plain_file_is_read(path):
    np.testing.assert_array_equal(read_embeddings(path, "m", CLIPS)[0], SECRET)


@pytest.mark.parametrize("place", ["irmas", "irmas/m", "irmas/m/features", "irmas/m/keys"])
def test_external_links_are_not_followed(path, other, place):
    with h5py.File(path, "a") as file:
        del file[place]
        file[place] = h5py.ExternalLink(str(other), f"/{place}")
    refused(
        path, rf"/{place} is a link to '/{place}' in '.*other\.h5', expected the content itself"
    )


def test_external_links_to_what_never_answers_are_not_opened(path, tmp_path):
    """Opening a pipe that nobody writes to waits for ever: run by itself, with an end to it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with h5py.File(path, "a") as file:
        del file["irmas/m/features"]
        file["irmas/m/features"] = h5py.ExternalLink(str(pipe), "/x")
    child = os.fork()
    if child == 0:
        import signal

        signal.alarm(30)
        try:
            refused(path, "is a link to")
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("target", ["/irmas/m/features", "/irmas/m/loop", "/nowhere"])
def test_soft_links_are_not_followed_nor_loops_of_them(path, target):
    with h5py.File(path, "a") as file:
        file["irmas/m/loop"] = h5py.SoftLink("/irmas/m/features")
        file.move("irmas/m/features", "irmas/m/real")
        file["irmas/m/features"] = h5py.SoftLink(target)
    refused(path, rf"/irmas/m/features is a link to '{target}', expected")


def test_no_other_file_is_read_as_raw_data(path, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET.tobytes())
    with h5py.File(path, "a") as file:
        del file["irmas/m/features"]
        file["irmas/m"].create_dataset("features", (2, 2), "<f4", external=[(str(secret), 0, 16)])
        # It does read it: what the refusal is for.
        np.testing.assert_array_equal(file["irmas/m/features"][...], SECRET)
    refused(path, r"/irmas/m/features is kept in other files, expected the content itself")


def test_no_other_file_is_put_together_to_a_virtual_dataset(path, other):
    layout = h5py.VirtualLayout((2, 2), "<f4")
    layout[...] = h5py.VirtualSource(str(other), "irmas/m/features", (2, 2))
    with h5py.File(path, "a") as file:
        del file["irmas/m/features"]
        file["irmas/m"].create_virtual_dataset("features", layout)
        np.testing.assert_array_equal(file["irmas/m/features"][...], SECRET)
    refused(path, r"/irmas/m/features is kept in other files")


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (1000, 1000)}, {"chunks": (1000, 1000), "compression": "gzip"}]
)
@pytest.mark.parametrize("name", ["features", "keys"])
def test_a_shape_that_is_only_claimed_is_refused_before_memory_is_taken(path, name, options):
    """A terabyte in a few kilobytes: nothing of it is stored, and it would be read as zeros."""
    dtype, shape = ("<f4", (10**6, 10**6)) if name == "features" else ("S1000000", (10**6,))
    if len(shape) == 1 and options:
        options = {**options, "chunks": (100,)}
    with h5py.File(path, "a") as file:
        del file[f"irmas/m/{name}"]
        file["irmas/m"].create_dataset(name, shape, dtype, **options)
    assert path.stat().st_size < 10**6
    refused(path, rf"/irmas/m/{name} claims to be of shape .*e\+06 MB, and 0 MB are stored")


def test_a_dataset_of_which_a_part_is_missing_is_refused(path):
    with h5py.File(path, "a") as file:
        del file["irmas/m/features"]
        file["irmas/m"].create_dataset("features", (2, 2), "<f4", chunks=(1, 2))
        file["irmas/m/features"][0] = 1
    refused(path, r"/irmas/m/features claims to be of shape \(2, 2\)")


def test_a_bomb_of_packed_zeros_is_refused(path):
    with h5py.File(path, "a") as file:
        del file["irmas/m/features"]
        zeros = np.zeros((1, 4_000_000), "<f4")
        file["irmas/m"].create_dataset(
            "features", data=zeros, compression="gzip", chunks=(1, 10**6)
        )
    assert path.stat().st_size < 100_000
    refused(path, r"claims to be of shape \(1, 4000000\), 16 MB, and 0\.0\d+ MB are stored")


def test_packed_embeddings_are_none(path):
    random = np.random.default_rng(1)
    features = np.maximum(random.normal(size=(600, 512)) - 1, 0).astype("<f4")
    keys = [CLIPS[row % 2] for row in range(600)]
    with h5py.File(path, "a") as file:
        del file["irmas/m"]
        group = file.create_group("irmas/m")
        group.create_dataset("features", data=features, compression="gzip", shuffle=True)
        group.create_dataset("keys", data=keys, dtype=TEXT, compression="gzip")
    assert list(read_embeddings(path, "m", CLIPS)[1]) == [300, 300]


@pytest.mark.parametrize(
    "dtype",
    ["O", [("x", "<f4")], h5py.ref_dtype, h5py.vlen_dtype("<f4"), "V4", h5py.enum_dtype({"a": 1})],
    ids=["text", "compound", "reference", "ragged", "opaque", "enumeration"],
)
def test_features_of_another_kind_are_refused(path, dtype):
    with h5py.File(path, "a") as file:
        del file["irmas/m/features"]
        file["irmas/m"].create_dataset("features", (2, 2), TEXT if dtype == "O" else dtype)
    # Of some, nothing is stored: that is said first.
    refused(path, "/features (is of type|claims to be of shape)")


def test_keys_with_control_characters_make_no_second_line(path):
    with h5py.File(path, "a") as file:
        file["irmas/m/keys"][...] = ["x\n2026 ERROR forged\x1b[2J", "y"]
    refused(path, r"its keys are like 'x.{1,3}n2026 ERROR forged")
