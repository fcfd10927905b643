"""MuQ equals upstream's own class, whatever the batch and the clip."""

import hashlib
import json
import math

import numpy as np
import published
import pytest
import torch
import upstream
from conftest import DEPTH, DIMENSION, load, write_checkpoint

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.muq import constants
from embedding_sensitivity.models.muq import model as muq
from support import chord, relative
from support.model_contract import check_model

# Of upstream's codebooks, in the tests' own copy of the network.
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
RATE = 24000
# Those whose names the published file shares, and which no layer depends on.
SPARE = ("model.rvq.", "model.linear.", "model.cls_token", "model.conformer.pos_conv_embed.")


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise that fades, so that frames differ: (n,) float32."""
    n = int(seconds * RATE)
    random = np.random.default_rng(seed)
    return (random.standard_normal(n) * np.geomspace(0.3, 0.01, n)).astype(np.float32)


def test_a_checkpoint_gives_what_upstream_gives(small, checkpoint):
    _, model = load(checkpoint.path)
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    clips = [noise(1), noise(2.53, 1), tone, noise(1, 2)]
    prepared = [model.prepare(clip[:, None], RATE) for clip in clips]
    together = model.embed(prepared)["embedding"]
    for clip, row, input_ in zip(clips, together, prepared, strict=True):
        np.testing.assert_array_equal(input_, clip[None])
        assert relative(row, upstream.embed(checkpoint.whole, clip)[-1]) <= 1e-5
        (alone,) = model.embed([input_])["embedding"]
        assert relative(alone, row) <= 1e-5
    assert relative(together[0], together[2]) > 1e-3
    assert relative(together[0], together[3]) > 1e-4


def test_one_pass_gives_every_layer(small, checkpoint):
    _, model = load(checkpoint.path, layers="all")
    clip = noise(1.3)
    (row,) = model.embed([model.prepare(clip[:, None], RATE)])["embedding"]
    layers = upstream.embed(checkpoint.whole, clip)
    assert layers.shape == (DEPTH + 1, DIMENSION)
    for found, expected in zip(row.reshape(layers.shape), layers, strict=True):
        assert relative(found, expected) <= 1e-5


def test_each_layer_is_analysed_under_its_number():
    choice = choose("muq", {"layers": "all"})
    assert list(choice.analysed) == [f"muq.{layer:02d}" for layer in range(13)]
    assert list(choice.analysed.values()) == [
        (1024 * layer, 1024 * (layer + 1)) for layer in range(13)
    ]
    assert choice.dimension == 13 * 1024 and choice.is_variant
    last = choose("muq")
    assert list(last.analysed) == ["muq"] and last.dimension == 1024 and not last.is_variant
    control = choose("muq-untrained", {"layers": "all"})
    assert list(control.analysed)[12] == "muq-untrained.12" and control.dimension == 13 * 1024
    with pytest.raises(InputError, match=r"models\.muq\.layers: is 6, expected last or all"):
        choose("muq", {"layers": 6})


def test_a_long_clip_is_the_mean_of_windows_the_last_of_which_ends_with_it(small, checkpoint):
    _, model = load(checkpoint.path)
    clip = noise(65)
    prepared = model.prepare(clip[:, None], RATE)
    assert prepared.shape == (3, 30 * RATE)
    (row,) = model.embed([prepared])["embedding"]
    windows = [clip[: 30 * RATE], clip[30 * RATE : 60 * RATE], clip[-30 * RATE :]]
    expected = [upstream.embed(checkpoint.whole, window)[-1] for window in windows]
    assert relative(row, np.mean(expected, axis=0)) <= 1e-5


def test_a_short_clip_is_followed_by_silence(small, checkpoint):
    _, model = load(checkpoint.path)
    for n in (0, 100, 1025, 1199):
        clip = noise(1)[:n]
        prepared = model.prepare(clip[:, None], RATE)
        padded = np.pad(clip, (0, 1200 - n))
        np.testing.assert_array_equal(prepared, padded[None])
        (row,) = model.embed([prepared])["embedding"]
        assert relative(row, upstream.embed(checkpoint.whole, padded)[-1]) <= 1e-5


@pytest.mark.parametrize("samplerate", [8000, 24000, 44100, 48000])
def test_channels_are_mixed_and_resampled_to_24_khz(samplerate):
    t = np.arange(samplerate) / samplerate
    stereo = np.stack([np.sin(880 * np.pi * t), 0 * t], axis=1).astype(np.float32)
    (row,) = muq.MuQ.prepare(stereo, samplerate)
    assert len(row) in (RATE, RATE + 1) and row.dtype == np.float32
    expected = np.sin(880 * np.pi * np.arange(len(row)) / RATE) / 2
    np.testing.assert_allclose(row[500:-500], expected[500:-500], atol=2e-4)


def test_the_spectrogram_is_in_decibels_so_that_a_gain_adds_a_constant(small):
    """By its formula, in float64, and with torchaudio's own code."""
    spectrogram = muq.network().model.preprocessor_melspec_2048
    signal = noise(0.5)
    padded = np.pad(signal.astype(float), 1024, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2048)[::240]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    expected = 10 * np.log10(np.maximum(1e-10, power @ upstream.mel_filters(RATE, 2048, 128).T))
    found = spectrogram(torch.from_numpy(signal)[None])[0].numpy().T
    assert found.shape == (51, 128)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert relative(found, expected) <= 1e-6
    softer = spectrogram(torch.from_numpy(signal)[None] / 2)[0].numpy().T
    np.testing.assert_allclose(softer - found, 20 * math.log10(0.5), atol=1e-4)
    assert spectrogram(torch.zeros(1, 2048)).unique().tolist() == [-100]


