"""Embeddings made elsewhere as one array: what is read of NPZ and HDF5, and all that is refused."""

import pickle

import h5py
import numpy as np
import pytest

import import_effect
import import_original
from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.embeddings.arrays import (
    has_originals,
    read_array,
    read_array_and_originals,
    read_originals,
)
from embedding_sensitivity.embeddings.store import read_store
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

LEVELS = ["-5", "0", "10"]
IDS = ["a", "b", "flûte", "unused"]
CLIPS = ["flûte", "a", "b"]
ENDINGS = (".npz", ".h5")


def make_arrays(**changed) -> dict:
    """Three levels of four clips in two dimensions, and what `changed` puts in their place."""
    random = np.random.default_rng(3)
    arrays = {
        "embeddings": random.normal(size=(3, 4, 2)),
        "originals": random.normal(size=(4, 2)),
        "clips": IDS,
        "levels": [-5.0, 0.0, 10.0],
    }
    return {name: value for name, value in {**arrays, **changed}.items() if value is not None}


def write(path, **changed):
    arrays = make_arrays(**changed)
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return path
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


@pytest.fixture(params=ENDINGS)
def file(request, tmp_path):
    """A path of either kind."""
    return tmp_path / f"snr{request.param}"


def refused(message, call, *arguments):
    with pytest.raises(InputError, match=message) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, ">f4"])
def test_rows_are_those_of_the_clips_in_float32(file, dtype):
    arrays = make_arrays()
    embeddings = (10 * arrays["embeddings"]).astype(dtype)
    write(file, embeddings=embeddings)
    found = read_array(file, LEVELS, CLIPS)
    assert found.dtype == np.float32 and found.shape == (3, 3, 2)
    np.testing.assert_array_equal(found, embeddings[:, [2, 0, 1]].astype(np.float32))
    originals, again = read_array_and_originals(file, file, LEVELS, CLIPS)
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(originals, np.float32(arrays["originals"])[[2, 0, 1]])
    assert read_array_and_originals(None, file, LEVELS, CLIPS)[0] is None
    assert has_originals(file)


@pytest.mark.parametrize("levels", [None, [-5, 0, 10], ["-5.0", "0", "1e1"]])
def test_levels_are_optional_and_compared_as_numbers(file, levels):
    write(file, levels=levels)
    assert len(read_array(file, LEVELS, CLIPS)) == 3


def test_originals_are_optional(file):
    write(file, originals=None)
    assert not has_originals(file)
    assert read_array(file, LEVELS, CLIPS).shape == (3, 3, 2)
    refused(r"snr\.\w+: no array originals \(arrays in it: ", read_originals, file, CLIPS)


def test_the_stores_of_a_run_are_such_files(tmp_path):
    """So that one run's embeddings can be another's."""
    from embedding_sensitivity.embeddings.store import write_store

    embeddings = make_arrays()["embeddings"].astype(np.float32)
    write_store(tmp_path / "gain.h5", embeddings, IDS, LEVELS)
    found = read_array(tmp_path / "gain.h5", LEVELS, IDS)
    np.testing.assert_array_equal(found, embeddings)


