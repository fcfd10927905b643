"""OpenL3's backend `upstream` equals its package; its resampler and untrained weights are right."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gzip
import shutil
import warnings
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from support import chord, relative

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # resampy still uses pkg_resources
    import openl3
    import resampy

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.openl3 import model as ours
from embedding_sensitivity.models.shared import kaiser_best
from embedding_sensitivity.models.shared.initial import pink_noise

ROOT = Path(__file__).resolve().parents[2]
read_weights = partial(ours.read_weights, options=choose("openl3").options)
RECORDINGS = ROOT.parent / "shared" / "audio"
PUBLISHED = Path(os.environ.get("SENSITIVITY_WEIGHTS", ROOT / "resources" / "weights"))

pytestmark = [
    pytest.mark.filterwarnings("ignore:Provided audio is all zeros"),
    pytest.mark.filterwarnings("ignore:Duration of provided audio"),
]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A file of untrained weights, calibrated on two clips instead of 64."""
    path = tmp_path_factory.mktemp("weights") / "untrained.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "N_PINK_CLIPS", 2)
        choose("openl3-untrained", {"seed": 7}).write_initial(path)
    return path


@pytest.fixture(scope="module")
def model(untrained):
    return choose("openl3-untrained", {"backend": "upstream"}).load(untrained)


def from_package(audio: np.ndarray, samplerate: int, weights: Path) -> np.ndarray:
    """The frames of the package's own function, on the float64 that soundfile would have read."""
    network = openl3.models.load_audio_embedding_model_from_path(weights, "mel128", 512)
    frames, _ = openl3.get_audio_embedding(
        audio.astype(np.float64), samplerate, model=network, verbose=False
    )
    return frames


def test_equals_the_packages_function_on_three_seconds(model, untrained):
    expected = from_package(chord(3), 44100, untrained)
    found = model.embed([model.prepare(chord(3), 44100)])["embedding"]
    assert expected.shape == (26, 512)
    assert found.shape == (1, 512) and found.dtype == np.float32
    assert relative(found[0], expected.mean(axis=0)) <= 1e-6


def test_another_network_and_size_is_the_packages(untrained):
    """The file fits all networks, which differ in their input alone."""
    options = {"input_repr": "linear", "embedding_size": 6144}
    model = choose("openl3-untrained", {"backend": "upstream", **options}).load(untrained)
    network = openl3.models.load_audio_embedding_model_from_path(untrained, *options.values())
    prepared = model.prepare(chord(0.6), 44100)
    expected = network(ours.windows(prepared)[:, None]).numpy().mean(axis=0)
    (found,) = model.embed([prepared])["embedding"]
    assert found.shape == (6144,) and relative(found, expected) <= 1e-6


@pytest.mark.parametrize("name", ["medley_solos_validation_3", "Fl-ord-C4-mf-N-T14d"])
def test_equals_the_packages_function_on_recordings(model, untrained, name):
    if not (RECORDINGS / f"{name}.wav").exists():
        pytest.skip("no recordings beside the checkout (../shared/audio)")
    audio, samplerate = soundfile.read(
        RECORDINGS / f"{name}.wav", dtype="float32", always_2d=True, frames=40000
    )
    expected = from_package(audio, samplerate, untrained)
    found = model.embed([model.prepare(audio, samplerate)])["embedding"]
    assert relative(found[0], expected.mean(axis=0)) <= 1e-6


def test_equals_the_packages_function_with_the_published_weights():
    weights = PUBLISHED / choose("openl3").weights_file
    if not weights.exists():
        pytest.skip(f"no published weights: {weights} (SENSITIVITY_WEIGHTS names another folder)")
    model = choose("openl3", {"backend": "upstream"}).load(weights)
    expected = from_package(chord(1), 44100, weights)
    found = model.embed([model.prepare(chord(1), 44100)])["embedding"]
    assert relative(found[0], expected.mean(axis=0)) <= 1e-6