def test_gain_is_visible(small, checkpoint):
    _, model = load(checkpoint.path)
    clip = noise(1)[:, None]
    loud, soft = model.embed([model.prepare(each, RATE) for each in (clip, clip / 4)])["embedding"]
    assert relative(soft, loud) > 1e-3


@pytest.mark.parametrize("layers", ["last", "all"])
def test_a_model_keeps_the_contract(layers, small, checkpoint):
    check_model(*load(checkpoint.path, layers=layers))


# Weights


def test_the_sizes_are_those_of_the_published_config():
    assert hashlib.sha256(published.TEXT.encode()).hexdigest() == published.SHA256
    whole = json.loads(published.TEXT)
    for key, value in constants.CONFIG.items():
        if isinstance(value, dict):
            assert value.items() <= whole[key].items()
        else:
            assert value == whole[key]


def test_the_published_file_has_the_size_that_users_report():
    """That of the whole network's tensors by name, as safetensors writes them."""
    with torch.device("meta"):
        tensors = upstream.load_class()(published.CONFIG).state_dict()
    header, start = {"__metadata__": {"format": "pt"}}, 0
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        kind = "I64" if value.dtype == torch.int64 else "F32"
        stop = start + value.nbytes
        offsets = {"dtype": kind, "shape": list(value.shape), "data_offsets": [start, stop]}
        header[name], start = offsets, stop
    length = 8 * math.ceil(len(json.dumps(header, separators=(",", ":"))) / 8)
    assert 8 + length + start == published.WEIGHTS_BYTES
    (file,) = choose("muq").model.files
    assert length.to_bytes(8, "little") + b'{"' == file.starts[0]


def test_parts_of_training_are_left_over(small, checkpoint, tmp_path):
    tensors = checkpoint.tensors()
    spare = [name for name in tensors if name.startswith(SPARE)]
    assert {name.split(".")[1] for name in spare} == {"rvq", "linear", "cls_token", "conformer"}
    _, model = load(checkpoint.path)
    assert set(model.network.state_dict()) == set(tensors) - set(spare)
    bare = {name: value for name, value in tensors.items() if name not in spare}
    _, same = load(checkpoint.rewrite(bare, tmp_path))
    clip = model.prepare(chord(1), 44100)
    np.testing.assert_array_equal(same.embed([clip])["embedding"], model.embed([clip])["embedding"])


