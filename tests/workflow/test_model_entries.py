"""Entries of `models` that name a checkpoint of the package transformers."""

import hashlib
import json
import os
import re
import subprocess
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from embedding_sensitivity.downloads.fetch import check_commits, fetch
from embedding_sensitivity.downloads.published_files import list_sources
from embedding_sensitivity.experiment import identity
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.hub.families import FAMILIES
from embedding_sensitivity.models.hub.presets import PRESETS, Pin
from support.file_server import serving
from support.project import ROOT

COMMIT, LATER = "a1" * 20, "b2" * 20


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a checkpoint in `mine`; returns a function that changes a file."""
    monkeypatch.chdir(tmp_path)
    files = {
        "config.json": {"model_type": "hubert", "num_hidden_layers": 4, "hidden_size": 64},
        "preprocessor_config.json": {"sampling_rate": 16000, "do_normalize": True},
    }
    (tmp_path / "mine").mkdir()

    def write(name, **changed):
        text = {**files[name], **changed}
        (tmp_path / "mine" / name).write_text(json.dumps(text), encoding="utf-8")

    for name in files:
        write(name)
    (tmp_path / "mine/model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return write


def local(**entry):
    return choose("net", {"transformers": "mine", "normalise": False, **entry})


def test_a_folder_says_what_it_is(folder):
    choice = local(layers=[0, 4])
    assert choice.options["like"] == "hubert" and choice.model.samplerate == 16000
    assert choice.dimension == 128
    assert choice.analysed == {"net.00": (0, 64), "net.04": (64, 128)}
    assert [file.rpartition("/")[2] for file in choice.local_files] == [
        "model.safetensors", "config.json", "preprocessor_config.json",
    ]  # fmt: skip
    # Its file of weights names it too.
    by_file = choose("net", {"transformers": "mine/model.safetensors", "normalise": False})
    assert by_file.local_files == choice.local_files


def test_a_choice_can_be_made_again_from_its_entry(folder):
    for entry in ({}, {"layers": [1, 3], "keep": "all"}, {"layers": "all"}, {"window_s": 5}):
        choice = local(**entry)
        assert choose(choice.name, choice.entry).identity == choice.identity


def test_the_last_layer_alone_is_the_model_itself(folder):
    assert local().analysed == local(layers="last").analysed == {"net": None}
    assert local().dimension == 64


def test_to_keep_all_layers_is_the_same_pass_whichever_are_analysed(folder):
    few, more, every = (
        local(layers=layers, keep="all") for layers in ([0], [0, 2], [0, 1, 2, 3, 4])
    )
    assert few.identity == more.identity == every.identity == local(layers="all").identity
    assert few.identity != local(layers=[0]).identity
    assert more.analysed == {"net.00": (0, 64), "net.02": (128, 192)}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"layers": [5]}, r"models.net.layers: is \[5\], expected last, all, or a list .* to 4"),
        ({"layers": [2, 1]}, "ascending"),
        ({"layers": [1, 1]}, "different"),
        ({"layers": []}, "expected last, all"),
        ({"layers": "first"}, "expected last, all"),
        ({"layers": [True]}, "expected last, all"),
        ({"keep": "all"}, "models.net.keep: is for layers by number"),
        ({"pooling": "cls"}, "models.net.pooling: is 'cls', expected mean or max"),
        (
            {"normalise": None},
            r"models.net.normalise: is missing, expected true, .*front end: true",
        ),
        ({"normalise": "no"}, "models.net.normalise: is 'no'"),
        ({"window_s": 31}, "models.net.window_s: is 31, expected 0.5 to 30 s"),
        ({"pool": "max"}, "models.net.pool: unknown key 'pool': did you mean 'pooling'"),
        ({"seed": 3}, "models.net.seed: is for a control: name the model net-untrained"),
        ({"like": "bert"}, "models.net.like: unknown architecture 'bert'"),
        ({"revision": COMMIT}, "models.net.revision: is for a hub id: remove it"),
        ({"batch_size": 0}, "models.net.batch_size: is 0, expected auto or a number from 1 up"),
        ({"transformers": "mert"}, "models.net.transformers: unknown preset 'mert'.*mert_95m"),
        ({"transformers": ""}, "models.net.transformers: is ''"),
        ({"transformers": "x/y"}, r"models.net.like: is missing: no preset has x/y"),
        (
            {"transformers": "mert_95m", "revision": "main"},
            "revision: is 'main', expected a commit",
        ),
        ({"transformers": "mert_95m", "checkpoint": "x.pt"}, "checkpoint: is 'x.pt', expected"),
        ({"transformers": "encodec"}, "models.net.normalise: encodec has no such step"),
        ({"transformers": "encodec", "normalise": None, "layers": [1]}, "encodec has no layers"),
        ({"transformers": "mert_95m", "like": "hubert"}, "like: is 'hubert', but m-a-p/.* 'mert'"),
        ({"transformers": "mert_95m", "blocks": 3}, "blocks: is 3, but m-a-p/MERT-v1-95M has 12"),
        (
            {"transformers": "x/y", "like": "wavlm", "dimension": 9, "layers": [1]},
            "models.net.blocks: is missing, and layers are asked for",
        ),
        ({"transformers": "laion_clap", "normalise": None, "pooling": "max"}, "one embedding a"),
    ],
)
def test_what_an_entry_cannot_have_is_refused_in_one_line(folder, entry, message):
    with pytest.raises(InputError, match=message) as error:
        local(**entry)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("config.json", {"model_type": "bert"}, "has the model_type 'bert', known are"),
        ("config.json", {"model_type": "mert_model", "deepnorm": True}, "has deepnorm: True"),
        ("preprocessor_config.json", {"sampling_rate": None}, "has the sampling_rate None"),
    ],
)
def test_a_checkpoint_that_is_not_computed_is_refused(folder, name, changed, message):
    folder(name, **changed)
    with pytest.raises(InputError, match=message):
        local()


def test_a_folder_without_its_files_is_refused(folder, tmp_path):
    (tmp_path / "mine/model.safetensors").unlink()
    with pytest.raises(InputError, match=r"neither model.safetensors nor pytorch_model.bin"):
        local()
    (tmp_path / "mine/preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"preprocessor_config\.json is missing: copy it"):
        local()


def test_the_name_of_a_shipped_model_is_not_taken(folder):
    with pytest.raises(InputError, match=r"models\.clap: clap is one of the workflow's own models"):
        choose("clap", {"transformers": "laion_clap"})


# Presets


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_planned_without_a_network(name):
    preset = PRESETS[name]
    normalise = {"normalise": False} if FAMILIES[preset.family].normalises else {}
    choice = choose("net", {"transformers": name, **normalise})
    assert choose("net", {"transformers": preset.hub, **normalise}).identity == choice.identity
    assert choice.dimension == preset.dimension and choice.model.samplerate == preset.samplerate
    assert [file.hash_kind for file in choice.model.files] == ["lock"] * 3
    assert FAMILIES[preset.family].normalises or preset.upstream_normalises is None
    assert preset.about and preset.licence
    if preset.blocks:
        layers = choose("net", {"transformers": name, "layers": "all", **normalise}).analysed
        assert len(layers) == preset.blocks + 1


def test_a_pin_says_where_it_is_from():
    """None is published where this was written: whoever adds one names its source."""
    for preset in PRESETS.values():
        assert bool(preset.source) == bool(preset.revision or preset.pins or preset.reported)
        assert not preset.pins and preset.reported.keys() <= {
            preset.checkpoint, "config.json", "preprocessor_config.json",
        }  # fmt: skip
        assert re.fullmatch("([0-9a-f]{40})?", preset.revision)
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in preset.reported.values())
    bare = PRESETS["data2vec"]
    for hashes in (
        {"pins": {"config.json": Pin(10, "0" * 64)}},
        {"reported": {"config.json": "0" * 64}},
    ):
        with pytest.raises(InputError, match="has pins without a source"):
            replace(bare, revision=COMMIT, **hashes)
        with pytest.raises(InputError, match="has hashes of no commit"):
            replace(bare, **hashes, source="its page")


def test_a_pinned_preset_is_downloaded_by_its_hash(monkeypatch):
    pins = {"config.json": Pin(10, "0" * 64)}
    pinned = replace(PRESETS["ast"], revision=COMMIT, pins=pins, source="its page")
    monkeypatch.setitem(PRESETS, "ast", pinned)
    weights, config, _ = choose("net", {"transformers": "ast"}).model.files
    assert (config.hash_kind, config.digest, config.size) == ("sha256", "0" * 64, 10)
    assert weights.hash_kind == "lock" and f"/resolve/{COMMIT}/" in weights.url
    # Of another commit nothing is known.
    files = choose("net", {"transformers": "ast", "revision": LATER}).model.files
    assert {(file.hash_kind, file.reported) for file in files} == {("lock", "")}


def test_reported_hashes_are_passed_on_and_stand_for_no_converted_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, is_converted in (("whisper_tiny", False), ("laion_clap_music", True)):
        preset = PRESETS[name]
        choice = choose("net", {"transformers": name})
        reported = [file.reported for file in choice.model.files]
        assert reported == list(preset.reported.values()) and all(reported)
        assert {file.hash_kind for file in choice.model.files} == {"lock"}
        found = list(identity.find_unpublished(choice).values())
        assert found == (["", *reported[1:]] if is_converted else reported)
        assert identity.weights_digests(choice) == [""] * 3


def test_a_hub_id_without_a_preset_says_what_it_is_like():
    entry = {"transformers": "some/net", "like": "wavlm", "normalise": True}
    entry |= {"dimension": 1024, "blocks": 24, "layers": [24]}
    choice = choose("net", entry)
    assert choice.dimension == 1024 and choice.model.samplerate == 16000
    assert choice.model.files[0].file_name == "some--net--first--model.safetensors"


# Identity


def digits(**models) -> str:
    config = {
        "experiment": "x",
        "data": {"source": "demo", "labels": ["cello", "flute"]},
        "effects": {"gain": {"levels": [0, 5]}},
        "models": models,
    }
    settings = load_settings(config, "x.yaml")
    return identity.embedding_identity(settings, "net", None, "01234567")


def test_a_local_checkpoint_is_known_by_its_content_not_its_path(folder, tmp_path):
    entry = {"transformers": "mine", "normalise": False}
    before = digits(net=entry)
    (tmp_path / "mine").rename(tmp_path / "moved")
    moved = {**entry, "transformers": "moved"}
    assert digits(net=moved) == before
    (tmp_path / "moved/model.safetensors").write_bytes((3).to_bytes(8, "little") + b"{ }")
    assert digits(net=moved) != before


@pytest.mark.parametrize(
    "changed",
    [{"normalise": True}, {"layers": [0]}, {"pooling": "max"}, {"window_s": 10}, {"like": "wavlm"}],
)
def test_options_change_the_identity(folder, changed):
    entry = {"transformers": "mine", "normalise": False}
    assert digits(net={**entry, **changed}) != digits(net=entry)
    assert digits(net={**entry, "batch_size": 2}) == digits(net=entry)


# Downloads


class Hub:
    """A hub at a commit, on this machine: it redirects to where the files are, as the real one."""

    def __init__(self, server) -> None:
        self.commit, self.asked = COMMIT, []
        self.files: dict[str, bytes] = {}
        server.answers = [self.answer]
        self.port = server.http.server_port

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        if path.startswith("/store/"):
            content = self.files[path.removeprefix("/store/")]
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
            return
        self.asked.append(path)
        _, revision, name = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path).groups()
        handler.send_response(302 if name in self.files else 404)
        handler.send_header("X-Repo-Commit", self.commit if revision == "main" else revision)
        handler.send_header("Location", f"http://127.0.0.1:{self.port}/store/{name}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def mirror(self, url: str) -> str:
        return re.sub("^https://[^/]+", f"http://127.0.0.1:{self.port}", url)


@pytest.fixture
def hub():
    with serving() as server:
        yield Hub(server)


def sources_of_hub():
    """The files of a checkpoint that no preset has."""
    entry = {"transformers": "some/net", "like": "ast", "dimension": 8}
    return list(list_sources([choose("net", entry).model]).values())[2:]


def test_the_first_download_records_commit_size_and_hash(hub, tmp_path, caplog):
    hub.files = {"model.safetensors": b"w" * 100, "config.json": b"{}"}
    weights, config, _ = sources_of_hub()
    lock = tmp_path / "weights.lock"
    with caplog.at_level("INFO"):
        fetch(weights, tmp_path / "downloads", hub.mirror(weights.url), lock=lock)
    line = lock.read_text(encoding="utf-8").splitlines()[1].split()
    digest = hashlib.sha256(b"w" * 100).hexdigest()
    assert line[:3] == [weights.file_name, digest, "100"]
    assert line[-2:] == ["commit", COMMIT]
    said = caplog.text
    assert f"pinned SHA-256 {digest} of 100 bytes" in said and f"commit {COMMIT}" in said

    # The others are of the same commit, though the branch has moved.
    hub.commit = LATER
    fetch(config, tmp_path / "downloads", hub.mirror(config.url), lock=lock)
    assert f"/resolve/{COMMIT}/config.json" in hub.asked[-1]
    check_commits(config, lock)
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace(f"config.json commit {COMMIT}", f"config.json commit {LATER}"))
    with pytest.raises(InputError, match="are of different commits, as the repository changed"):
        check_commits(config, lock)


def test_a_file_that_the_hub_lacks_is_named(hub, tmp_path):
    weights, *_ = sources_of_hub()
    with pytest.raises(InputError, match=r"404.*set models.net.transformers in the config"):
        fetch(weights, tmp_path, hub.mirror(weights.url), lock=tmp_path / "weights.lock")


@pytest.mark.more
def test_a_checkpoint_of_a_hub_is_fetched_converted_pinned_and_embeds(
    hub, project, pythons, tmp_path
):
    """By the rules: the plan waits for hashes, PyTorch's file is converted, layers come of it."""
    code = (
        "import pathlib, torch, checkpoints\n"
        "made = checkpoints.make('hubert', pathlib.Path('made'))\n"
        "torch.save(made.tensors(), 'made/pytorch_model.bin')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "transformers")}
    command = [pythons["transformers"], "-c", code]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    entry = {
        "transformers": "some/net", "checkpoint": "pytorch_model.bin", "like": "hubert",
        "dimension": 32, "blocks": 2, "layers": [0, 2], "normalise": False,
    }  # fmt: skip
    files = choose("net", entry).model.files
    names = [file.url.rpartition("/")[2] for file in files]
    hub.files = {name: (tmp_path / "made" / name).read_bytes() for name in names}
    mirrors = {f"net_{place}": hub.mirror(file.url) for place, file in enumerate(files, 1)}
    mirrors["net"] = mirrors.pop("net_1")
    config = project.read_config() | {"models": {"net": entry}, "mirrors": mirrors}
    config |= {"effects": {"gain": {"levels": [-20, 5]}}, "figures": {"labels": []}}
    project.write_config(config)
    stores = [f"results/tiny/embeddings/net.{layer}.h5" for layer in ("00", "02")]
    project.run(*stores)
    lock = project.path("resources/weights.lock").read_text(encoding="utf-8").splitlines()[1:]
    pinned = {line.split()[0]: line.split()[1:] for line in lock}
    assert set(pinned) == {*(file.file_name for file in files), files[0].unpacked}
    for file, name in zip(files, names, strict=True):
        sha256, size, *_, commit = pinned[file.file_name]
        assert sha256 == hashlib.sha256(hub.files[name]).hexdigest() and commit == COMMIT
        assert int(size) == len(hub.files[name])
    converted = project.path(f"resources/weights/{files[0].unpacked}").read_bytes()
    assert pinned[files[0].unpacked][0] == hashlib.sha256(converted).hexdigest()
    assert project.planned(*stores) == {}
