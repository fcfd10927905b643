"""Entries of `models` that name an ONNX file: what a plan reads of it, refuses and depends on."""

import re

import pytest
import yaml

from embedding_sensitivity.experiment import identity
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.onnx.entries import KEYS
from embedding_sensitivity.models.onnx.graph import MAX_DEPTH, NotONNX, read_graph
from support.onnx_files import (
    FLOAT16,
    INT64,
    N_VALUES,
    describe,
    field,
    graph,
    model,
    node,
    weights,
    write_network,
)
from support.project import ROOT

RATE = 16000


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Function that writes `net.onnx` in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write_it(*shape: int | str, **more) -> None:
        write_network(tmp_path / "net.onnx", shape or ("batch", "samples"), **more)

    write_it()
    return write_it


def local(**entry):
    entry = {"onnx": "net.onnx", "output": "embedding", "samplerate": RATE, **entry}
    return choose("net", {key: value for key, value in entry.items() if value is not None})


def test_the_file_says_what_the_entry_need_not(write):
    choice = local()
    assert choice.options["input"] == "waveform" and choice.dimension == N_VALUES
    assert choice.model.samplerate == RATE and choice.environment == "onnx"
    assert choice.local_files == ("net.onnx",) and choice.analysed == {"net": None}
    assert choice.options["window_s"] == 30 and "pooling" not in choice.options
    write(1, RATE)
    assert "window_s" not in local().options


def test_a_choice_can_be_made_again_from_its_entry(write):
    frames = {"output": "frames", "pooling": "max"}
    for entry in ({}, frames, {**frames, "output": "channels", "time_axis": 2}, {"window_s": 5}):
        choice = local(**entry)
        assert choose(choice.name, choice.entry).identity == choice.identity
        assert choice.declared_in == choice.entry


def test_inputs_of_older_files_that_have_a_value_are_no_inputs(write):
    write(inputs=[describe("kernel", (N_VALUES, 1, 400))])
    assert local().options["input"] == "waveform"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"onnx": "no.onnx"}, "models.net.onnx: no.onnx is no file: give the path of an ONNX file"),
        ({"onnx": "."}, "models.net.onnx: . is no file"),
        ({"onnx": ""}, "models.net.onnx: is '', expected the path of an ONNX file"),
        ({"onnx": "{x}.onnx"}, "models.net.onnx: .* has { in it"),
        ({"input": "wave"}, "models.net.input: unknown input 'wave': did you mean 'waveform'"),
        ({"output": "embeding"}, "models.net.output: unknown tensor .* did you mean 'embedding'"),
        ({"output": "xyz"}, "unknown tensor 'xyz': expected one of channels, frames, embedding"),
        ({"output": None}, "models.net.output: is missing: .*returns channels, embedding, frames"),
        ({"output": ["frames"]}, "models.net.output: unknown tensor"),
        ({"samplerate": None}, "models.net.samplerate: is missing, expected the rate in Hz"),
        ({"samplerate": "16k"}, "models.net.samplerate: is '16k', expected"),
        ({"samplerate": True}, "models.net.samplerate: is True"),
        (
            {"output": "frames"},
            "pooling: is missing, and frames has an axis of time, expected mean",
        ),
        (
            {"output": "frames", "pooling": "sum"},
            "pooling: is 'sum', expected mean or max or first",
        ),
        ({"pooling": "mean"}, "models.net.pooling: embedding has no axis of time: remove the key"),
        ({"time_axis": 1}, "models.net.time_axis: embedding has no axis of time"),
        (
            {"output": "frames", "pooling": "max", "time_axis": 0},
            r"models.net.time_axis: is 0, expected 1 \(default\) or 2",
        ),
        (
            {"output": "frames", "pooling": "max", "time_axis": 2},
            "dimension: is missing, .* frames",
        ),
        ({"output": "whole"}, "models.net.dimension: is missing, and net.onnx doesn't declare how"),
        (
            {"dimension": 5},
            "models.net.dimension: is 5, but embedding of net.onnx has 8: remove it",
        ),
        ({"output": "whole", "dimension": 0}, "models.net.dimension: is 0, expected a number"),
        ({"window_s": 0.01}, "models.net.window_s: is 0.01, expected 0.05 to 600 s"),
        ({"window_s": 2, "shortest_s": 3}, "models.net.shortest_s: is 3, expected 0 to 2 s"),
        ({"windows": 2}, "models.net.windows: unknown key 'windows': did you mean 'window_s'"),
        ({"backend": "torch"}, "models.net.backend: is 'torch', expected onnxruntime"),
        ({"batch_size": 0}, "models.net.batch_size: is 0, expected auto or a number from 1 up"),
    ],
)
def test_what_an_entry_cannot_have_is_refused_in_one_line(write, entry, message):
    with pytest.raises(InputError, match=message) as error:
        local(**entry)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["window_s", "shortest_s"])
