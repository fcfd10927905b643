"""PANNs equals upstream's AudioTagging, whatever the batch and the clip."""

import hashlib
import pickle
import re
from importlib.metadata import metadata
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch
from conftest import PUBLISHED
from torch.utils.mkldnn import MkldnnConv2d

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.panns import model as panns
from embedding_sensitivity.models.shared import torch_model
from embedding_sensitivity.models.shared.cnn14 import speed_up
from embedding_sensitivity.models.shared.initial import pink_noise
from support import chord, relative


@pytest.fixture(scope="module")
def model(untrained):
    return choose("panns").load(untrained("panns"))


def test_equals_upstreams_audio_tagging(checkpoint, audio_tagging, clips, tmp_path):
    for name, samplerate, seconds in [("long", 48000, 4.5), ("low", 22050, 2)]:
        soundfile.write(tmp_path / f"{name}.wav", chord(seconds, samplerate, 5), samplerate)
    paths = [*clips, *sorted(tmp_path.iterdir())]
    with torch.serialization.safe_globals(torch_model.array_types()):  # it was written for torch 1
        upstream = audio_tagging(checkpoint_path=str(checkpoint("panns")), device="cpu")
    model = choose("panns").load(checkpoint("panns"))
    assert upstream.classes_num == 527
    prepared = []
    for path in paths:
        audio, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
        prepared.append(model.prepare(audio, samplerate))
    embeddings = model.embed(prepared)["embedding"]
    assert embeddings.shape == (len(paths), 2048)
    assert embeddings.dtype == np.float32
    for path, embedding in zip(paths, embeddings, strict=True):
        signal, _ = librosa.load(path, sr=32000, mono=True)
        _, expected = upstream.inference(signal[None, :])
        assert relative(embedding, expected[0]) <= 1e-5, path.name


def test_published_weights_give_the_published_probabilities():
    """The ten of the package's README, whose recording is not ours to carry."""
    recording = PUBLISHED / "R9_ZSCveAHg_7s.wav"  # in panns_inference's repository, resources/
    weights = PUBLISHED / choose("panns").weights_file
    for path in (weights, recording):
        if not path.exists():
            pytest.skip(f"no {path.name} in resources/weights or the folder $SENSITIVITY_WEIGHTS")
    readme = str(metadata("panns-inference").get_payload())
    expected = [
        float(value) for value in re.findall(r"^[A-Z].*: (0\.\d{3})$", readme, re.MULTILINE)
    ]
    assert len(expected) == 10
    model = choose("panns").load(weights)
    audio, samplerate = soundfile.read(recording, dtype="float32", always_2d=True)
    with torch.inference_mode():
        batch = torch.from_numpy(model.prepare(audio, samplerate)[None])
        found = model.network(batch)["clipwise_output"][0].sort(descending=True).values[:10]
    np.testing.assert_allclose(found, expected, atol=2e-3)  # they are from a GPU of 2020


