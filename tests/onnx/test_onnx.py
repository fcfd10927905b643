"""Networks in ONNX files against their closed form in NumPy; what a file may not be or return."""

import numpy as np
import pytest

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.onnx.network import start, with_output
from support import chord, relative
from support.model_contract import check_model
from support.onnx_files import FLOAT16, HOP, KERNEL, N_VALUES, describe, node, write_network

RATE = 16000
# An input of any length, and one of a fixed length.
FREE, FIXED = ("batch", "samples"), (1, RATE)
# Of an input without the axis of a batch: the axis of the output is one of time.
NO_BATCH = {"pooling": "mean"}
POOLINGS = {"mean": np.mean, "max": np.max, "first": lambda frames, axis: frames[0]}


def load(path, threads: int = 1, **entry):
    """Choose and load a file as a run does."""
    choice = choose("net", {"onnx": path, "output": "embedding", "samplerate": RATE, **entry})
    return choice, choice.load(threads=threads)


def embed(model, *clips: np.ndarray) -> np.ndarray:
    prepared = [model.prepare(clip.reshape(len(clip), -1), RATE) for clip in clips]
    return model.embed(prepared)["embedding"]


def expected_frames(samples: np.ndarray) -> np.ndarray:
    """What the network makes of samples, in float64: (time, N_VALUES)."""
    n_frames = len(samples) // HOP
    return np.abs(
        samples[: n_frames * HOP].reshape(n_frames, HOP).astype(float) @ np.array(KERNEL).T
    )


def mono(seconds: float, seed: int = 0) -> np.ndarray:
    return chord(seconds, RATE, seed, channels=1)[:, 0]


@pytest.mark.parametrize(
    "shape",
    [
        FREE,
        (1, "samples"),
        ("samples",),
        (1, 1, "samples"),
        ("batch", 1, "samples"),
        FIXED,
        (RATE,),
    ],
    ids=str,
)
def test_an_embedding_is_the_networks_closed_form(shape, tmp_path):
    more = NO_BATCH if len(shape) == 1 else {}
    _, model = load(write_network(tmp_path / "net.onnx", shape), **more)
    clip = mono(1)
    (row,) = embed(model, clip)
    assert row.dtype == np.float32
    assert relative(row, expected_frames(clip).mean(axis=0)) <= 1e-5


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("output", "axis"), [("frames", 1), ("channels", 2)])
def test_an_output_with_time_is_pooled(output, axis, pooling, tmp_path):
    path = write_network(tmp_path / "net.onnx")
    _, model = load(path, output=output, time_axis=axis, pooling=pooling)
    clip = mono(1.3)
    (row,) = embed(model, clip)
    assert relative(row, POOLINGS[pooling](expected_frames(clip), axis=0)) <= 1e-5


@pytest.mark.parametrize(("output", "more"), [("bare", {"pooling": "max"}), ("whole", {})])
def test_a_network_of_one_clip_needs_no_batch(output, more, tmp_path):
    shape = ("time", N_VALUES) if more else (N_VALUES,)
    path = write_network(tmp_path / "net.onnx", ("samples",), {output: shape})
    _, model = load(path, output=output, **more)
    clip = mono(1.3)
    frames = expected_frames(clip)
    assert relative(embed(model, clip)[0], frames.max(0) if more else frames.mean(0)) <= 1e-5


@pytest.mark.parametrize("shape", [FREE, FIXED], ids=str)
def test_a_long_clip_is_the_mean_of_windows_the_last_of_which_ends_with_it(shape, tmp_path):
    more = {} if shape == FIXED else {"window_s": 1}
    _, model = load(write_network(tmp_path / "net.onnx", shape), **more)
    clip = mono(2.3)
    assert model.prepare(clip[:, None], RATE).shape == (3, RATE)
    windows = [clip[:RATE], clip[RATE : 2 * RATE], clip[-RATE:]]
    expected = np.mean([expected_frames(window).mean(axis=0) for window in windows], axis=0)
    (row,) = embed(model, clip)
    assert relative(row, expected) <= 1e-5
    np.testing.assert_array_equal(embed(model, clip)[0], row)


def test_a_short_clip_is_followed_by_silence_if_the_network_needs_it(tmp_path):
    clip = mono(0.5)
    filled = np.concatenate([clip, np.zeros(RATE - len(clip))])
    for shape, more in ((FIXED, {}), (FREE, {"shortest_s": 1}), (FREE, {})):
        _, model = load(write_network(tmp_path / "net.onnx", shape), **more)
        taken = clip if shape == FREE and not more else filled
        (row,) = embed(model, clip)
        assert relative(row, expected_frames(taken).mean(axis=0)) <= 1e-5


