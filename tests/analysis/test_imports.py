"""Embeddings made elsewhere: what is read from the authors' files, and all that is refused."""

import csv
import pickle

import h5py
import numpy as np
import pytest

import import_effect
import import_original
import index_embeddings
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.embeddings.imported import make_attributes, read_embeddings, read_levels
from embedding_sensitivity.embeddings.store import read_store
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

CLIPS = ["b", "a", "c"]
MODEL = "openl3"


def rows(seed, n_frames=2, d=3):
    """Features and keys of `n_frames` rows of each clip, the clips' rows not side by side."""
    random = np.random.default_rng(seed)
    keys = [clip for _ in range(n_frames) for clip in ("a", "b", "c", "unused")]
    return random.normal(size=(len(keys), d)).astype(np.float32), keys


def write(path, features, keys, model=MODEL, dtype=None, **options):
    with h5py.File(path, "a") as file:
        group = file.require_group(f"irmas/{model}")
        group.create_dataset("features", data=features, **options)
        group.create_dataset("keys", data=keys, dtype=dtype or h5py.string_dtype("utf-8"))
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "embeddings_gain_-40.0.h5", *rows(1), compression="gzip")


def refused(message, call, *arguments):
    with pytest.raises(InputError, match=message) as caught:
        call(*arguments)
    return str(caught.value)


def test_rows_are_joined_on_keys_and_frames_averaged_in_float32(file):
    features, keys = rows(1)
    found, frames = read_embeddings(file, MODEL, CLIPS)
    assert found.dtype == np.float32 and list(frames) == [2, 2, 2]
    for embedding, clip in zip(found, CLIPS, strict=True):
        own = features[[key == clip for key in keys]]
        assert len(own) == 2
        np.testing.assert_array_equal(embedding, own.mean(axis=0))


def test_float32_is_where_frames_are_averaged(tmp_path):
    """In float64 the small frame would count."""
    features = np.array([[2.0**25], [1.0], [0.0], [0.0]], np.float32)
    path = write(tmp_path / "a.h5", features, ["a"] * 4)
    assert read_embeddings(path, MODEL, ["a"])[0][0, 0] == 2.0**25 / 4


def test_one_row_a_clip_is_taken_as_it_is(tmp_path):
    features, keys = rows(1, n_frames=1)
    found, _ = read_embeddings(write(tmp_path / "a.h5", features, keys), MODEL, ["c"])
    np.testing.assert_array_equal(found[0], features[keys.index("c")])


@pytest.mark.parametrize("dtype", [h5py.string_dtype("utf-8"), h5py.string_dtype("utf-8", 12)])
def test_keys_are_utf8_of_any_length(tmp_path, dtype):
    keys = ["flûte".encode()]
    path = write(tmp_path / "a.h5", np.ones((1, 2), np.float32), keys, dtype=dtype)
    assert read_embeddings(path, MODEL, ["flûte"])[0].tolist() == [[1, 1]]


def test_features_of_the_other_byte_order(tmp_path):
    path = write(tmp_path / "a.h5", np.array([[1.5, 2]], ">f4"), ["a"])
    found, _ = read_embeddings(path, MODEL, ["a"])
    assert found.tolist() == [[1.5, 2]] and found.dtype == np.float32


def test_a_clip_absent(file):
    message = r"gain_-40\.0\.h5: no openl3 embedding of x, y \(2 of 3 .*keys are like 'a'"
    refused(message, read_embeddings, file, MODEL, ["a", "x", "y"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite(tmp_path, value):
    features, keys = rows(1)
    features[keys.index("c"), 1] = value
    path = write(tmp_path / "a.h5", features, keys)
    refused(
        r"a\.h5: the openl3 embedding of clip c is not fin", read_embeddings, path, MODEL, CLIPS
    )


def test_a_value_that_is_not_finite_in_an_unused_clip_stops_nothing(tmp_path):
    features, keys = rows(1)
    features[keys.index("unused")] = np.nan
    read_embeddings(write(tmp_path / "a.h5", features, keys), MODEL, CLIPS)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32])
