"""Embedding stores: what goes in comes out, and what doesn't belong is refused."""

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from embedding_sensitivity.embeddings.store import (
    assemble_effect,
    assemble_model,
    export_store,
    read_header,
    read_rows,
    read_store,
    write_store,
)
from embedding_sensitivity.files import hdf5
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.hdf5 import write_hdf5

CLIPS = ["[cel]a", "é", "x", "y"]
LEVELS = ["-40.0", "-38.5", "0.5"]
ATTRIBUTES = {
    "model": "logmel",
    "backend": "numpy",
    "weights_sha256": "",
    "protocol": {"audio": "pcm16", "reverb": "carried"},
    "effect": "gain",
    "unit": "dB",
    "data_sha256": "d",
    "config_sha256": "c",
}


def embeddings(n_levels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_levels, 4, 5)).astype(np.float32)


def test_round_trip(tmp_path):
    path = tmp_path / "gain.h5"
    write_store(path, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    store = read_store(path, {"protocol": {"reverb": "carried", "audio": "pcm16"}})
    assert store.embeddings.dtype == np.float32
    np.testing.assert_array_equal(store.embeddings, embeddings())
    assert (store.levels, store.clips) == (LEVELS, CLIPS)
    assert store.attributes["schema_version"] == "3"
    assert store.attributes["unit"] == "dB"
    assert read_header(path).clips == CLIPS
    write_store(path, embeddings()[0], CLIPS, None, ATTRIBUTES)
    assert read_store(path).levels is None
    assert read_store(path).embeddings.shape == (4, 5)


def test_same_arguments_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_store(tmp_path / name, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_store(tmp_path / "b", embeddings() + 1, CLIPS, LEVELS, ATTRIBUTES)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_a_models_store_has_no_times_in_it(tmp_path):
    """A second between two runs would show in its bytes."""
    write_store(tmp_path / "original.h5", embeddings()[0], CLIPS, None, ATTRIBUTES)
    write_store(tmp_path / "gain.h5", embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    effects = {"gain": tmp_path / "gain.h5"}
    assemble_model(tmp_path / "m.h5", tmp_path / "original.h5", effects)
    timed = []
    with h5py.File(tmp_path / "m.h5") as file:
        file.visititems(
            lambda name, item: (
                timed.append((name, item.id.get_create_plist()))
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
        assert {name for name, _ in timed} > {"gain/embeddings", "original/embeddings"}
        assert not [name for name, created in timed if created.get_obj_track_times()]


def test_rows_come_in_the_wanted_order(tmp_path):
    path = tmp_path / "gain.h5"
    write_store(path, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    np.testing.assert_array_equal(read_rows(path, ["y", "é"]), embeddings()[:, [3, 1]])
    assert read_rows(path, []).shape == (3, 0, 5)
    write_store(path, embeddings()[0], CLIPS, None, ATTRIBUTES)
    np.testing.assert_array_equal(read_rows(path, ["y", "é"]), embeddings()[0][[3, 1]])
    with pytest.raises(InputError, match=r"gain\.h5.* z"):
        read_rows(path, ["x", "z"])


def test_a_file_is_checked_once_and_again_when_it_changes(tmp_path, monkeypatch):
    """A label at a time is read of a store of gigabytes."""
    path = tmp_path / "gain.h5"
    write_store(path, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    calls = []
    crc32 = hdf5._crc32
    monkeypatch.setattr(hdf5, "_crc32", lambda file: calls.append(file) or crc32(file))
    for _ in range(3):
        read_rows(path, ["x"])
        read_header(path)
    assert len(calls) == 1
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))
    with pytest.raises(InputError, match=r"gain\.h5.*checksum"):
        read_rows(path, ["x"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_embedding_that_is_not_finite_is_refused(tmp_path, bad):
    values = embeddings()
    values[1, 2, 0] = bad
    with pytest.raises(InputError, match=r"clip x at level -38\.5 is not finite"):
        write_store(tmp_path / "gain.h5", values, CLIPS, LEVELS, ATTRIBUTES)
    assert list(tmp_path.iterdir()) == []


def test_shapes_that_do_not_fit_are_a_fault_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="shape"):
        write_store(tmp_path / "s", embeddings(), CLIPS[:3], LEVELS, ATTRIBUTES)
    with pytest.raises(ValueError, match="twice"):
        write_store(tmp_path / "s", embeddings(), ["x"] * 4, LEVELS, ATTRIBUTES)


@pytest.mark.parametrize("read", [read_store, read_header, lambda p, e: read_rows(p, CLIPS, e)])
def test_a_store_of_other_settings_is_refused(tmp_path, read):
    path = tmp_path / "gain.h5"
    write_store(path, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    with pytest.raises(InputError) as error:
        read(path, {"backend": "fast"})
    for word in (str(path), "backend", "numpy", "fast", "delete"):
        assert word in str(error.value)


def test_missing_truncated_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "gain.h5"
    with pytest.raises(InputError, match=r"gain\.h5.*delete"):
        read_store(path)
    write_store(path, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"gain\.h5.*delete"):
        read_store(path)
    path.write_text("<html>not found</html>")
    with pytest.raises(InputError, match=r"gain\.h5.*delete"):
        read_store(path)
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(InputError, match=r"gain\.h5.*no checksum.*delete"):
        read_store(path)
    for version, expected in (("2", "schema_version is 2, expected 3"), ("3", "not a readable")):
        with write_hdf5(path) as file:
            file.attrs["schema_version"] = version
        with pytest.raises(InputError, match=rf"gain\.h5.*{expected}.*delete"):
            read_store(path)


def write_parts(tmp_path) -> list:
    first, second = tmp_path / "0.h5", tmp_path / "1.h5"
    write_store(first, embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    other = {**ATTRIBUTES, "config_sha256": "later"}
    write_store(second, embeddings(1, seed=9), CLIPS, ["-39.0"], other)
    return [first, second]


def test_an_effect_is_assembled_in_the_wanted_order_from_the_wanted_levels(tmp_path):
    path = tmp_path / "gain.h5"
    wanted = ["-40.0", "-39.0", "0.5"]
    assemble_effect(path, write_parts(tmp_path), wanted, {"config_sha256": "now"})
    store = read_store(path, {**ATTRIBUTES, "config_sha256": "now"})
    assert (store.levels, store.clips) == (wanted, CLIPS)
    expected = [embeddings()[0], embeddings(1, seed=9)[0], embeddings()[2]]
    np.testing.assert_array_equal(store.embeddings, expected)


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    path, parts = tmp_path / "gain.h5", write_parts(tmp_path)
    with pytest.raises(InputError, match=r"no part has level 5\.0"):
        assemble_effect(path, parts, ["5.0"])
    with pytest.raises(InputError, match=r"0\.h5: attribute backend is numpy, expected fast"):
        assemble_effect(path, parts, LEVELS, {"backend": "fast"})
    write_store(parts[1], embeddings(1), CLIPS, ["-39.0"], {**ATTRIBUTES, "weights_sha256": "w"})
    with pytest.raises(InputError, match=r"1\.h5: attribute weights_sha256 is w"):
        assemble_effect(path, parts, LEVELS)
    write_store(parts[1], embeddings(1), CLIPS[::-1], ["-39.0"], ATTRIBUTES)
    with pytest.raises(InputError, match=r"1\.h5: its clips"):
        assemble_effect(path, parts, LEVELS)
    assert not path.exists()


def test_stores_of_different_models_are_not_gathered(tmp_path):
    write_store(tmp_path / "original.h5", embeddings()[0], CLIPS, None, ATTRIBUTES)
    other = {**ATTRIBUTES, "weights_sha256": "w"}
    write_store(tmp_path / "gain.h5", embeddings(), CLIPS, LEVELS, other)
    with pytest.raises(InputError, match=r"gain\.h5: attribute weights_sha256 is w"):
        assemble_model(tmp_path / "m.h5", tmp_path / "original.h5", {"gain": tmp_path / "gain.h5"})
    assert not (tmp_path / "m.h5").exists()


def test_the_model_store_moves_as_a_folder_and_exports_whole(tmp_path, monkeypatch):
    folder = tmp_path / "embeddings"
    write_store(folder / "logmel/original.h5", embeddings()[0], CLIPS, None, ATTRIBUTES)
    write_store(folder / "logmel/gain.h5", embeddings(), CLIPS, LEVELS, ATTRIBUTES)
    monkeypatch.chdir(tmp_path)
    assemble_model(
        "embeddings/logmel.h5",
        "embeddings/logmel/original.h5",
        {"gain": "embeddings/logmel/gain.h5"},
    )
    made = Path("embeddings/logmel.h5").read_bytes()
    time.sleep(1.1)  # HDF5 can keep the second in which a dataset was made
    assemble_model(
        "embeddings/logmel.h5",
        "embeddings/logmel/original.h5",
        {"gain": "embeddings/logmel/gain.h5"},
    )
    assert Path("embeddings/logmel.h5").read_bytes() == made
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "moved"
    os.rename(folder, moved)

    def check(path) -> None:
        with h5py.File(path, "r") as file:
            assert sorted(file) == ["gain", "original"]
            np.testing.assert_array_equal(file["gain/embeddings"][...], embeddings())
            np.testing.assert_array_equal(file["original/embeddings"][...], embeddings()[0])
            assert list(file["gain/levels"].asstr()) == LEVELS
            assert list(file["original/clips"].asstr()) == CLIPS
            assert file["gain"].attrs["unit"] == "dB"

    check(moved / "logmel.h5")
    export_store(moved / "logmel.h5", tmp_path / "alone.h5")
    # HDF5 gives zeros where a virtual dataset's source is damaged or gone.
    with open(moved / "logmel/gain.h5", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    with pytest.raises(InputError, match=r"gain\.h5.*checksum.*delete"):
        export_store(moved / "logmel.h5", tmp_path / "again.h5")
    os.rename(moved / "logmel/gain.h5", moved / "gain.h5")
    check(tmp_path / "alone.h5")
    with pytest.raises(InputError, match=r"logmel/gain\.h5.* missing"):
        export_store(moved / "logmel.h5", tmp_path / "again.h5")
    assert not (tmp_path / "again.h5").exists()