def test_a_batch_embeds_as_single_clips_do_and_threads_do_not_show(tmp_path):
    path = write_network(tmp_path / "net.onnx")
    _, model = load(path)
    clips = [mono(seconds, seed) for seed, seconds in enumerate([3, 6.5, 0.4, 3])]
    single = np.stack([embed(model, clip)[0] for clip in clips])
    np.testing.assert_array_equal(embed(model, *clips), single)
    np.testing.assert_array_equal(embed(model, *clips[::-1])[::-1], single)
    assert relative(single[0], single[3]) > 1e-2
    _, threads = load(path, threads=2)
    assert threads.session.get_session_options().intra_op_num_threads == 2
    assert relative(embed(threads, *clips), single) <= 1e-6


def test_channels_are_mixed_and_resampled_to_the_rate_of_the_entry(tmp_path):
    _, model = load(write_network(tmp_path / "net.onnx"))
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    (samples,) = model.prepare(np.stack([tone, 0 * tone], axis=1).astype(np.float32), 44100)
    expected = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) / 2
    np.testing.assert_allclose(samples[500:-500], expected[500:-500], atol=2e-4)


@pytest.mark.parametrize("shape", [FREE, ("samples",), FIXED], ids=str)
def test_a_model_keeps_the_contract(shape, tmp_path):
    more = NO_BATCH if len(shape) == 1 else {}
    check_model(*load(write_network(tmp_path / "net.onnx", shape), **more))


def test_a_tensor_within_the_graph_is_an_output_of_the_same_values(tmp_path):
    returned = write_network(tmp_path / "returned.onnx")
    within = write_network(tmp_path / "within.onnx", outputs={"frames": (1, "time", N_VALUES)})
    clip = mono(1.3)
    rows = [embed(load(path, dimension=N_VALUES)[1], clip)[0] for path in (returned, within)]
    np.testing.assert_array_equal(*rows)
    # A name of any length is added, whatever it takes to write how long it is.
    name = "x" * 40000
    path = write_network(tmp_path / "long.onnx", nodes=[node("Abs", "frames", name)])
    content = (tmp_path / "long.onnx").read_bytes()
    assert start(content, name, 1, path).get_outputs()[-1].name == name
    assert with_output(content, name).startswith(content)


def refuse(message: str, path: str, clip: np.ndarray | None = None, **entry) -> None:
    """Load a file, embed a clip with it, and expect the message in one line."""
    with pytest.raises(InputError, match=message) as error:
        embed(load(path, **entry)[1], mono(1) if clip is None else clip)
    assert "\n" not in str(error.value) and path in str(error.value)


@pytest.mark.parametrize("clip", [np.zeros(RATE, "f4"), np.full(RATE, np.nan, "f4")], ids=str)
def test_values_that_are_not_finite_are_an_error(clip, tmp_path):
    path = write_network(tmp_path / "net.onnx")
    more = {"pooling": "mean", "time_axis": 2, "dimension": N_VALUES}
    refuse("logarithm is not finite for an input of 16000 ", path, clip, output="logarithm", **more)


def test_an_output_that_is_not_as_declared_is_an_error(tmp_path):
    """Where the file declares less than a plan can check."""
    path = write_network(tmp_path / "net.onnx")
    refuse(r"whole has the shape \(8,\) .*expected \(1, 5\)", path, output="whole", dimension=5)
    more = {"pooling": "mean", "dimension": N_VALUES}
    refuse(r"bare has the shape \(40, 8\) .*\(1, time, 8\)", path, output="bare", **more)
    more |= {"time_axis": 1}
    refuse(r"logarithm has the shape .*\(1, time, 8\)", path, output="logarithm", **more)


def test_an_output_that_rounds_more_than_float32_is_an_error(tmp_path):
    path = write_network(
        tmp_path / "net.onnx", nodes=[node("Cast", "embedding", "half", to=FLOAT16)]
    )
    refuse("half is of float16, expected float32", path, output="half", dimension=N_VALUES)


def test_a_clip_that_the_network_cannot_take_is_an_error(tmp_path):
    path = write_network(tmp_path / "net.onnx")
    refuse("fails for an input of 399 samples .*give window_s or shortest_s", path, mono(1)[:399])


def test_a_network_that_onnxruntime_does_not_compute_is_an_error(tmp_path):
    nodes = [node("Unheard", "frames", "unheard")]
    path = write_network(tmp_path / "net.onnx", nodes=nodes)
    refuse(r"onnxruntime [\d.]+ doesn't compute it .*Unheard.*export it again", path)


def test_the_file_is_known_by_its_hash(tmp_path):
    found = set()
    for scale in (1, 2):
        choice, model = load(write_network(tmp_path / f"{scale}.onnx", scale=scale))
        found.add(model.weights_sha256)
        assert choice.local_files == (str(tmp_path / f"{scale}.onnx"),)
    assert len(found) == 2
    (tmp_path / "1.onnx").unlink()
    with pytest.raises(InputError, match=r"1\.onnx: cannot be read \(No such file"):
        choice.load(tmp_path / "1.onnx")
    assert describe("x", None) != describe("x", ())
