"""MusiCNN equals its package, whatever the batch; its weights are the ones they should be."""

import builtins
import io
import os
import pickle
import subprocess
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import librosa
import musicnn
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from musicnn.models import define_model

from sensitivity.errors import InputError
from sensitivity.models import load_model, musicnn_network, write_initial
from sensitivity.models import musicnn as ours
from sensitivity.models.checkpoint import read_checkpoint
from sensitivity.models.frontend import mel_filters, mel_power, mono_at
from sensitivity.models.initial import pink_noise

CHECKPOINT = Path(musicnn.__file__).parent / "MTT_musicnn"
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "audio"
BACKENDS = ["numpy", "upstream"]
LAYERS = ["mean_pool", "penultimate"]


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Relative L2 difference."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def chord(seconds: float, samplerate: int = 44100, seed: int = 0) -> np.ndarray:
    """A decaying stereo chord over noise."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * samplerate)) / samplerate
    tones = random.uniform(100, 3000, (6, 2))
    audio = np.sin(2 * np.pi * tones * time[:, None, None]).mean(axis=1) * np.exp(-time)[:, None]
    return (0.5 * audio + 0.01 * random.standard_normal(audio.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def models():
    return {
        (backend, layer): load_model("musicnn", {"backend": backend, "layer": layer})
        for backend in BACKENDS
        for layer in LAYERS
    }


def from_package(path: Path) -> dict[str, np.ndarray]:
    """Features (patches, ...) of musicnn's own function, by layer.

    In a process of its own: its module switches off eager execution, which OpenL3's package needs.
    """
    script = """