def test_another_type_of_features(tmp_path, dtype):
    path = write(tmp_path / "a.h5", np.ones((1, 2), dtype), ["a"])
    message = rf"a\.h5: irmas/openl3/features is of type {np.dtype(dtype)}, expected float32"
    refused(message, read_embeddings, path, MODEL, ["a"])


def test_keys_that_are_no_text(tmp_path):
    path = write(tmp_path / "a.h5", np.ones((1, 2), np.float32), [7], dtype=np.int64)
    refused(r"a\.h5: .*keys is of type int64, expected text", read_embeddings, path, MODEL, ["a"])


def test_keys_that_are_not_utf8(tmp_path):
    path = write(tmp_path / "a.h5", np.ones((1, 2), np.float32), [b"\xff\xfe"])
    refused(r"a\.h5: not a readable .*utf-8", read_embeddings, path, MODEL, ["a"])


@pytest.mark.parametrize("shape", [(4,), (3, 2), (4, 2, 2), (4, 0)])
def test_shapes_that_do_not_fit(tmp_path, shape):
    path = write(tmp_path / "a.h5", np.ones(shape, np.float32), ["a", "b", "c", "d"])
    refused(r"a\.h5: .*features of shape .*, expected", read_embeddings, path, MODEL, ["a"])


def test_a_model_or_dataset_that_is_missing(file, tmp_path):
    message = r"no group irmas/clap \(models in it: openl3\): add .* `models`"
    refused(message, read_embeddings, file, "clap", CLIPS)
    with h5py.File(file, "a") as opened:
        del opened["irmas/openl3/keys"]
    refused(r"no dataset irmas/openl3/keys", read_embeddings, file, MODEL, CLIPS)
    with h5py.File(tmp_path / "other.h5", "w") as opened:
        opened["nsynth/x"] = 1
    refused(r"models in it: none", read_embeddings, tmp_path / "other.h5", MODEL, CLIPS)


def test_no_hdf5_file_is_never_unpickled(tmp_path):
    path = tmp_path / "embeddings.h5"
    for content in (b"", b"text", pickle.dumps({"irmas": {}})):
        path.write_bytes(content)
        refused(r"embeddings\.h5: not a readable HDF5", read_embeddings, path, MODEL, CLIPS)
    refused("b.h5: not a readable", read_embeddings, tmp_path / "b.h5", MODEL, CLIPS)


