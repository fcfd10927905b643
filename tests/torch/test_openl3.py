"""OpenL3 in PyTorch is as near as float32 lets it be to the package, which runs elsewhere."""

import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from conftest import PUBLISHED, RECORDINGS, ROOT

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.openl3 import model as ours
from support import chord, relative
from support.golden import check_golden_model
from support.stacks import python_of

RECORDED = ["medley_solos_validation_3", "Fl-ord-C4-mf-N-T14d", "Cb-ord-A2-mf-2c-N", "vocadito_1"]
SECONDS = 0.8  # four windows
# Rows and frames of each network's spectrogram.
SHAPES = {"mel128": (128, 199), "mel256": (256, 199), "linear": (257, 197)}


def excerpts() -> list[tuple[np.ndarray, int]]:
    """Audio and sample rate of a made-up clip and of those recordings there are."""
    made_up = [(chord(SECONDS), 44100)]
    for name in RECORDED:
        if (RECORDINGS / f"{name}.wav").exists():
            audio, samplerate = soundfile.read(
                RECORDINGS / f"{name}.wav", dtype="float32", always_2d=True
            )
            n_frames = int(SECONDS * samplerate)
            loudest = int(np.abs(audio[:-n_frames]).max(axis=1).argmax())
            made_up.append((audio[loudest : loudest + n_frames], samplerate))
    return made_up


@pytest.fixture(scope="module")
def tensorflow_python():
    """The Python of envs/tensorflow, of the same checkout."""
    return python_of("tensorflow")


@pytest.fixture(scope="module", params=["untrained", "published"])
def package(request, tmp_path_factory, tensorflow_python):
    """The weights' path, and what the package makes of `excerpts` with them."""
    folder = tmp_path_factory.mktemp("package")
    weights = folder / "untrained.h5"
    if request.param == "published":
        weights = PUBLISHED / choose("openl3").weights_file
        if not weights.exists():
            pytest.skip(
                f"no {weights.name} in resources/weights or the folder $SENSITIVITY_WEIGHTS"
            )
    clips = {}
    for index, (audio, samplerate) in enumerate(excerpts()):
        clips |= {f"audio_{index}": audio, f"samplerate_{index}": samplerate}
    np.savez(folder / "clips.npz", **clips)
    results = run(tensorflow_python, "openl3_package.py", weights, folder / "clips.npz", folder)
    return weights, results