def test_a_length_that_the_file_fixes_is_not_said_again(write, key):
    write(1, RATE)
    with pytest.raises(InputError, match=f"{key}: net.onnx takes 16000 samples, and nothing else"):
        local(**{key: 1})


@pytest.mark.parametrize(
    "shape", [(), (2, "samples"), (1, 2, "samples"), (1, 1, 1, "samples")], ids=str
)
def test_an_input_that_is_not_one_channel_of_samples_is_refused(write, tmp_path, shape):
    parts = [node("Abs", "waveform", "embedding")], [describe("waveform", shape)]
    found = model(graph(*parts, [describe("embedding", (1, N_VALUES))]))
    (tmp_path / "net.onnx").write_bytes(found)
    with pytest.raises(
        InputError, match=r"waveform of net.onnx has the shape .*expected \(samples"
    ):
        local()


@pytest.mark.parametrize("shape", [("a", "b", "c", "d"), ("values",), (2, N_VALUES)], ids=str)
def test_an_output_of_another_rank_is_refused(write, shape):
    write(outputs={"embedding": shape})
    expected = r"expected \(1, values\) or \(1, time, values\)"
    with pytest.raises(
        InputError, match=f"output: embedding of net.onnx has the shape .*{expected}"
    ):
        local()


SECOND = {"inputs": [describe("state", (1, 4))]}
OUTSIDE = weights("far", (9,), (), "../net.data")
FAR = field(1, "value") + field(5, OUTSIDE) + field(20, 4)
INNER = graph([node("RandomNormal", "", "drawn", shape=[3])], [], [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (SECOND, r"models.net.input: is missing, and net.onnx has state, waveform: give the name"),
        ({"stored": [OUTSIDE]}, r"onnx: net.onnx has tensors in other files \(net.data\), whose"),
        ({"nodes": [node("Constant", "", "far") + field(5, FAR)]}, r"in other files \(net.data\)"),
        ({"nodes": [node("Dropout", "frames", "x"), node("Bernoulli", "x", "y")]},
         r"draws random numbers \(Bernoulli\), so that"),
        ({"nodes": [node("If", "x", "y", then_branch=INNER)]}, r"random numbers \(RandomNormal\)"),
    ],
    ids=["inputs", "weights", "constant", "random", "inner"],
)  # fmt: skip
def test_a_network_that_would_not_give_the_same_again_is_refused(write, more, message):
    write(**more)
    with pytest.raises(InputError, match=message):
        local()


def test_further_inputs_are_refused(write):
    write(**SECOND)
    with pytest.raises(InputError, match=r"net\.onnx takes state beside waveform, expected audio"):
        local(input="waveform")


def test_other_numbers_than_float32_are_refused(write, tmp_path):
    nodes, shape = [node("Cast", "waveform", "embedding", to=FLOAT16)], (1, N_VALUES)
    for taken, returned, message in (
        (INT64, 1, "input: waveform of net.onnx is of int64, expected float32"),
        (1, FLOAT16, "output: embedding of net.onnx is of float16, expected float32"),
    ):
        ends = [describe("waveform", shape, taken)], [describe("embedding", shape, returned)]
        (tmp_path / "net.onnx").write_bytes(model(graph(nodes, *ends)))
        with pytest.raises(InputError, match=message):
            local()


def test_a_function_of_the_file_is_read_too(tmp_path):
    functions = [field(1, "f") + field(7, node("RandomUniform", "", "x"))]
    path = tmp_path / "net.onnx"
    path.write_bytes(model(graph([], [], []), functions=functions))
    assert read_graph(path).random == {"RandomUniform"}