def test_a_batch_embeds_as_single_clips_do(model):
    seconds = [1, 0.5, 1, 0.1, 1]
    prepared = [model.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate(seconds)]
    batch = model.embed(prepared)["embedding"]
    single = np.concatenate([model.embed([clip])["embedding"] for clip in prepared])
    for one, other in zip(batch, single, strict=True):
        assert relative(one, other) <= 1e-6
    np.testing.assert_allclose(
        model.embed(prepared[::-1])["embedding"][::-1], batch, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(model.embed(prepared)["embedding"], batch)
    assert relative(batch[0], batch[2]) > 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_embeds_as_the_cpu_does(model, untrained):
    on_gpu = choose("panns").load(untrained("panns"), device="cuda:0")
    prepared = [on_gpu.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate((1, 1, 0.4))]
    assert relative(on_gpu.embed(prepared)["embedding"], model.embed(prepared)["embedding"]) <= 1e-5


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_what_is_faster_computes_the_same(model, untrained, device):
    """Also what is left of it for a GPU, which a CPU can compute, too."""
    checkpoint = torch_model.read_checkpoint(untrained("panns"))["model"]
    networks = [panns.network().eval() for _ in range(2)]
    for cnn14 in networks:
        cnn14.load_state_dict(checkpoint)
    whole, faster = networks
    speed_up(faster, device)
    in_onednns_layout = [isinstance(m, MkldnnConv2d) for m in faster.modules()]
    assert any(in_onednns_layout) == (device == "cpu")
    clips = [model.prepare(chord(2, seed=seed), 44100) for seed in range(3)]
    batch = torch.from_numpy(np.stack(clips))
    with torch.inference_mode():
        found, expected = (cnn14(batch)["embedding"].numpy() for cnn14 in (faster, whole))
    for row, wanted in zip(found, expected, strict=True):
        assert relative(row, wanted) <= 1e-5


def test_short_mono_and_other_rates(model):
    short = chord(0.1, 32000)
    assert model.prepare(short, 32000).shape == (9920,)
    padded = np.pad(short, ((0, 9920 - len(short)), (0, 0)))
    np.testing.assert_array_equal(model.prepare(short, 32000), model.prepare(padded, 32000))
    assert np.isfinite(
        model.embed([model.prepare(np.zeros((0, 2), np.float32), 44100)])["embedding"]
    ).all()
    mono = chord(1)[:, :1]
    both = np.repeat(mono, 2, axis=1)
    np.testing.assert_array_equal(model.prepare(mono, 44100), model.prepare(both, 44100))
    for samplerate in (8000, 22050, 48000):
        assert model.prepare(chord(3, samplerate), samplerate).shape == (96000,)


def test_prepare_goes_to_worker_processes(model):
    prepare = pickle.loads(pickle.dumps(model.prepare))
    np.testing.assert_array_equal(prepare(chord(1), 44100), model.prepare(chord(1), 44100))


def test_the_file_says_which_weights(model, untrained):
    content = untrained("panns").read_bytes()
    assert len(content) > 3e8  # below this, upstream would overwrite it
    assert model.weights_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"weights": {}}, "no entry `model`"),
        ([1], "no entry `model`"),
        ({"model": {"fc1.weight": torch.zeros(2, 2)}}, "not the weights of CNN14 .*Missing"),
        ({"model": 3}, "not the weights of CNN14"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path, contents, message):
    torch.save(contents, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=rf"weights\.pth: .*{message}"):
        choose("panns").load(tmp_path / "weights.pth")


def test_a_wrong_shape_is_refused(tmp_path):
    weights = panns.network().state_dict()
    weights["fc_audioset.weight"] = torch.zeros(10, 2048)
    torch.save({"model": weights}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"size mismatch for fc_audioset\.weight"):
        choose("panns").load(tmp_path / "weights.pth")


def test_no_weights_are_refused():
    with pytest.raises(InputError, match="weights: are missing"):
        choose("panns").load()


def test_untrained_statistics_are_those_of_the_noise(untrained):
    """Of all 13 normalisations, each before the next and by hand."""
    cnn14 = panns.network().eval()
    cnn14.load_state_dict(torch_model.read_checkpoint(untrained("panns"))["model"])
    cnn14.double()
    random = np.random.default_rng(20220419)
    noise = np.stack([pink_noise(random, 32000) for _ in range(2)])
    statistics = []

    def normalise(norm, inputs, output):
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0, keepdim=True)
        n_values = inputs[0].numel() / len(norm.running_mean)
        unbiased = variance.flatten() * n_values / (n_values - 1)
        statistics.append((norm.running_mean, mean.flatten(), norm.running_var, unbiased))
        return (inputs[0] - mean) / (variance + norm.eps).sqrt()

    for module in cnn14.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(normalise)
    with torch.inference_mode():
        cnn14(torch.from_numpy(noise))
    assert len(statistics) == 13
    for running_mean, mean, running_variance, variance in statistics:
        torch.testing.assert_close(running_mean, mean, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(running_variance, variance, rtol=1e-6, atol=0)


def test_untrained_weights_follow_the_seed(untrained, tmp_path, monkeypatch):
    monkeypatch.setattr(torch_model, "N_PINK_CLIPS", 1)
    path = Path(tmp_path, "weights.pth")
    choose("panns-untrained", {"seed": 7}).write_initial(path)
    first = torch_model.read_checkpoint(path)["model"]
    other = torch_model.read_checkpoint(untrained("panns"))["model"]
    weights = first["conv_block3.conv1.weight"]
    assert not torch.equal(weights, other["conv_block3.conv1.weight"])
    # The package's: Xavier's uniform distribution, for 128 channels in and 256 out of 3 x 3.
    bound = (6 / (9 * (128 + 256))) ** 0.5
    assert 0.999 * bound < weights.abs().max() <= bound
    assert weights.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    mel = librosa.filters.mel(sr=32000, n_fft=1024, n_mels=64, fmin=50, fmax=14000)
    np.testing.assert_array_equal(first["logmel_extractor.melW"].numpy(), mel.T)
    with pytest.raises(InputError, match="not an untrained model"):
        choose("panns").write_initial(path)
