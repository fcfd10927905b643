"""Names of an HDF5 file's groups, read without the library, against the library."""

import h5py
import pytest

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5_names import group_names

MODELS = ["clap", "openl3", "panns"]


def write(path, names, **options):
    with h5py.File(path, "w", **options) as file:
        for name in names:
            group = file.create_group(f"irmas/{name}")
            group.create_dataset("features", data=[[1.0]])
            group.attrs["note"] = "x" * 300
        file["irmas"].attrs["note"] = "y" * 3000
    return path


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
@pytest.mark.parametrize("track_order", [False, True])
def test_every_layout_that_a_header_holds(tmp_path, libver, track_order):
    path = write(tmp_path / "a.h5", MODELS, libver=libver, track_order=track_order)
    assert group_names(path, "irmas") == MODELS
    assert group_names(path, "irmas/panns") == ["features"]


def test_a_tree_of_several_levels(tmp_path):
    names = sorted(f"model{number}" for number in range(1000))
    assert group_names(write(tmp_path / "a.h5", names), "irmas") == names


def test_a_file_that_grew(tmp_path):
    path = write(tmp_path / "a.h5", ["openl3"])
    for name in ("panns", "clap"):
        with h5py.File(path, "a") as file:
            file[f"irmas/{name}/keys"] = [1]
    assert group_names(path, "irmas") == MODELS


def test_names_are_text(tmp_path):
    assert group_names(write(tmp_path / "a.h5", ["modèle"]), "irmas") == ["modèle"]


def test_links_that_lead_elsewhere_have_names_too(tmp_path):
    for libver in ("earliest", "latest"):
        path = tmp_path / f"{libver}.h5"
        with h5py.File(path, "w", libver=libver) as file:
            file["irmas/one/features"] = [1]
            file["irmas/two"] = h5py.SoftLink("/irmas/one")
        assert group_names(path, "irmas") == ["one", "two"]


def test_more_links_than_a_header_holds_are_to_be_named(tmp_path):
    path = write(tmp_path / "a.h5", [f"model{number}" for number in range(20)], libver="latest")
    with pytest.raises(InputError, match=r"a\.h5: the models in it can't be listed .* `models`"):
        group_names(path, "irmas")


def test_no_hdf5_file(tmp_path):
    path = tmp_path / "a.h5"
    for content in (b"", b"\x80\x04K\x01.", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.h5: not an HDF5 file"):
            group_names(path, "irmas")
    with pytest.raises(InputError, match=r"b\.h5: cannot be read \(No such file"):
        group_names(tmp_path / "b.h5", "irmas")


def test_another_group(tmp_path):
    with pytest.raises(InputError, match=r"a\.h5: no group nsynth, found irmas: expected"):
        group_names(write(tmp_path / "a.h5", MODELS), "nsynth")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_whatever_is_damaged_or_cut_short_ends_in_one_line(tmp_path, libver):
    """Cut at every length, and with every byte of the headers changed: an answer or a refusal."""
    whole = write(tmp_path / "a.h5", MODELS, libver=libver).read_bytes()
    damaged = tmp_path / "b.h5"
    refused = 0
    for number in range(0, min(len(whole), 3000), 7):
        for content in (whole[:number], whole[:number] + b"\xff" + whole[number + 1 :]):
            damaged.write_bytes(content)
            try:
                group_names(damaged, "irmas")
            except InputError as error:
                refused += 1
                assert str(damaged) in str(error)
    assert refused > 100