def run(python, script, *arguments) -> dict[str, np.ndarray]:
    """Run a script of this folder with the package's Python: what it wrote to ``results.npz``."""
    library = {"PYTHONPATH": str(ROOT / "workflow_scripts"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [python, ROOT / "tests" / "torch" / script, *arguments]
    subprocess.run(command, env=os.environ | library, check=True)
    with np.load(arguments[-1] / "results.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def model(package):
    return choose("openl3").load(package[0])


def test_equals_the_packages_network_from_the_spectrogram_on(model, package):
    _, results = package
    for index in range(len(excerpts())):
        with torch.inference_mode():
            found = model.network.cnn(torch.from_numpy(results[f"log_mel_{index}"])).numpy()
        expected = results[f"cnn_{index}"]
        assert expected.shape == (4, 512)
        assert relative(found, expected) <= 1e-5
        assert relative(found.mean(axis=0), expected.mean(axis=0)) <= 1e-5


def test_front_end_is_exact_where_the_packages_is_not(model, package):
    _, results = package
    for index in range(len(excerpts())):
        windows = results[f"windows_{index}"]
        exact = np.stack([ours.spectrogram(window, "mel128") for window in windows])
        with torch.inference_mode():
            found = model.network.spectrogram(torch.from_numpy(windows)).numpy()
        assert np.abs(found - exact).max() <= 1e-5  # dB: the rounding to float32
        assert np.abs(results[f"log_mel_{index}"] - exact).max() > 1e-3
        assert np.abs(results[f"log_mel_{index}"] - exact).mean() < 0.1


def test_is_nearer_to_an_exact_front_end_than_the_package(model, package):
    """From audio on; each with its own resampler, the exact front end with the package's."""
    _, results = package
    for index, (audio, samplerate) in enumerate(excerpts()):
        exact = results[f"exact_{index}"].mean(axis=0)
        of_package = relative(results[f"frames_{index}"].mean(axis=0), exact)
        found = model.embed([model.prepare(audio, samplerate)])["embedding"]
        assert found.shape == (1, 512) and found.dtype == np.float32
        of_ours = relative(found[0], exact)
        print(f"clip {index}: package {of_package:.1e}, ours {of_ours:.1e} from an exact front end")
        assert of_ours <= of_package
        assert of_package < 1e-2  # far less than between clips: it is the same network


def test_both_backends_know_the_weights_by_one_hash(model, package):
    assert model.weights_sha256 == package[1]["sha256"]


def full_band(seed: int) -> np.ndarray:
    """Two windows at 96 kHz. In bands that are empty, float32 shows its rounding (see above)."""
    noise = np.random.default_rng(seed).uniform(-0.1, 0.1, (57600, 2))
    return (chord(0.6, 96000, seed) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def networks(tmp_path_factory, tensorflow_python):
    """A folder of networks' untrained weights, and what the package makes of a clip with them."""
    folder = tmp_path_factory.mktemp("networks")
    np.savez(folder / "clip.npz", audio=full_band(4), samplerate=96000)
    return folder, run(tensorflow_python, "openl3_networks.py", folder)


def load_network(networks, input_repr, size):
    """Load one under a name of its own."""
    options = {"model": "openl3", "input_repr": input_repr, "embedding_size": size}
    return choose("net-untrained", options).load(networks[0] / f"{input_repr}.h5")


@pytest.mark.more
@pytest.mark.parametrize("size", [512, 6144])
@pytest.mark.parametrize("input_repr", SHAPES)
def test_each_network_equals_the_packages(networks, input_repr, size):
    spectrograms, expected = (networks[1][f"{input_repr} {key}"] for key in ("spectrograms", size))
    model = load_network(networks, input_repr, size)
    assert spectrograms.shape == (2, *SHAPES[input_repr])
    with torch.inference_mode():
        found = model.network.cnn(torch.from_numpy(spectrograms)).numpy()
    assert found.shape == expected.shape == (2, size)
    for row, wanted in zip(found, expected, strict=True):
        assert relative(row, wanted) <= 1e-5
    # From audio on.
    clip, other = (model.prepare(full_band(seed), 96000) for seed in (4, 5))
    (alone,) = model.embed([clip])["embedding"]
    print(f"{relative(alone, expected.mean(axis=0)):.1e} from the package")
    assert relative(alone, expected.mean(axis=0)) <= 3e-4
    batch = model.embed([other, clip])["embedding"]
    assert relative(batch[1], alone) <= 1e-6 and relative(batch[0], alone) > 1e-3


@pytest.mark.more
def test_each_networks_front_end_is_exact(networks):
    windows = np.stack([chord(1, 48000, seed)[:, 0] for seed in (4, 5)])
    for input_repr, shape in SHAPES.items():
        exact = np.stack([ours.spectrogram(window, input_repr) for window in windows])
        front_end = load_network(networks, input_repr, 512).network.spectrogram
        found = front_end(torch.from_numpy(windows)).numpy()
        assert found.shape == (2, *shape)
        assert np.abs(found - exact).max() <= 1e-5  # dB: the rounding to float32


@pytest.fixture(scope="module")
def random_weights():
    """Weights in the network's order as `read_weights` returns them, of plausible sizes."""
    random = np.random.default_rng(3)
    made = {
        "gamma": lambda shape: random.uniform(0.5, 1.5, shape) * random.choice([-1, 1], shape),
        "beta": lambda shape: random.normal(0, 0.1, shape),
        "bias": lambda shape: random.normal(0, 0.1, shape),
        "moving_mean": lambda shape: random.normal(0, 0.1, shape),
        "moving_variance": lambda shape: random.uniform(0.5, 1.5, shape),
        "kernel": lambda shape: random.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape),
    }
    weights = [made[name](shape).astype(np.float32) for name, shape in ours.VARIABLES]
    weights[2][:], weights[3][:] = -40, 400  # of decibels
    return weights


@pytest.fixture(scope="module")
def with_random_weights(random_weights, tmp_path_factory):
    """The model without TensorFlow having made a file for it."""
    path = tmp_path_factory.mktemp("weights") / "any.h5"
    path.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "read_weights", lambda *_: random_weights)
        return choose("openl3").load(path)


def test_equals_each_layer_in_turn_in_float64(with_random_weights, random_weights):
    """Where scales are negative, too, and nothing is folded, pooled early or cut into parts."""
    log_mel = np.random.default_rng(0).uniform(-80, 0, (9, 128, 199)).astype(np.float32)
    weights = iter([torch.from_numpy(array).double() for array in random_weights])
    functional = torch.nn.functional

    def normalised(x):
        gamma, beta, mean, variance = (next(weights) for _ in range(4))
        return functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    with torch.inference_mode():
        x = normalised(torch.from_numpy(log_mel[-1:]).double()[:, None])
        for layer in range(8):
            kernel, bias = next(weights), next(weights)
            x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding="same")
            if layer < 7:
                x = normalised(x).relu()
            if layer in (1, 3, 5):
                x = functional.max_pool2d(x, 2)
        expected = functional.max_pool2d(x, (16, 24)).flatten().numpy()
        found = with_random_weights.network.cnn(torch.from_numpy(log_mel))[-1].numpy()
    assert next(weights, None) is None
    assert relative(found, expected) <= 2e-6


def test_it_gives_the_embedding_it_gave(with_random_weights):
    check_golden_model(choose("openl3"), model=with_random_weights)


def test_a_batch_embeds_as_single_clips_do(with_random_weights):
    model = with_random_weights
    lengths = [0.6, 1.5, 0.6, 0.1]
    prepared = [model.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate(lengths)]
    assert len({clip.shape for clip in prepared}) == 3
    batch = model.embed(prepared)["embedding"]
    for row, clip in zip(batch, prepared, strict=True):
        assert relative(row, model.embed([clip])["embedding"][0]) <= 1e-6
    assert relative(batch[0], batch[2]) > 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_embeds_as_the_cpu_does(with_random_weights, random_weights, monkeypatch, tmp_path):
    (tmp_path / "any.h5").touch()
    monkeypatch.setattr(ours, "read_weights", lambda *_: random_weights)
    on_gpu = choose("openl3").load(tmp_path / "any.h5", device="cuda:0")
    prepared = [on_gpu.prepare(chord(s), 44100) for s in (1, 1, 0.4)]
    assert (
        relative(
            on_gpu.embed(prepared)["embedding"], with_random_weights.embed(prepared)["embedding"]
        )
        <= 1e-5
    )


def test_preparing_needs_no_torch_in_worker_processes(with_random_weights):
    sent = pickle.dumps(with_random_weights.prepare)
    script = (
        "import pickle, sys, numpy; prepare = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "print(prepare(numpy.zeros((44100, 2), 'f4'), 44100).shape, 'torch' in sys.modules,"
        " 'h5py' in sys.modules)"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", script, sent.hex()],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")},
        text=True,
    )
    assert said.split() == ["(72000,)", "False", "False"]


def test_weights_that_are_not_openl3s_are_refused(package, tmp_path):
    path = tmp_path / "weights.h5"
    with pytest.raises(InputError, match=r"weights\.h5: no such file"):
        choose("openl3").load(path)
    shutil.copy(package[0], path)
    choose("openl3").load(path)
    with open(path, "r+b") as file:
        file.truncate(10_000_000)
    with pytest.raises(InputError, match=r"weights\.h5: is truncated or corrupt HDF5"):
        choose("openl3").load(path)
    with pytest.raises(InputError, match="initialise_model"):
        choose("openl3-untrained").load()