@pytest.mark.parametrize(
    ("seconds", "samplerate", "n_windows"),
    [
        (3, 44100, 26),
        (3, 48000, 26),
        (0.2, 44100, 1),
        (0.5, 48000, 1),
        (0.5 + 1 / 48000, 48000, 2),
        (0.6, 48000, 2),
        (1.2345, 22050, 9),
        (7, 32000, 66),
    ],
)
@pytest.mark.parametrize("channels", [slice(0, 1), slice(0, 2)])
def test_windows_are_the_packages(model, seconds, samplerate, n_windows, channels):
    audio = chord(seconds, samplerate)[:, channels]
    expected = openl3.preprocess_audio(audio.astype(np.float64), samplerate)[:, 0]
    assert len(expected) == n_windows
    np.testing.assert_array_equal(
        ours.windows(model.prepare(audio, samplerate)), expected.astype(np.float32)
    )
    # What `torch` makes of it rounds differently here and there.
    np.testing.assert_allclose(
        ours.windows(ours.prepare(audio, samplerate)), expected, atol=2e-7, rtol=2e-7
    )


@pytest.mark.parametrize("prepare", [ours.prepare, ours.prepare_upstream])
def test_a_clip_of_no_samples_is_a_window_of_silence(model, prepare):
    for samplerate, n_samples in [(48000, 0), (44100, 0), (96000, 1)]:
        silence = prepare(np.zeros((n_samples, 2), np.float32), samplerate)
        np.testing.assert_array_equal(silence, np.zeros(48000))
    assert np.isfinite(model.embed([silence])["embedding"]).all()


def test_a_batch_embeds_as_single_clips_do(model):
    prepared = [model.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate([0.7, 1.1, 0.7])]
    batch = model.embed(prepared)["embedding"]
    for row, clip in zip(batch, prepared, strict=True):
        assert relative(row, model.embed([clip])["embedding"][0]) <= 1e-6
    assert relative(batch[0], batch[2]) > 1e-2


def test_long_clips_are_embedded_in_parts(model, monkeypatch):
    prepared = [model.prepare(chord(1), 44100)]
    whole = model.embed(prepared)["embedding"]
    monkeypatch.setattr(ours, "N_AT_ONCE", 4)
    assert relative(model.embed(prepared)["embedding"], whole) <= 1e-6


def test_kaiser_best_is_resampys_filter():
    table, n_per_zero, _ = resampy.filters.load_filter("kaiser_best")
    np.testing.assert_allclose(kaiser_best.half_filter(), table, rtol=0, atol=3e-16)
    assert n_per_zero == kaiser_best.N_PER_ZERO


