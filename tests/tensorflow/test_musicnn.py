"""MusiCNN equals its package, on either backend and in either environment, whatever the batch."""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import musicnn
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from musicnn.models import define_model

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.musicnn import model as ours
from embedding_sensitivity.models.musicnn import network as musicnn_network
from embedding_sensitivity.models.shared.checkpoint import read_checkpoint
from embedding_sensitivity.models.shared.initial import pink_noise
from support import chord, relative
from support.stacks import python_of

CHECKPOINT = Path(musicnn.__file__).parent / "MTT_musicnn"
ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "audio"
BACKENDS = ["numpy", "upstream"]
LAYERS = ["mean_pool", "penultimate"]


@pytest.fixture(scope="module")
def models():
    return {
        (backend, layer): choose("musicnn", {"backend": backend, "layer": layer}).load()
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
        embedding = model.embed([model.prepare(audio, samplerate)])[layer]
        assert embedding.shape == (1, choose("musicnn", {"layer": layer}).dimension)
        assert embedding.dtype == np.float32
        expected = features[layer]
        if layer == "penultimate":  # of later patches the package returns the first's again
            np.testing.assert_array_equal(expected, np.repeat(expected[:1], len(expected), axis=0))
            embedding = model.embed([model.prepare(audio, samplerate)[:1]])[layer]
        assert relative(embedding[0], expected.mean(axis=0)) <= 1e-5


@pytest.mark.more
def test_equals_the_packages_extractor_on_three_patches(models, tmp_path):
    soundfile.write(tmp_path / "chord.wav", chord(9.5), 44100, subtype="PCM_16")
    assert len(models["numpy", "mean_pool"].prepare(chord(9.5), 44100)) == 3
    check_against_package(tmp_path / "chord.wav", models)


@pytest.mark.more  # the package's extractor takes 20 s to begin
@pytest.mark.parametrize("name", ["medley_solos_validation_3", "Fl-ord-C4-mf-N-T14d"])
def test_equals_the_packages_extractor_on_recordings(models, tmp_path, name):
    if not (RECORDINGS / f"{name}.wav").exists():
        pytest.skip("no recordings beside the checkout (../shared/audio)")
    audio, samplerate = soundfile.read(RECORDINGS / f"{name}.wav", always_2d=True)
    clip = np.resize(audio, (3 * samplerate, audio.shape[1]))
    soundfile.write(tmp_path / "clip.wav", clip, samplerate, subtype="PCM_16")
    check_against_package(tmp_path / "clip.wav", models)


@pytest.fixture(scope="module")
def musicnn_python():
    """The Python of envs/musicnn, of the same checkout, where backend `numpy` runs."""
    return python_of("musicnn")


@pytest.mark.parametrize("layer", LAYERS)
def test_in_its_own_environment_equals_the_packages_graph(models, musicnn_python, tmp_path, layer):
    """There NumPy is 2 or later, whose promotion of types and whose OpenBLAS are others."""
    script = """
import sys
import numpy as np
from embedding_sensitivity.models import choose
assert int(np.__version__.split(".")[0]) >= 2
model = choose("musicnn", {"layer": sys.argv[1]}).load()
with np.load(sys.argv[2]) as clips:
    prepared = [model.prepare(clips[name], 44100) for name in clips]
np.savez(sys.argv[3], embeddings=model.embed(prepared)[sys.argv[1]], spectrogram=prepared[0])
"""
    # The last is so quiet that the rounding to float16 in the front end counts.
    clips = [chord(3), chord(6.5, seed=1), chord(3, seed=2) / 100]
    np.savez(tmp_path / "clips.npz", *clips)
    subprocess.run(
        [musicnn_python, "-c", script, layer, tmp_path / "clips.npz", tmp_path / "found.npz"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")},
        check=True,
    )
    found = np.load(tmp_path / "found.npz")
    prepared = [models["numpy", layer].prepare(clip, 44100) for clip in clips]
    assert found["spectrogram"].dtype == prepared[0].dtype == np.float32
    for backend, tolerance in (("numpy", 2e-6), ("upstream", 1e-5)):
        expected = models[backend, layer].embed(prepared)[layer]
        for row, other in zip(found["embeddings"], expected, strict=True):
            assert relative(row, other) <= tolerance


@pytest.mark.parametrize("layer", LAYERS)
def test_a_batch_embeds_as_single_clips_do(models, layer):
    model = models["upstream", layer]
    prepared = [model.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate([3, 6.5, 1, 3])]
    batch = model.embed(prepared)[layer]
    single = np.concatenate([model.embed([clip])[layer] for clip in prepared])
    assert relative(batch, single) <= 1e-6
    assert relative(batch[0], batch[3]) > 1e-2


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
    models = ours.MusiCNN(weights, "mean_pool"), ours.UpstreamMusiCNN(weights, "mean_pool", 1)
    found, expected = (model.embed(patches)["mean_pool"] for model in models)
    assert relative(found, expected) <= 1e-5
