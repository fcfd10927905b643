"""The registry of downloads: complete, safe addresses, and what a config may say of them."""

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from embedding_sensitivity.downloads.published_files import (
    SOURCES,
    check_local_weights,
    check_mirrors,
    find_mirror,
    find_source,
    find_url_fault,
    list_sources,
    local_weights,
    weights_files,
)
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS, choose

ROOT = Path(__file__).resolve().parents[2]
DIGITS = {"sha256": 64, "md5": 32, "git_blob": 40, "lock": 0}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_complete(name):
    source = SOURCES[name]
    assert source.name == name
    assert find_url_fault(source.url) == "" and source.url.startswith("https://")
    assert re.fullmatch(rf"[0-9a-f]{{{DIGITS[source.hash_kind]}}}", source.digest)
    assert not set(source.file_name) & set("/ ")
    # A first file is pinned unseen, so that at least its kind is checked.
    assert source.hash_kind != "lock" or source.starts


def test_every_downloaded_model_has_a_source():
    """And the key for a local file is that model's."""
    for name, model in MODELS.items():
        for file in model.published:
            source = find_source(file.unpacked)
            assert source.name == source.model == name
            assert source.key == f"models.{name}.weights"
            assert file.unpacked in weights_files()


def test_a_models_further_files_are_sources_too():
    model = MODELS["panns"]
    labels = replace(model.files[0], file_name="labels.csv.gz")
    found = list_sources([replace(model, files=(*model.files, labels))])
    assert list(found) == ["irmas", "split", "panns", "panns_2"]
    assert weights_files(found) == ["Cnn14_mAP=0.431.pth", "labels.csv"]
    choices = {"panns": choose("panns", {"weights": "mine.pth"})}
    assert [local_weights(choices, found[name]) for name in ("panns", "panns_2")] == [
        ["mine.pth"],
        [],
    ]


def test_the_split_is_the_one_of_the_spec():
    """The spec is in ../shared; its numbers were typed."""
    spec = ROOT.parent / "shared" / "spec.md"
    if not spec.exists():
        pytest.skip("../shared, which has the spec, is absent")
    text = spec.read_text(encoding="utf-8")
    notes = (spec.parent / "notes" / "models.md").read_text(encoding="utf-8")
    assert SOURCES["split"].digest in text and f"{SOURCES['split'].size:,} bytes" in text
    assert SOURCES["irmas"].digest in text
    assert SOURCES["panns"].digest in notes and f"{SOURCES['panns'].size:,} bytes" in notes
    assert SOURCES["openl3"].digest in notes and SOURCES["openl3"].file_name in notes


def test_only_the_standard_library_is_needed():
    """The rules that download run in whatever environment, and Snakemake reads the registry."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'workflow_scripts')!r}); "
        "from embedding_sensitivity.downloads import fetch, published_files"
    )
    subprocess.run([sys.executable, "-S", "-I", "-c", code], check=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://host/file",
        "https://host:8443/a%20file?x=1",
        "http://127.0.0.1:80/f",
        "http://127.9.9.9/f",
        "http://localhost/f",
        "http://[::1]:8000/f",
    ],
)
def test_addresses_that_are_fine(url):
    assert find_url_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file",
        "/a/file",
        "C:\\file",
        "https://",
        "https:///file",
        "https://host:port/file",
        "http://host/file",
        "http://127.0.0.1.host/",
        "http://0.0.0.0/f",
        "http://2130706433/f",
        "http://localhost.host/f",
        "http://[::ffff:10.0.0.1]/f",
        "https://[::1/f",
        "ftp://host/file",
        "file:///file",
        "data:,x",
        "javascript:x",
        "https://me@host/f",
        "https://me:secret@host/f",
        "https://:@host/f",
        "http://a@127.0.0.1/f",
        "https://host/a file",
        "https://host/a\nfile",
        "https://höst/file",
        " https://host/file",
        "https://host/{x}",
        "https://host/<b>",
        "https://host/a\\b",
        "https://host/`touch`",
    ],
)
def test_addresses_that_are_not(url):
    assert find_url_fault(url)


def test_mirrors():
    check_mirrors({"irmas": "https://host/irmas.zip", "clap": "http://localhost/clap"}, "my.yaml")


@pytest.mark.parametrize(
    ("mirrors", "message"),
    [
        (
            {"opnl3": "https://host/f"},
            "my.yaml: mirrors.opnl3: no download has that name, ",
        ),
        ({"opnl3": "https://host/f"}, "did you mean openl3?"),
        ({"x": "https://host/f"}, "there are irmas, split, beats, clap, "),
        ({"panns": "http://host/f"}, "my.yaml: mirrors.panns: http://host/f is plain HTTP"),
    ],
)
def test_mirrors_that_are_refused(mirrors, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check_mirrors(mirrors, "my.yaml")


def test_local_weights(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(hashlib.sha256(b"").digest())
    entries = {"panns": {"weights": str(path)}, "clap": {"weights": None}, "openl3": None}
    choices = {name: choose(name, entry) for name, entry in entries.items()}
    assert local_weights(choices, SOURCES["panns"]) == [str(path)]
    for name in ("clap", "clap_2022", "openl3"):
        assert local_weights(choices, SOURCES[name]) == []
    check_local_weights(choices, "my.yaml")
    # Two entries that read one file: it is made once, whichever names it.
    entries = {"a": {"model": "panns"}, "b": {"model": "panns", "weights": str(path)}}
    both = {name: choose(name, entry) for name, entry in entries.items()}
    sources = list_sources(choice.model for choice in both.values())
    assert find_source("Cnn14_mAP=0.431.pth", sources).name == "a"
    assert local_weights(both, sources["a"]) == local_weights(both, sources["b"]) == [str(path)]
    for name in ("a", "b"):
        assert find_mirror({name: "https://host/f"}, sources["a"], sources) == "https://host/f"
    assert find_mirror({"irmas": "https://host/f"}, sources["a"], sources) == ""
    path.unlink()
    message = rf"^my.yaml: models.panns.weights: {path} is not a file: name Cnn14_mAP=0.431.pth"
    with pytest.raises(InputError, match=message):
        check_local_weights(choices, "my.yaml")