@pytest.mark.parametrize(
    ("samplerate", "tolerance"),
    [
        *((samplerate, 5e-8) for samplerate in (44100, 22050, 16000, 32000, 8000, 11025)),
        *((samplerate, 5e-8) for samplerate in (44101, 47999, 96001)),  # 48000 phases
        (96000, 1e-14),
        (192000, 1e-14),
        # There the table's step is cut by 0.2 %, and the filter is not continuous at whole samples.
        (88200, 3e-4),
    ],
)
def test_kaiser_best_resamples_as_resampy(samplerate, tolerance):
    signal = np.random.default_rng(0).standard_normal(samplerate // 3)
    expected = resampy.resample(signal, samplerate, 48000, filter="kaiser_best")
    found = kaiser_best.resample(signal, samplerate, 48000)
    assert found.dtype == np.float64 and found.shape == expected.shape
    assert relative(found, expected) <= tolerance


def test_at_its_own_rate_a_signal_stays_as_it_is():
    signal = chord(0.1, 48000)[:, 0]
    np.testing.assert_array_equal(kaiser_best.resample(signal, 48000, 48000), signal)


@pytest.fixture
def float64():
    """Layers built while it lasts compute in float64."""
    tf.keras.backend.set_floatx("float64")
    yield
    tf.keras.backend.set_floatx("float32")


@pytest.mark.parametrize("input_repr", openl3.models.VALID_INPUT_REPRS)
def test_front_end_is_the_packages_in_float64(float64, input_repr):
    windows = ours.windows(ours.prepare(chord(1), 44100))[:3]
    front_end = openl3.models.AUDIO_MODELS[input_repr]().layers[1]
    expected = front_end(windows[:, None].astype(np.float64)).numpy()[..., 0]
    assert expected.dtype == np.float64
    assert expected.min() == -80 and expected.max() == 0
    found = np.stack([ours.spectrogram(window, input_repr) for window in windows])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_untrained_weights_are_the_packages_initialisation(untrained):
    tf.keras.utils.set_random_seed(7)
    expected = openl3.models.AUDIO_MODELS["mel128"]().get_weights()
    found = read_weights(untrained)
    assert len(found) == len(expected) == 48
    for (name, _), array, other in zip(ours.VARIABLES, found, expected, strict=True):
        if not name.startswith("moving"):
            np.testing.assert_array_equal(array, other)


def test_untrained_statistics_are_those_of_a_training_pass_of_the_package(untrained, float64):
    random = np.random.default_rng(7)
    noise = np.stack([pink_noise(random, 48000, 1.0) for _ in range(2)])
    network = openl3.models.AUDIO_MODELS["mel128"]()
    found = read_weights(untrained)
    network.set_weights(found)
    x = network.layers[1](noise[:, None])
    for layer in network.layers[2:]:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
        x = layer(x, training=True)
    assert x.dtype == tf.float64
    for array, expected in zip(found, network.get_weights(), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_untrained_weights_follow_the_seed(untrained, tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "N_PINK_CLIPS", 2)
    for seed in (7, 8):
        choose("openl3-untrained", {"seed": seed}).write_initial(tmp_path / f"{seed}.h5")
    assert (tmp_path / "7.h5").read_bytes() == untrained.read_bytes()
    assert (tmp_path / "8.h5").read_bytes() != untrained.read_bytes()


def test_untrained_weights_are_the_same_on_every_machine(untrained):
    # Found with oneDNN on and off, and with kernels of OpenBLAS and NumPy for SSE, AVX2, AVX-512.
    expected = "b4f9310d8f28d0a99ebbffd36f1960e295ecfadfe8bcb844730a71443f6b90e2"
    assert sha256_of(untrained) == expected


def test_weights_that_are_not_openl3s_are_refused(untrained, tmp_path):
    content = untrained.read_bytes()
    path = tmp_path / "weights.h5"

    def refused(match: str) -> None:
        with pytest.raises(InputError, match=match) as caught:
            choose("openl3", {"backend": "upstream"}).load(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)

    refused("no such file")
    for damaged, match in [
        (content[: len(content) // 2], "truncated"),
        (b"", "truncated"),
        (b"<!DOCTYPE html><title>404</title>", "web page"),
        (gzip.compress(content[:1000]), "gunzip"),
    ]:
        path.write_bytes(damaged)
        refused(match)
    path.unlink()
    path.mkdir()
    refused("Is a directory")
    path.rmdir()
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    refused("not the weights of OpenL3")
    openl3.models.AUDIO_MODELS["mel128"]().save_weights(path)
    with h5py.File(path, "a") as file:
        layer = file[file.attrs["layer_names"][2]]
        del layer[layer.attrs["weight_names"][0]]
        layer[layer.attrs["weight_names"][0]] = np.zeros((3, 3, 1, 63), np.float32)
    refused("not the weights of OpenL3")
    with pytest.raises(InputError, match="initialise_model"):
        choose("openl3-untrained", {"backend": "upstream"}).load()


def test_layers_are_taken_by_their_order_not_their_names(untrained, tmp_path):
    """The names in a file depend on what its process had built before."""
    path = tmp_path / "renamed.h5"
    shutil.copy(untrained, path)
    with h5py.File(path, "a") as file:
        names = list(file.attrs["layer_names"])
        file.attrs["layer_names"] = [f"{name}_9" for name in names]
        for name in names:
            file.move(name, f"{name}_9")
    for renamed, array in zip(read_weights(path), read_weights(untrained), strict=True):
        np.testing.assert_array_equal(renamed, array)