def test_a_file_cut_short_or_damaged(file, tmp_path):
    whole = file.read_bytes()
    with h5py.File(file) as opened:
        at = opened["irmas/openl3/features"].id.get_chunk_info(0).byte_offset
    for content in (whole[: len(whole) // 2], whole[:at] + b"\0\0\0" + whole[at + 3 :]):
        path = tmp_path / "b.h5"
        path.write_bytes(content)
        refused(r"b\.h5: not a readable HDF5 file", read_embeddings, path, MODEL, CLIPS)


@pytest.fixture
def level(tmp_path):
    """Write one level's file; return the arguments of `read_levels`."""
    originals = write(tmp_path / "embeddings.h5", *rows(1))

    def of(features, keys):
        files = [write(tmp_path / f"embeddings_gain_{n}.0.h5", *rows(n)) for n in (1, 2)]
        files.append(write(tmp_path / "embeddings_gain_5.0.h5", features, keys))
        return originals, files, MODEL, CLIPS

    return of


def test_levels_are_in_the_order_asked_for(level):
    originals, embeddings = read_levels(*level(*rows(3)))
    assert embeddings.shape == (3, 3, 3) and embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings[0], originals)
    features, keys = rows(3)
    a = features[[key == "a" for key in keys]].mean(axis=0)
    np.testing.assert_array_equal(embeddings[2, CLIPS.index("a")], a)


def test_another_dimension(level):
    message = r"gain_5\.0\.h5: openl3 has 4 dimensions, 3 in .*embeddings\.h5"
    refused(message, read_levels, *level(*rows(3, d=4)))


def test_another_number_of_frames(level):
    features, keys = rows(3)
    more = r"gain_5\.0\.h5: clip a has 3 openl3 frames, 2 in .*embeddings\.h5"
    refused(more, read_levels, *level(np.append(features, features[:1], axis=0), [*keys, "a"]))


def test_a_frame_that_is_lacking(level):
    features, keys = rows(3)
    fewer = r"gain_5\.0\.h5: clip b has 1 openl3 frames, 2 in"
    last = len(keys) - 3
    assert keys.pop(last) == "b"
    refused(fewer, read_levels, *level(np.delete(features, last, axis=0), keys))


def test_clips_of_different_lengths_are_fine_where_every_level_agrees(tmp_path):
    features, keys = rows(1)
    features, keys = features[:-1], [*keys[:-2], "a"]
    files = [write(tmp_path / f"{name}.h5", features, keys) for name in ("x", "y", "z")]
    _, embeddings = read_levels(files[0], files[1:], MODEL, ["a", "b", "c"])
    assert read_embeddings(files[0], MODEL, ["a", "c"])[1].tolist() == [3, 1]
    np.testing.assert_array_equal(embeddings[0], embeddings[1])


def test_attributes_change_with_clips_and_embeddings(file):
    found = make_attributes(MODEL, CLIPS, np.ones((3, 2), np.float32), [file], "gain", "dB")
    assert (found["backend"], found["effect"], found["unit"]) == ("imported", "gain", "dB")
    assert list(found["files_sha256"]) == [file.name]
    other = make_attributes(MODEL, CLIPS, np.zeros((3, 2), np.float32), [file])
    renamed = make_attributes(MODEL, CLIPS[::-1], np.ones((3, 2), np.float32), [file])
    assert len({entry["data_sha256"] for entry in (found, other, renamed)}) == 3
    assert make_attributes("x-untrained", CLIPS, np.ones((3, 2)), [])["control"] == "untrained"


def run(script, tmp_path, inputs, output, params=None, **wildcards):
    script.main(
        mock_snakemake(script.__name__, wildcards, input=inputs, output=output, params=params or {})
    )


def test_the_scripts_write_the_index_and_stores_that_fit_each_other(tmp_path, capsys):
    split, index = tmp_path / "split.csv", tmp_path / "clips.csv"
    table = [
        ("instrument", "genre", "file_name", "split", "group"),
        ("tuba", "", "c", "train", ""),
        ("oboe", "jazz", "b", "test", "one"),
        ("oboe", "", "a", "train", "one"),
        ("horn", "", "unused", "train", "two"),
    ]
    with open(split, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)
    report = tmp_path / "report.csv"
    output = {"clips": index, "report": report, "recordings": tmp_path / "recordings.csv"}
    run(index_embeddings, tmp_path, {"split": split}, output, {"labels": ["oboe", "tuba"]})
    clips = read_clips(index)
    assert [(c.clip, c.label, c.genre, c.group, c.split, c.split_row) for c in clips] == [
        ("a", "oboe", "", "one", "train", 2),
        ("b", "oboe", "jazz", "one", "test", 1),
        ("c", "tuba", "", "c", "train", 0),
    ]
    said = capsys.readouterr().err
    assert "recordings with clips in both training and test: oboe 1 (clips_report.csv" in said
    lines = report.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[::2] for line in lines[1:]] == [["a", "leak"], ["b", "leak"]]

    originals = write(tmp_path / "embeddings.h5", *rows(1))
    files = [write(tmp_path / f"embeddings_gain_{n}.0.h5", *rows(n)) for n in (2, 3)]
    stores = tmp_path / "original.h5", tmp_path / "gain.h5"
    inputs = {"originals": [originals], "clips": index}
    run(import_original, tmp_path, inputs, [stores[0]], {"is_array": False}, model=MODEL)
    params = {"levels": ["2.0", "3.0"], "unit": "dB", "is_array": False}
    inputs["files"] = files
    run(import_effect, tmp_path, inputs, [stores[1]], params, model=MODEL, effect="gain")
    original, gain = (read_store(store) for store in stores)
    assert original.clips == gain.clips == [clip.clip for clip in in_split(clips)]
    assert original.levels is None and gain.levels == ["2.0", "3.0"]
    assert original.attributes["data_sha256"] == gain.attributes["data_sha256"]
    expected, _ = read_embeddings(files[1], MODEL, gain.clips)
    np.testing.assert_array_equal(gain.embeddings[1], expected)