def test_a_lost_tensor_is_an_error_and_never_random(small, checkpoint, tmp_path):
    tensors = checkpoint.tensors()
    # PyTorch fills in the counters, which nothing depends on.
    spare = "num_batches_tracked"
    needed = [n for n in tensors if not n.startswith(SPARE) and not n.endswith(spare)]
    for lost in needed[::7]:
        rest = {name: value for name, value in tensors.items() if name != lost}
        with pytest.raises(InputError, match=r"not the weights of MuQ .*Missing") as caught:
            load(checkpoint.rewrite(rest, tmp_path))
        assert lost in str(caught.value) and "\n" not in str(caught.value)


def test_another_tensor_or_shape_is_an_error(small, checkpoint, tmp_path):
    tensors = checkpoint.tensors()
    other = {**tensors, "model.conformer.adapter.weight": torch.ones(2)}
    with pytest.raises(InputError, match=r"not the weights of MuQ .*conformer\.adapter"):
        load(checkpoint.rewrite(other, tmp_path))
    wrong = {**tensors, "model.conv.linear.bias": torch.ones(7)}
    with pytest.raises(InputError, match=r"size mismatch for model\.conv\.linear\.bias"):
        load(checkpoint.rewrite(wrong, tmp_path))


def test_a_file_of_pytorchs_gives_the_same(small, checkpoint, tmp_path):
    """Which a user may give; a truncated one is refused in one line."""
    path = tmp_path / "pytorch_model.bin"
    torch.save(checkpoint.tensors(), path)
    (_, model), (_, same) = load(checkpoint.path), load(path)
    clip = model.prepare(chord(1), 44100)
    np.testing.assert_array_equal(same.embed([clip])["embedding"], model.embed([clip])["embedding"])
    assert same.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(checkpoint.path.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated or corrupt") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_weights_are_needed(small):
    with pytest.raises(InputError, match="weights: are missing"):
        choose("muq").load()


# Untrained controls


def test_untrained_weights_follow_the_seed(small, tmp_path):
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, seed in zip(files, (5, 5, 6), strict=True):
        choose("muq-untrained", {"seed": seed}).write_initial(path)
        assert f"seed {seed}".encode() in path.read_bytes()[:500]
    first, again, other = (path.read_bytes() for path in files)
    assert first == again != other
    choice = choose("muq-untrained", {"seed": 5})
    clip = choice.load(files[0]).prepare(chord(1), 44100)
    rows = [choice.load(path).embed([clip])["embedding"] for path in (*files, None)]
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[3])
    assert relative(rows[2], rows[0]) > 1e-2


def test_untrained_weights_are_the_packages(small, tmp_path):
    """PyTorch's uniform distribution of a linear layer, and norms that do nothing yet."""
    choose("muq-untrained").write_initial(tmp_path / "initial.safetensors")
    _, model = load(tmp_path / "initial.safetensors")
    network = model.network.model
    weight = network.conformer.layers[1].ffn1.output_dense.weight
    bound = 64**-0.5
    assert 0.9 * bound < weight.abs().max() <= bound
    norm = network.conv.conv[0].bn1
    assert (norm.running_mean == 0).all() and (norm.running_var == 1).all()


@pytest.mark.more
def test_the_whole_network_gives_what_upstream_gives(tmp_path):
    made = write_checkpoint(tmp_path / "model.safetensors", published.CONFIG)
    choice = choose("muq", {"layers": "all"})
    model = choice.load(made.path)
    audio = chord(3)
    prepared = model.prepare(audio, 44100)
    assert prepared.shape == (1, 3 * RATE)
    (file,) = choice.model.files
    assert made.path.stat().st_size == published.WEIGHTS_BYTES
    with open(made.path, "rb") as start:
        assert start.read(10) == file.starts[0]
    (row,) = model.embed([prepared])["embedding"]
    layers = upstream.embed(made.whole, prepared[0])
    assert row.shape == (13 * 1024,) and layers.shape == (13, 1024)
    for (start, stop), expected in zip(choice.analysed.values(), layers, strict=True):
        assert relative(row[start:stop], expected) <= 1e-5