import sys
import numpy as np
from musicnn.extractor import extractor
np.savez(sys.argv[2], **extractor(sys.argv[1], model="MTT_musicnn")[2])
"""
    found = path.with_suffix(".npz")
    subprocess.run([sys.executable, "-c", script, str(path), str(found)], check=True)
    return dict(np.load(found))


def check_against_package(path: Path, models: dict) -> None:
    audio, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
    features = from_package(path)
    for (_, layer), model in models.items():
        embedding = model.embed([model.prepare(audio, samplerate)])
        assert embedding.shape == (1, model.dimension)
        assert embedding.dtype == np.float32
        expected = features[layer]
        if layer == "penultimate":  # of later patches the package returns the first's again
            np.testing.assert_array_equal(expected, np.repeat(expected[:1], len(expected), axis=0))
            embedding = model.embed([model.prepare(audio, samplerate)[:1]])
        assert relative(embedding[0], expected.mean(axis=0)) <= 1e-5


def test_equals_the_packages_extractor_on_three_patches(models, tmp_path):
    soundfile.write(tmp_path / "chord.wav", chord(9.5), 44100, subtype="PCM_16")
    assert len(models["numpy", "mean_pool"].prepare(chord(9.5), 44100)) == 3
    check_against_package(tmp_path / "chord.wav", models)


@pytest.mark.parametrize("name", ["medley_solos_validation_3", "Fl-ord-C4-mf-N-T14d"])
def test_equals_the_packages_extractor_on_recordings(models, tmp_path, name):
    if not (RECORDINGS / f"{name}.wav").exists():
        pytest.skip("no recordings beside the checkout (../shared/audio)")
    audio, samplerate = soundfile.read(RECORDINGS / f"{name}.wav", always_2d=True)
    clip = np.resize(audio, (3 * samplerate, audio.shape[1]))
    soundfile.write(tmp_path / "clip.wav", clip, samplerate, subtype="PCM_16")
    check_against_package(tmp_path / "clip.wav", models)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_batch_embeds_as_single_clips_do(models, backend, layer):
    model = models[backend, layer]
    prepared = [model.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate([3, 6.5, 1, 3])]
    batch = model.embed(prepared)
    single = np.concatenate([model.embed([clip]) for clip in prepared])
    assert relative(batch, single) <= 1e-6
    assert relative(batch[0], batch[3]) > 1e-2


def test_short_mono_and_other_rates(models):
    model = models["numpy", "mean_pool"]
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


def test_front_end_is_librosas(tmp_path):
    np.testing.assert_array_equal(
        mel_filters(16000, 512, 96), librosa.filters.mel(sr=16000, n_fft=512, n_mels=96)
    )
    soundfile.write(tmp_path / "chord.wav", chord(2), 44100, subtype="FLOAT")
    signal, _ = librosa.load(tmp_path / "chord.wav", sr=16000)
    np.testing.assert_array_equal(mono_at(chord(2), 44100, 16000), signal)
    expected = librosa.feature.melspectrogram(
        y=signal, sr=16000, n_fft=512, hop_length=256, n_mels=96
    )
    found = mel_power(signal, 512, 256, mel_filters(16000, 512, 96))
    np.testing.assert_allclose(found, expected.T, rtol=1e-5, atol=1e-9)


def test_checkpoint_is_read_as_tensorflow_reads_it():
    reader = tf.compat.v1.train.NewCheckpointReader(f"{CHECKPOINT}/")
    names = {
        name
        for name in reader.get_variable_to_shape_map()
        if "Adam" not in name and not name.endswith("_power")
    }
    found = read_checkpoint(f"{CHECKPOINT}/")
    assert set(found) == names
    assert len(names) == 64
    for name in names:
        np.testing.assert_array_equal(found[name], reader.get_tensor(name))


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
        load_model("musicnn", {})


@pytest.fixture(scope="module")
def calibrated():
    """Untrained weights calibrated on three patches, those patches, and the weights before."""
    random = np.random.default_rng(5)
    weights = musicnn_network.initial_weights(random)
    initial = dict(weights)
    patches = [ours.log_mel(pink_noise(random, 16000))[:187] for _ in range(3)]
    musicnn_network.calibrate(weights, patches)
    return weights, np.stack(patches), initial


def test_untrained_statistics_are_those_of_a_training_pass_of_the_package(calibrated):
    weights, patches, initial = calibrated
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        # In float64: TensorFlow's float32 sums over all positions of a layer are good to 1e-4.
        x = tf.constant(patches.astype(np.float64))
        *_, mean_pool, _, _ = define_model(x, True, "MTT_musicnn", 50)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for variable in v1.global_variables():
                if variable.op.name in initial:
                    variable.load(initial[variable.op.name], session)
            expected = session.run(mean_pool)
    network = musicnn_network.Network(weights)
    assert relative(np.stack([network.mean_pool(patch) for patch in patches]), expected) <= 1e-5
    penultimate = np.stack([network.penultimate(patch) for patch in patches])
    np.testing.assert_allclose(penultimate.mean(axis=0), 0, atol=1e-3)
    variance = weights["batch_normalization_10/moving_variance"]
    deviation = np.sqrt(variance / (variance + musicnn_network.EPSILON))
    np.testing.assert_allclose(penultimate.std(axis=0), deviation, atol=1e-3)


def test_untrained_backends_agree_also_where_a_scale_is_negative(calibrated):
    weights = dict(calibrated[0])
    for index in range(1, 6):
        name = f"batch_normalization_{index}/gamma"
        weights[name] = np.where(np.arange(len(weights[name])) % 2, 1, -1).astype(np.float32)
    patches = [calibrated[1][:1]]
    expected = ours.UpstreamMusiCNN(weights, "mean_pool", 1).embed(patches)
    assert relative(ours.MusiCNN(weights, "mean_pool").embed(patches), expected) <= 1e-5


def test_untrained_weights_follow_the_seed_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "N_PINK_CLIPS", 2)
    options = {"seed": 7}
    path = tmp_path / "weights.npz"
    write_initial("musicnn-untrained", options, path)
    content = path.read_bytes()
    write_initial("musicnn-untrained", options, path)
    assert path.read_bytes() == content
    hashes = [
        load_model("musicnn-untrained", options, path).weights_sha256,
        load_model("musicnn-untrained", options).weights_sha256,
        load_model("musicnn-untrained", {"seed": 8}).weights_sha256,
        load_model("musicnn", {}).weights_sha256,
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    path.write_bytes(content[:1000])
    with pytest.raises(InputError, match=r"weights\.npz"):
        load_model("musicnn-untrained", options, path)
    with pytest.raises(InputError, match="not an untrained model"):
        write_initial("musicnn", {}, path)


class Runs:
    """A pickle that would run code."""

    def __reduce__(self):
        return builtins.exec, ("raise SystemExit('code of weights was run')",)


def test_weights_that_hold_code_or_claim_too_much_are_refused(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **{"a/b": np.array([Runs()], dtype=object)})
    with pytest.raises(InputError, match=r"weights\.npz: not readable weights \(Object arrays"):
        load_model("musicnn-untrained", {}, path)
    path.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(InputError, match=r"weights\.npz: not readable weights"):
        load_model("musicnn-untrained", {}, path)
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)}
    claim = io.BytesIO()
    np.lib.format.write_array_header_1_0(claim, header)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", claim.getvalue())
    with pytest.raises(InputError, match=r"weights\.npz: not readable weights"):
        load_model("musicnn-untrained", {}, path)


def test_untrained_weights_are_the_same_on_every_machine():
    # Found with NumPy 1.26 and 2.4 and with OpenBLAS kernels for AVX, AVX2 and AVX-512.
    expected = "2ef2ad0546e000a54e4feb7a882afe9f0f9fadcbaf33d06efbf7de60f38571c3"
    assert load_model("musicnn-untrained", {}).weights_sha256 == expected
