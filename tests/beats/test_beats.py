"""BEATs equals the package openbeats' own call, and takes the checkpoints that it says it takes."""

from functools import partial

import numpy as np
import pytest
import torch
import upstream

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.beats import model as ours
from embedding_sensitivity.models.shared.torch_model import read_checkpoint, write_checkpoint
from support import chord, relative

RATE = 16000
# What the package's class is for tests of tensors: a block of 24 values.
TINY = {
    **ours.CONFIG,
    "encoder_layers": 1,
    "encoder_embed_dim": 24,
    "encoder_ffn_embed_dim": 8,
    "encoder_attention_heads": 2,
    "embed_dim": 8,
    "conv_pos_groups": 2,
}


@pytest.fixture(scope="module")
def model(checkpoint):
    return choose("beats").load(checkpoint)


@pytest.fixture(scope="module")
def theirs(checkpoint):
    """Function from samples at 16 kHz to the package's embedding, up to a block or of the last."""
    package = upstream.open_beats_class().from_pretrained(str(checkpoint))

    def embed(samples, max_layer=None):
        package.encoder.max_layer = max_layer
        return upstream.embed(package, samples)

    return embed


def embed(model, audio, samplerate: int = 44100) -> np.ndarray:
    return model.embed([model.prepare(audio, samplerate)])["embedding"][0]


def test_equals_the_packages_own_call(model, theirs):
    clips = [
        chord(3), chord(1.3, seed=1, channels=1), chord(3, seed=2) / 1000, chord(10, seed=3),
        np.zeros((44100, 2), np.float32),
    ]  # fmt: skip
    prepared = [model.prepare(clip, 44100) for clip in clips]
    together = model.embed(prepared)["embedding"]
    for row, (samples,) in zip(together, prepared, strict=True):
        assert relative(row, theirs(samples)) <= 1e-5
        assert relative(row, model.embed([samples[None]])["embedding"][0]) <= 1e-5
    assert relative(together[0], together[3]) > 1e-3


def test_one_pass_gives_every_layer(checkpoint, model, theirs):
    choice = choose("beats", {"layers": "all"})
    assert choice.dimension == 13 * 768
    assert list(choice.analysed) == [f"beats.{layer:02d}" for layer in range(13)]
    layered = choice.load(checkpoint)
    clips = [chord(1, seed=seed) for seed in (1, 2)]
    prepared = [layered.prepare(clip, 44100) for clip in clips]
    rows = layered.embed(prepared)["embedding"]
    for row, (samples,) in zip(rows, prepared, strict=True):
        for layer, (start, stop) in enumerate(choice.analysed.values()):
            assert relative(row[start:stop], theirs(samples, layer)) <= 1e-5, layer
        assert relative(row[-768:], model.embed([samples[None]])["embedding"][0]) <= 1e-5
    assert relative(rows[0][:768], rows[0][-768:]) > 0.1
    assert choose("beats").analysed == {"beats": None}


def test_a_long_clip_is_the_mean_of_windows_the_last_of_which_ends_with_it(model, theirs):
    clip = chord(13, channels=1)
    prepared = model.prepare(clip, 44100)
    assert prepared.shape == (2, 10 * RATE)
    # The last has the last 10 s: 7 s of them are in the one before.
    np.testing.assert_array_equal(prepared[1][: 7 * RATE], prepared[0][3 * RATE :])
    expected = np.mean([theirs(window) for window in prepared], axis=0)
    assert relative(embed(model, clip), expected) <= 1e-5


def test_a_long_clips_layers_are_means_of_windows_too(checkpoint):
    layered = choose("beats", {"layers": "all"}).load(checkpoint)
    prepared = layered.prepare(chord(10.5), 44100)
    assert len(prepared) == 2
    singles = [layered.embed([window[None]])["embedding"][0] for window in prepared]
    found = layered.embed([prepared])["embedding"][0]
    assert relative(found, np.mean(singles, axis=0)) <= 1e-5


def test_a_short_clip_is_followed_by_silence(model, theirs):
    clip = chord(0.1, channels=1)
    (samples,) = model.prepare(clip, 44100)
    assert samples.shape == (3200,) and not samples[1600:].any() and samples[:1600].any()
    assert relative(embed(model, clip), theirs(samples)) <= 1e-5
    # The package would repeat it.
    assert relative(embed(model, clip), theirs(samples[:1600])) > 1e-3


@pytest.mark.parametrize("samplerate", [16000, 22050, 44100, 96000])
def test_channels_are_mixed_and_resampled_to_16_khz(model, samplerate):
    t = np.arange(samplerate) / samplerate
    stereo = np.stack([np.sin(880 * np.pi * t), 0 * t], axis=1).astype(np.float32)
    (row,) = model.prepare(stereo, samplerate)
    assert len(row) in (RATE, RATE + 1) and row.dtype == np.float32
    expected = np.sin(880 * np.pi * np.arange(len(row)) / RATE) / 2
    np.testing.assert_allclose(row[500:-500], expected[500:-500], atol=2e-4)


