"""PaSST equals the package hear21passt's own HEAR interface, and takes its checkpoint alone."""

import numpy as np
import pytest
import torch
import upstream

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.passt import model as ours
from embedding_sensitivity.models.shared.torch_model import load_weights, write_checkpoint
from support import chord, relative

RATE = 32000


@pytest.fixture(scope="session")
def filled(checkpoint, tmp_path_factory):
    """The checkpoint with biases that differ: zero ones would hide one that is lost."""
    torch.manual_seed(7)
    weights = torch.load(checkpoint)
    for value in weights.values():
        value += 0.05 * torch.randn_like(value) * (value == value.flatten()[0]).all()
    path = tmp_path_factory.mktemp("filled") / checkpoint.name
    write_checkpoint(path, weights)
    return path


@pytest.fixture(scope="module")
def model(filled):
    return choose("passt").load(filled)


@pytest.fixture(scope="module")
def theirs(filled):
    return upstream.scene_embeddings(filled)


def embed(model, audio, samplerate: int = 44100) -> np.ndarray:
    return model.embed([model.prepare(audio, samplerate)])["embedding"][0]


def test_equals_the_packages_own_interface(model, theirs):
    clips = [
        chord(3), chord(1.3, seed=1, channels=1), chord(3, seed=2) / 1000, chord(10, seed=3),
        np.zeros((44100, 2), np.float32),
    ]  # fmt: skip
    prepared = [model.prepare(clip, 44100) for clip in clips]
    together = model.embed(prepared)["embedding"]
    for row, samples in zip(together, prepared, strict=True):
        assert samples.shape[0] == 1
        assert relative(row, theirs(samples)[0]) <= 1e-5
        assert relative(row, model.embed([samples])["embedding"][0]) <= 1e-5
    assert relative(together[0], together[1]) > 1e-3


@pytest.mark.more
def test_a_long_clip_is_the_mean_of_windows_the_last_of_which_ends_with_it(model, theirs):
    clip = chord(13, channels=1)
    prepared = model.prepare(clip, 44100)
    assert prepared.shape == (2, 10 * RATE)
    # The last has the last 10 s: 7 s of them are in the one before.
    np.testing.assert_array_equal(prepared[1][: 7 * RATE], prepared[0][3 * RATE :])
    assert relative(embed(model, clip), theirs(prepared).mean(0)) <= 1e-5


def test_a_short_clip_is_followed_by_silence_up_to_a_patch(model, theirs):
    clip = chord(0.1, channels=1)
    samples = model.prepare(clip, 44100)
    assert samples.shape == (1, 4801)
    assert samples[0, :3200].any() and not samples[0, 3200:].any()
    assert relative(embed(model, clip), theirs(samples)[0]) <= 1e-5
    # The network takes no shorter one.
    with pytest.raises(RuntimeError):
        theirs(samples[:, :-1])


@pytest.mark.parametrize("samplerate", [16000, 32000, 44100, 96000])
def test_channels_are_mixed_and_resampled_to_32_khz(model, samplerate):
    t = np.arange(samplerate) / samplerate
    stereo = np.stack([np.sin(880 * np.pi * t), 0 * t], axis=1).astype(np.float32)
    (row,) = model.prepare(stereo, samplerate)
    assert len(row) in (RATE, RATE + 1) and row.dtype == np.float32
    expected = np.sin(880 * np.pi * np.arange(len(row)) / RATE) / 2
    np.testing.assert_allclose(row[900:-900], expected[900:-900], atol=2e-4)


def test_gain_is_seen(model):
    clip = chord(1)
    assert relative(embed(model, clip / 10), embed(model, clip)) > 1e-2


def test_the_package_prints_nothing_here(filled, capsys):
    loaded = choose("passt").load(filled)
    embed(loaded, chord(0.5))
    assert capsys.readouterr().out == ""


def test_the_hash_is_of_the_file_and_the_rate_of_the_training(filled, model):
    assert model.weights_sha256 == sha256_of(filled)
    assert choose("passt").model.samplerate == RATE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("blocks.3.mlp.fc1.bias"), r"Missing key\(s\).*blocks\.3\.mlp\.fc1\.bias"),
        (lambda w: w.update(more=torch.zeros(1)), r"Unexpected key\(s\).*more"),
        (lambda w: w.update({"norm.bias": torch.zeros(9)}), "size mismatch for norm.bias"),
    ],
)
def test_other_tensors_are_refused(filled, change, message):
    weights = torch.load(filled)
    change(weights)
    net = ours.network()
    with pytest.raises(InputError, match=f"file.pt: not the weights of PaSST .*{message}"):
        load_weights(net, weights, "file.pt", "PaSST")


def test_another_file_is_refused(tmp_path):
    write_checkpoint(tmp_path / "list.pt", [1])
    with pytest.raises(InputError, match="has no tensors by name"):
        choose("passt").load(tmp_path / "list.pt")
    torch.save({"x": print}, tmp_path / "code.pt")
    with pytest.raises(InputError, match="has code to run"):
        choose("passt").load(tmp_path / "code.pt")


def test_untrained_weights_follow_from_the_seed(checkpoint, tmp_path):
    choose("passt-untrained").write_initial(tmp_path / "again.pt")
    assert (tmp_path / "again.pt").read_bytes() == checkpoint.read_bytes()
    choose("passt-untrained", {"seed": 1}).write_initial(tmp_path / "other.pt")
    assert (tmp_path / "other.pt").read_bytes() != checkpoint.read_bytes()