def test_a_file_that_is_not_onnx_is_refused(write, tmp_path):
    path = tmp_path / "net.onnx"
    whole = path.read_bytes()
    deep = INNER
    for _ in range(MAX_DEPTH + 1):
        deep = graph([node("If", "x", "y", then_branch=deep)], [], [])
    others = [b"", b"<!DOCTYPE html><html>", b"PK\x03\x04" + bytes(99), bytes(2000), model(deep)]
    for content in (
        *others,
        whole[:-20],
        whole[: len(whole) // 2],
        field(7, b"\xff"),
        b"\xff" * 20,
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"net\.onnx is not an ONNX file .*: export or copy"):
            local()


def test_damaged_files_end_in_an_error_of_their_own(tmp_path):
    """Every byte of a small file changed: what is read is a graph or refused."""
    path = tmp_path / "net.onnx"
    shape = ("batch", "samples")
    ends = [describe("waveform", shape)], [describe("x", shape)]
    whole = model(graph([node("Abs", "waveform", "x")], *ends, [weights("far", (1,), (), "data")]))
    refused = 0
    for place in range(len(whole)):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                read_graph(path)
            except NotONNX:
                refused += 1
    assert refused > len(whole)


def test_neither_a_control_nor_the_name_of_a_shipped_model_can_be_had(write):
    with pytest.raises(
        InputError, match=r"models\.net-untrained: no untrained control can be made"
    ):
        choose("net-untrained", local().entry)
    with pytest.raises(InputError, match=r"models\.clap: clap is one of the workflow's own models"):
        choose("clap", local().entry)


def test_the_documents_keys_are_those_of_an_entry(write):
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").partition("## ONNX files")[2]
    examples = yaml.safe_load(text.split("```")[1].removeprefix("yaml"))["models"]
    described = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    # The others are every model's.
    assert described == {"onnx", *KEYS} - {"batch_size", "backend"} and len(examples) == 3
    for entry in examples.values():
        assert {"onnx", "output", "samplerate"} <= set(entry) <= described


# Identity


def digits(**changed) -> str:
    entry = {"onnx": "net.onnx", "output": "embedding", "samplerate": RATE, **changed}
    config = {
        "experiment": "x",
        "data": {"source": "demo", "labels": ["cello", "flute"]},
        "effects": {"gain": {"levels": [0, 5]}},
        "models": {"net": entry},
    }
    settings = load_settings(config, "x.yaml")
    return identity.embedding_identity(settings, "net", None, "01234567")


def test_a_file_is_known_by_its_content_not_its_path(write, tmp_path):
    before = digits()
    (tmp_path / "net.onnx").rename(tmp_path / "moved.onnx")
    assert digits(onnx="moved.onnx") == before
    write(scale=2)
    assert digits() != before


@pytest.mark.parametrize(
    "changed",
    [
        {"output": "frames", "pooling": "mean"},
        {"output": "frames", "pooling": "max"},
        {"samplerate": 22050},
        {"window_s": 10},
        {"shortest_s": 1},
    ],
)
def test_options_change_the_identity(write, changed):
    assert digits(**changed) != digits()
    assert digits(**changed, batch_size=2) == digits(**changed)


def test_the_path_starts_at_the_config_files_folder_and_changed_bytes_plan_this_model(again):
    folder = again.path("lab/my")
    folder.mkdir(parents=True)
    write_network(folder / "net.onnx", (1, RATE))
    entry = {"onnx": "my/net.onnx", "output": "embedding", "samplerate": RATE}
    config = again.read_config()
    config["models"]["net"] = entry
    again.path("lab/mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def jobs(*arguments: str) -> list:
        done = again.snakemake(*arguments, configfile="lab/mine.yaml")
        assert done.returncode == 0, done.output
        return [job for job in done.jobs if job.rule in ("embed_original", "embed_clips")]

    def original(planned: list) -> str:
        return next(job.outputs[0] for job in planned if job.rule == "embed_original")

    planned = jobs("--dry-run", "tables")
    assert {job.wildcards["model"] for job in planned} == {"net"}
    (made,) = jobs(original(planned))
    assert made.inputs.count("lab/my/net.onnx") == 1
    left = jobs("--dry-run", "tables")
    assert {job.rule for job in left} == {"embed_clips"}
    write_network(folder / "net.onnx", (1, RATE), scale=2)
    changed = jobs("--dry-run", "tables")
    assert {job.wildcards["model"] for job in changed} == {"net"}
    assert original(changed) != original(planned)