def test_gain_is_seen(model):
    clip = chord(1)
    assert relative(embed(model, clip / 10), embed(model, clip)) > 1e-2


def test_attention_that_drops_values_in_use_is_off(checkpoint, tmp_path, model):
    """The package's attention for GPUs drops them wherever a checkpoint's dropout isn't 0."""
    found = read_checkpoint(checkpoint)
    found["cfg"] |= {"use_flash_attn": True, "attention_dropout": 0.5}
    write_checkpoint(tmp_path / "flash.pt", found)
    clip = chord(1)
    other = choose("beats").load(tmp_path / "flash.pt")
    np.testing.assert_array_equal(embed(other, clip), embed(model, clip))


def test_a_checkpoints_own_front_end_counts(checkpoint, tmp_path, model):
    """As of OpenBEATs, whose `cfg` may have the mean and deviation of other data."""
    found = read_checkpoint(checkpoint)
    found["cfg"] |= {"fbank_mean": 10.0, "fbank_std": 5.0}
    write_checkpoint(tmp_path / "other.pt", found)
    clip = chord(1, channels=1)
    samples = model.prepare(clip, 44100)[0]
    other = choose("beats").load(tmp_path / "other.pt")
    package = upstream.open_beats_class().from_pretrained(str(tmp_path / "other.pt"))
    assert relative(embed(other, clip), upstream.embed(package, samples)) <= 1e-5
    assert relative(embed(other, clip), embed(model, clip)) > 1e-3


def test_the_hash_is_of_the_file_and_the_rate_of_the_training(checkpoint, model):
    assert model.weights_sha256 == sha256_of(checkpoint)
    assert choose("beats").model.samplerate == RATE


@pytest.fixture
def tiny():
    """A small encoder, and its tensors as a checkpoint has them."""
    torch.manual_seed(3)
    weights = {
        name: value.clone()
        for name, value in ours.network(TINY).state_dict().items()
        if name not in ours.MARKING
    }
    return ours.network(TINY), weights


def check_filled(encoder, weights):
    for name, value in weights.items():
        torch.testing.assert_close(encoder.state_dict()[name], value, rtol=0, atol=0)


def test_every_tensor_is_taken_and_heads_are_left_out(tiny):
    encoder, weights = tiny
    heads = {"predictor.weight": torch.zeros(2, 2), "predictor.bias": torch.zeros(2)}
    ours.fill(encoder, weights | heads, "file.pt")
    check_filled(encoder, weights)


def test_the_names_of_espnets_checkpoints_are_read(tiny):
    encoder, weights = tiny
    nested = {f"encoder.{name}": value for name, value in weights.items()}
    ours.fill(encoder, nested | {"decoder.mask_token": torch.zeros(1)}, "file.pt")
    check_filled(encoder, weights)
    with pytest.raises(InputError, match=r"file\.pt: has other\.weight \(1 tensors\), which no"):
        ours.fill(encoder, nested | {"other.weight": torch.zeros(1)}, "file.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("encoder.layers.0.fc1.bias"), r"lacks encoder\.layers\.0\.fc1\.bias \(1"),
        (lambda w: w.pop("patch_embedding.weight"), r"lacks patch_embedding\.weight"),
        (lambda w: w.update(more=torch.zeros(1)), r"has more \(1 tensors\), which no part"),
        (lambda w: w.update({3: torch.zeros(1)}), r"has 3 \(1 tensors\)"),
        (
            lambda w: w.update({"encoder.layers.0.fc1.bias": torch.zeros(9)}),
            r"not the weights of BEATs .*size mismatch for encoder\.layers\.0\.fc1\.bias",
        ),
        (lambda w: w.update({"layer_norm.bias": "text"}), r"not the weights of BEATs"),
    ],
)
def test_other_tensors_are_refused(tiny, change, message):
    encoder, weights = tiny
    change(weights)
    with pytest.raises(InputError, match=message):
        ours.fill(encoder, weights, "file.pt")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"model": {}}, "has no entries `cfg` and `model`"),
        ({"cfg": [], "model": {}}, "has no entries `cfg` and `model`"),
        ([1], "has no entries `cfg` and `model`"),
        (
            {"cfg": {"encoder_embed_dim": 1024}, "model": {}},
            "encoder_embed_dim: 1024, expected 768",
        ),
        ({"cfg": {"encoder_layers": 24}, "model": {}}, "encoder_layers: 24, expected 12"),
        ({"cfg": {"conv_pos_groups": "x"}, "model": {}}, r"no network has its cfg \("),
    ],
)
def test_other_checkpoints_are_refused(tmp_path, contents, message):
    path = tmp_path / "other.pt"
    write_checkpoint(path, contents)
    with pytest.raises(InputError, match=message):
        choose("beats").load(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / "code.pt"
    torch.save({"cfg": {}, "model": {"x": partial(print)}}, path)
    with pytest.raises(InputError, match="has code to run"):
        choose("beats").load(path)


def test_untrained_weights_follow_from_the_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "CONFIG", TINY)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        choose("beats-untrained", {"seed": seed}).write_initial(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