NAN = make_arrays()["embeddings"]
NAN[1, 2, 0] = np.nan
LARGE = make_arrays()["embeddings"]
LARGE[0, 0] = 1e300
REFUSED = [
    ({"embeddings": None}, r"no array embeddings \(arrays in it: .*\): add it, of shape \(levels,"),
    ({"clips": None}, r"no array clips \(arrays in it: .*\): add it, of shape \(clips,\)"),
    ({"embeddings": np.ones((3, 4))}, r"embeddings is of shape \(3, 4\), expected \(levels, clip"),
    ({"embeddings": np.ones((3, 4, 0))}, r"embeddings is of shape \(3, 4, 0\), expected"),
    ({"embeddings": np.ones((4, 3, 2))}, r"clips has 4 ids for 3 clips"),
    ({"embeddings": np.ones((2, 4, 2))}, r"of 2 levels, and the config has 3: give a level"),
    ({"levels": [-5.0, 0.0, 12.0]}, r"levels are -5\.0, 0\.0, 12\.0, the config has -5, 0, 10"),
    ({"levels": ["a", "b", "c"]}, r"its levels are a, b, c, the config has"),
    ({"levels": [[1.0], [2.0]]}, r"levels is of shape \(2, 1\), expected \(levels,\)"),
    ({"embeddings": NAN}, r"embeddings of clip flûte at level 0 is not finite \(1 such rows\)"),
    ({"embeddings": LARGE}, r"embeddings of clip a at level -5 is not finite"),
    ({"embeddings": np.ones((3, 4, 2), complex)}, r"embeddings is of type complex128, expected re"),
    ({"embeddings": np.full((3, 4, 2), b"x")}, r"embeddings is of type \|S1, expected real"),
    ({"embeddings": np.ones((3, 4, 2), bool)}, r"embeddings is of type bool, expected real"),
    ({"clips": ["a", "b", "flûte", "a"]}, r"clips has 'a' twice \(1 such ids\): keep one"),
    ({"clips": ["a", "b", "c", "d"]}, r"no embedding of flûte \(1 of 3 clips missing, .*like 'a'"),
    ({"clips": [1, 2, 3, 4]}, r"clips is of type int64, expected text"),
    ({"clips": IDS[:3]}, r"clips has 3 ids for 4 clips: give one for each"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_arrays_that_do_not_fit_are_refused_in_one_line(file, changed, message):
    write(file, **changed)
    refused(rf"snr{file.suffix}: .*{message}", read_array, file, LEVELS, CLIPS)


def test_originals_that_do_not_fit(file):
    write(file, originals=np.ones((4, 2, 1)))
    refused(
        r"originals is of shape \(4, 2, 1\), expected \(clips, d\)", read_originals, file, CLIPS
    )
    write(file, originals=np.full((4, 2), np.inf))
    refused(r"originals of clip flûte is not finite \(3 such", read_originals, file, CLIPS)
    write(file, originals=np.ones((4, 5)))
    message = r"embeddings has 2 dimensions, originals has 5 in .*snr"
    refused(message, read_array_and_originals, file, file, LEVELS, CLIPS)


def test_what_is_no_such_file(file, tmp_path):
    kind = {".npz": "NPZ", ".h5": "HDF5"}[file.suffix]
    whole = write(file).read_bytes()
    for content in (b"", b"text", pickle.dumps([1]), whole[: len(whole) // 2]):
        file.write_bytes(content)
        refused(rf"snr\.\w+: not a readable {kind} file \(", read_array, file, LEVELS, CLIPS)
    missing = tmp_path / f"b{file.suffix}"
    refused(rf"not a readable {kind} file", read_array, missing, LEVELS, CLIPS)


class Bomb:
    """What unpickling would run."""

    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "snr.npz"
    np.savez(path, **make_arrays(clips=np.array([Bomb(), 1, 2, 3], dtype=object)))
    message = r"snr\.npz: not a readable NPZ file \(holds objects, expected numbers and text\)"
    refused(message, read_array, path, LEVELS, CLIPS)


def test_a_single_array_and_a_link(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    refused(
        r"a\.npz: is a single array, expected NPZ", read_array, tmp_path / "a.npz", LEVELS, CLIPS
    )
    path = write(tmp_path / "a.h5", embeddings=None)
    with h5py.File(path, "a") as file:
        file["embeddings"] = h5py.ExternalLink("other.h5", "embeddings")
    refused(r"a\.h5: /embeddings is a link to", read_array, path, LEVELS, CLIPS)
    with h5py.File(path, "a") as file:
        del file["embeddings"]
        file.create_group("embeddings")
    refused(r"a\.h5: embeddings is a group, expected an", read_array, path, LEVELS, CLIPS)


def make_clip(name: str) -> Clip:
    return Clip(name, "", "x", "", name, "train", 0.0, 0, 0, "", 0, 0, "")


@pytest.mark.parametrize("with_originals", [True, False])
def test_the_scripts_write_stores(file, tmp_path, capsys, with_originals):
    index = tmp_path / "clips.csv"
    write_clips(index, map(make_clip, CLIPS))
    write(file)
    stores = tmp_path / "original.h5", tmp_path / "snr.store.h5"
    originals = [file] if with_originals else []
    given = {"files": [file], "originals": originals, "clips": index}
    params = {"levels": LEVELS, "unit": "dB", "is_array": True}
    wildcards = {"model": "mine", "effect": "snr"}
    import_effect.main(
        mock_snakemake("import_effect", wildcards, input=given, output=[stores[1]], params=params)
    )
    said = "has the array originals, which is not used: name the file in embeddings.originals"
    assert (said in capsys.readouterr().err) != with_originals
    snr = read_store(stores[1])
    assert snr.clips == sorted(CLIPS) and snr.levels == LEVELS and snr.attributes["unit"] == "dB"
    np.testing.assert_array_equal(snr.embeddings, read_array(file, LEVELS, sorted(CLIPS)))
    if with_originals:
        import_original.main(
            mock_snakemake(
                "import_original", {"model": "mine"}, input=given, output=[stores[0]], params=params
            )
        )
        original = read_store(stores[0])
        assert original.attributes["data_sha256"] == snr.attributes["data_sha256"]
        np.testing.assert_array_equal(original.embeddings, read_originals(file, sorted(CLIPS)))
