"""MusiCNN's backend `numpy` where it runs, without TensorFlow: its input, its weights, batches."""

import builtins
import io
import pickle
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.musicnn import model as ours
from embedding_sensitivity.models.shared.checkpoint import read_checkpoint
from support import chord, relative

CHECKPOINT = Path(find_spec("musicnn").submodule_search_locations[0]) / "MTT_musicnn"
LAYERS = ["mean_pool", "penultimate"]


@pytest.fixture(scope="module")
def models():
    return {layer: choose("musicnn", {"layer": layer}).load() for layer in LAYERS}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_batch_embeds_as_single_clips_do(models, layer):
    model = models[layer]
    prepared = [model.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate([3, 6.5, 1, 3])]
    batch = model.embed(prepared)[layer]
    single = np.concatenate([model.embed([clip])[layer] for clip in prepared])
    assert relative(batch, single) <= 1e-6
    assert relative(batch[0], batch[3]) > 1e-2


def test_short_mono_and_other_rates(models):
    model = models["mean_pool"]
    short = chord(1.0)
    padded = np.pad(short, ((0, 2 * 44100), (0, 0)))
    assert relative(model.prepare(short, 44100), model.prepare(padded, 44100)) < 1e-3
    assert model.prepare(chord(2.976 - 1 / 16000, 16000), 16000).shape == (1, 187, 96)
    assert model.prepare(np.zeros((0, 1), np.float32), 16000).shape == (1, 187, 96)
    mono = chord(3)[:, :1]
    both = np.repeat(mono, 2, axis=1)
    np.testing.assert_array_equal(model.prepare(mono, 44100), model.prepare(both, 44100))
    for samplerate in (8000, 16000, 22050, 48000):
        assert model.prepare(chord(3, samplerate), samplerate).shape == (1, 187, 96)


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_a_damaged_checkpoint_is_refused(tmp_path, suffix):
    for name in (".index", ".data-00000-of-00001"):
        content = (CHECKPOINT / name).read_bytes()
        cut = len(content) // 2 if name == suffix else len(content)
        (tmp_path / name).write_bytes(content[:cut])
    with pytest.raises(InputError, match="not a readable TensorFlow checkpoint"):
        read_checkpoint(f"{tmp_path}/")


def test_other_weights_than_the_packages_are_refused(monkeypatch):
    monkeypatch.setattr(ours, "PRETRAINED_SHA256", "0" * 64)
    with pytest.raises(InputError, match="sha256"):
        choose("musicnn").load()


def test_untrained_weights_follow_the_seed_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "N_PINK_CLIPS", 2)
    options = {"seed": 7}
    path = tmp_path / "weights.npz"
    choose("musicnn-untrained", options).write_initial(path)
    content = path.read_bytes()
    choose("musicnn-untrained", options).write_initial(path)
    assert path.read_bytes() == content
    hashes = [
        choose("musicnn-untrained", options).load(path).weights_sha256,
        choose("musicnn-untrained", options).load().weights_sha256,
        choose("musicnn-untrained", {"seed": 8}).load().weights_sha256,
        choose("musicnn").load().weights_sha256,
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    path.write_bytes(content[:1000])
    with pytest.raises(InputError, match=r"weights\.npz"):
        choose("musicnn-untrained", options).load(path)
    with pytest.raises(InputError, match="not an untrained model"):
        choose("musicnn").write_initial(path)


class Runs:
    """A pickle that would run code."""

    def __reduce__(self):
        return builtins.exec, ("raise SystemExit('code of weights was run')",)


def test_weights_that_hold_code_or_claim_too_much_are_refused(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **{"a/b": np.array([Runs()], dtype=object)})
    with pytest.raises(InputError, match=r"weights\.npz: not readable weights \(Object arrays"):
        choose("musicnn-untrained").load(path)
    path.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(InputError, match=r"weights\.npz: not readable weights"):
        choose("musicnn-untrained").load(path)
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)}
    claim = io.BytesIO()
    np.lib.format.write_array_header_1_0(claim, header)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", claim.getvalue())
    with pytest.raises(InputError, match=r"weights\.npz: not readable weights"):
        choose("musicnn-untrained").load(path)


def test_untrained_weights_are_the_same_on_every_machine():
    # Found with NumPy 1.26 and 2.4 and with OpenBLAS kernels for AVX, AVX2 and AVX-512.
    expected = "2ef2ad0546e000a54e4feb7a882afe9f0f9fadcbaf33d06efbf7de60f38571c3"
    assert choose("musicnn-untrained").load().weights_sha256 == expected
