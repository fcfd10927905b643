"""The rule that fetches published weights, on a server of the test's own."""

import gzip
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import fetch_weights
from embedding_sensitivity import models
from embedding_sensitivity.downloads.expected_hashes import check_files, check_weights
from embedding_sensitivity.downloads.published_files import SOURCES, list_published_weights
from embedding_sensitivity.experiment import identity
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS, choose
from support import mock_snakemake
from support.file_server import cut, serving, whole
from support.offline import WITHOUT_NETWORK

CLAP = "resources/weights/CLAP_weights_2023.pth"
# To the workflow any zip file may be CLAP's checkpoint: what is in it is for the model to read.
FIRST = b"PK\x03\x04 as it was published"
SECOND = b"PK\x03\x04 as it is now"
OPENL3 = "resources/weights/openl3_audio_mel128_music-v0_4_0.h5"
HDF5 = b"\x89HDF\r\n\x1a\n and the rest"


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def config(project):
    """Change the tiny experiment, which has no published weights itself."""

    def change(**keys) -> None:
        project.write_config({**project.read_config(), "models": {"logmel": {}}, **keys})

    return change


def failed(project, *arguments: str) -> str:
    done = project.snakemake(*arguments)
    assert done.returncode != 0, done.output
    assert "Traceback" not in done.output, done.output
    return done.output


def test_weights_are_fetched_once_and_pinned(project, config, server):
    server.answers = [whole(FIRST)]
    config(mirrors={"clap": server.url})
    project.run(CLAP)
    assert project.path(CLAP).read_bytes() == FIRST
    lock = project.path("resources/weights.lock")
    assert f"CLAP_weights_2023.pth {hashlib.sha256(FIRST).hexdigest()}" in lock.read_text("utf-8")

    # Made again, from what was kept; and there is nothing to do after that.
    project.run(CLAP, "--force")
    assert len(server.requests) == 1
    assert project.path(CLAP).read_bytes() == FIRST
    assert project.planned(CLAP) == {}

    # Another file at the same address.
    server.answers = [whole(SECOND)]
    project.path("resources/downloads/CLAP_weights_2023.pth").unlink()
    output = failed(project, CLAP, "--force")
    assert f"CLAP_weights_2023.pth: {server.url}: has changed" in output
    assert "delete the line of CLAP_weights_2023.pth there" in output
    assert not project.path(CLAP).exists()

    # A file on this machine that is the pinned one.
    mine = project.path("mine.pth")
    mine.write_bytes(FIRST)
    config(models={"clap": {"weights": "mine.pth"}})
    os.utime(mine, (4e9, 4e9))  # from the future, which stops no run
    project.run(CLAP)
    assert project.path(CLAP).read_bytes() == FIRST
    os.utime(mine, (1e9, 1e9))
    assert project.planned(CLAP) == {}

    # It is replaced by an older one, and taken as the refusal says.
    mine.write_bytes(SECOND)
    os.utime(mine, (1e8, 1e8))
    store = project.output_of("embed_original")
    assert "mine.pth" in project.planned(CLAP)["fetch_weights"][0]["reason"]
    output = failed(project, CLAP)
    assert "models.clap.weights: mine.pth: has changed" in output
    assert "delete the line of CLAP_weights_2023.pth there" in output
    lock.write_text("", encoding="utf-8")
    project.run(CLAP)
    assert project.path(CLAP).read_bytes() == SECOND
    assert project.output_of("embed_original") != store


@pytest.mark.more
def test_what_goes_wrong_is_said_in_one_line_each(project, config):
    """All at once, since the retries take half a minute."""
    with serving() as page, serving() as wrong, serving() as short, serving() as gone:
        page.answers = [whole(b"<!DOCTYPE html><html>Log in</html>", kind="text/html")]
        wrong.answers = [whole(gzip.compress(HDF5))]
        short.answers = [cut(FIRST, 3, '"v1"')]
        gone.http.shutdown()
        gone.http.server_close()
        servers = {"panns": page, "openl3": wrong, "clap": short, "clap_2022": gone}
        config(mirrors={name: server.url for name, server in servers.items()})
        files = {
            "panns": "Cnn14_mAP=0.431.pth",
            "openl3": "openl3_audio_mel128_music-v0_4_0.h5",
            "clap": "CLAP_weights_2023.pth",
            "clap_2022": "CLAP_weights_2022.pth",
        }
        targets = [f"resources/weights/{file}" for file in files.values()]
        failed(project, *targets, "--keep-going", "--cores", "4")
    faults = {
        "panns": "the server sent an HTML page instead of the file",
        "openl3": "its git blob id is",
        "clap": "retries failed",
        "clap_2022": "Connection refused; 5 retries failed",
    }
    for name, fault in faults.items():
        log = project.path(f"logs/tiny/weights/{files[name]}.log").read_text(encoding="utf-8")
        errors = [line for line in log.splitlines() if " ERROR " in line]
        assert len(errors) == 1 and log.splitlines()[-1] == errors[0]
        source = SOURCES[name]
        for said in (
            f"{source.file_name}: {servers[name].url}: ",
            fault,
            f"fetch {source.url} by hand",
            source.digest or "no hash is published",
            f"put it at resources/downloads/{source.file_name}, or set models.{name}.weights in",
        ):
            assert said in errors[0]
        assert not project.path(f"resources/weights/{files[name]}").exists()
    assert not project.path("resources/weights.lock").exists()


def test_models_that_need_weights_have_them_fetched(project, config):
    config(models={"clap": {}, "clap-untrained": {}, "openl3": {}, "logmel": {}})
    planned = [job["file"] for job in project.planned()["fetch_weights"]]
    assert sorted(planned) == ["CLAP_weights_2023.pth", "openl3_audio_mel128_music-v0_4_0.h5"]


def test_networks_side_by_side_have_their_files_fetched_once(project, config):
    config(
        models={
            "openl3": {"content_type": "env"},
            "music": {"model": "openl3"},
            "music_6144": {"model": "openl3", "embedding_size": 6144},
            "music_6144-untrained": {"model": "openl3", "embedding_size": 6144},
        }
    )
    planned = project.planned()
    assert sorted(job["file"] for job in planned["fetch_weights"]) == [
        "openl3_audio_mel128_env-v0_4_0.h5",
        "openl3_audio_mel128_music-v0_4_0.h5",
    ]
    (made,) = planned["initialise_model"]
    assert made["model"] == "music_6144-untrained"
    embedded = {job["model"] for job in planned["embed_original"]}
    assert embedded == {"openl3", "music", "music_6144", "music_6144-untrained"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"models": {"panns": {"weights": "/nowhere/panns.pth"}}},
            "error: tiny.yaml: models.panns.weights: /nowhere/panns.pth is not a file",
        ),
        (
            {"mirrors": {"pans": "https://host/f"}},
            "error: tiny.yaml: mirrors.pans: no download has that name, did you mean",
        ),
    ],
    ids=["weights", "mirrors"],
)
def test_a_config_that_can_not_be_is_refused_first(project, config, keys, message):
    config(**keys)
    assert message in failed(project, "--dry-run", CLAP)


def fetch_made_up(monkeypatch, tmp_path, content: bytes, name: str = "mine.h5.gz") -> None:
    """Run the script for OpenL3, whose packed file is `content` and the one expected."""
    packed = tmp_path / name
    packed.write_bytes(content)
    model = MODELS["openl3"]
    digest = hashlib.sha256(content).hexdigest()
    file = replace(model.files[0], hash_kind="sha256", digest=digest)
    monkeypatch.setitem(MODELS, "openl3", replace(model, files=(file,)))
    log = SimpleNamespace(info=print)
    monkeypatch.setattr(fetch_weights, "configure_logging", lambda snakemake: log)
    fetch_weights.main(
        mock_snakemake(
            "fetch_weights",
            input={"local": [packed]},
            output=tmp_path / OPENL3,
            resources={"url": ""},
            params={"model": "openl3", "declared_in": None},
        )
    )


@pytest.mark.parametrize("name", ["openl3", "net"])
def test_another_network_of_openl3_is_fetched_by_its_own_hash(monkeypatch, tmp_path, name):
    entry = (
        {"content_type": "env"} if name == "openl3" else {"model": "openl3", "input_repr": "linear"}
    )
    choice = choose(name, entry)
    (tmp_path / "mine.h5.gz").write_bytes(gzip.compress(HDF5))
    log = SimpleNamespace(info=print)
    monkeypatch.setattr(fetch_weights, "configure_logging", lambda snakemake: log)
    job = mock_snakemake(
        "fetch_weights",
        input={"local": [tmp_path / "mine.h5.gz"]},
        output=tmp_path / "resources/weights" / choice.weights_file,
        resources={"url": ""},
        params={"model": name, "declared_in": choice.declared_in},
    )
    with pytest.raises(InputError, match=rf"git blob id .*{choice.model.files[0].digest}"):
        fetch_weights.main(job)


def test_openl3_is_unpacked(monkeypatch, tmp_path):
    for name in ("mine.h5.gz", "renamed"):
        fetch_made_up(monkeypatch, tmp_path, gzip.compress(HDF5), name)
        made = tmp_path / OPENL3
        assert made.read_bytes() == HDF5
        made.unlink()


def test_what_openl3_unpacks_to_is_pinned(monkeypatch, tmp_path):
    packed = gzip.compress(HDF5)
    for _ in range(2):
        fetch_made_up(monkeypatch, tmp_path, packed)
    lock = tmp_path / "resources/weights.lock"
    (line,) = lock.read_text(encoding="utf-8").splitlines()[1:]
    digest = hashlib.sha256(HDF5).hexdigest()
    assert line.startswith(f"openl3_audio_mel128_music-v0_4_0.h5 {digest} {len(HDF5)} ")
    check_files([tmp_path / OPENL3], digest, list_published_weights(MODELS["openl3"]))

    with pytest.raises(
        InputError, match=r"v0_4_0\.h5: has changed: .* delete the line of .*h5 there"
    ):
        fetch_made_up(monkeypatch, tmp_path, gzip.compress(HDF5 + b"more"))


def test_openl3_is_nothing_but_hdf5(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="contains another kind of file"):
        fetch_made_up(monkeypatch, tmp_path, gzip.compress(b"another"))


# What is used


def test_which_weights_are_published_with_a_hash():
    panns = {"file_name": "Cnn14_mAP=0.431.pth", "sha256": SOURCES["panns"].digest}
    assert list_published_weights(MODELS["panns"]) == [panns]
    clap = {"file_name": "CLAP_weights_2023.pth", "sha256": ""}
    assert list_published_weights(MODELS["clap"]) == [clap]
    openl3 = {"file_name": "openl3_audio_mel128_music-v0_4_0.h5.gz", "sha256": ""}
    assert list_published_weights(MODELS["openl3"]) == [openl3]
    for model in ("panns-untrained", "musicnn", "logmel"):
        assert list_published_weights(MODELS[model]) == []


def test_weights_that_are_replaced_are_refused_by_the_plan(project, config):
    """Those in the folder that models read, whatever their time; a pin of another file is none."""
    config(models={"clap": {}})
    project.path(CLAP).parent.mkdir(parents=True)
    project.path(CLAP).write_bytes(SECOND)
    os.utime(project.path(CLAP), (1e9, 1e9))
    lock = project.path("resources/weights.lock")
    lock.write_text(f"other.pth {hashlib.sha256(FIRST).hexdigest()} 3\n", encoding="utf-8")
    assert "embed_original" in project.planned()
    lock.write_text(f"CLAP_weights_2023.pth {hashlib.sha256(FIRST).hexdigest()} 3\n", "utf-8")
    digest = hashlib.sha256(SECOND).hexdigest()
    assert f"error: {CLAP}: its SHA-256 is {digest}, expected" in failed(project, "--dry-run")


def test_what_names_weights_without_a_published_hash(tmp_path, monkeypatch):
    """The pinned file, the one that will be taken, or none while it is what others report."""
    monkeypatch.chdir(tmp_path)
    first, second = (hashlib.sha256(data).hexdigest() for data in (FIRST, SECOND))
    reported = SOURCES["clap"].reported
    clap, older = models.choose("clap"), models.choose("clap_2022")
    assert identity.find_unpublished(clap) == {"CLAP_weights_2023.pth": reported}
    assert identity.weights_digests(clap) == [""]
    assert identity.find_unpublished(older) == {"CLAP_weights_2022.pth": ""}
    assert identity.find_unpublished(models.choose("panns")) == {}
    assert identity.weights_digests(models.choose("panns")) == [SOURCES["panns"].digest]

    kept = Path("resources/downloads/CLAP_weights_2023.pth")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(FIRST)
    Path("mine.pth").write_bytes(SECOND)
    assert identity.weights_digests(clap) == [first]
    assert identity.weights_digests(models.choose("clap", {"weights": "mine.pth"})) == [second]
    for digest, named in ((second, second), (reported, "")):
        Path("resources/weights.lock").write_text(f"CLAP_weights_2023.pth {digest} 3\n")
        assert identity.weights_digests(clap) == [named]


def test_other_weights_than_the_run_was_planned_with_are_refused(tmp_path):
    first, second = (hashlib.sha256(data).hexdigest() for data in (FIRST, SECOND))
    (tmp_path / "weights.lock").write_text(f"clap.pth {first} 3\n", encoding="utf-8")
    clap = {"file_name": "clap.pth", "sha256": ""}
    check_weights(tmp_path / "weights/clap.pth", first, **clap, planned=first)
    with pytest.raises(InputError, match=f"the run was planned with {second}: run again"):
        check_weights(tmp_path / "weights/clap.pth", first, **clap, planned=second)


def test_a_model_of_unknown_weights_is_planned_when_they_are_fetched(project, config):
    config(models={"clap_2022": {}, "logmel": {}})
    planned = project.planned()
    assert {job["model"] for job in planned["embed_original"]} == {"logmel"}
    assert {job["file"] for job in planned["fetch_weights"]} == {"CLAP_weights_2022.pth"}


def test_each_file_of_a_model_is_checked(tmp_path):
    paths = [str(tmp_path / "weights" / name) for name in ("first.pth", "second.pth")]
    (tmp_path / "weights").mkdir()
    digests = [hashlib.sha256(content).hexdigest() for content in (FIRST, SECOND)]
    (tmp_path / "weights" / "second.pth").write_bytes(SECOND)
    published = [{"file_name": "any", "sha256": digest} for digest in digests]
    check_files(paths, digests[0], published)
    (tmp_path / "weights" / "second.pth").write_bytes(FIRST)
    with pytest.raises(InputError, match=rf"second.pth: its SHA-256 is {digests[0]}, expected"):
        check_files(paths, digests[0], published)


def test_weights_that_were_put_there_or_changed_are_refused(tmp_path):
    weights, lock = tmp_path / "weights", tmp_path / "weights.lock"
    first, second = (hashlib.sha256(content).hexdigest() for content in (FIRST, SECOND))

    def refused(file: str, **published: str) -> str:
        with pytest.raises(InputError) as caught:
            check_weights(weights / file, first, **published)
        return str(caught.value)

    clap = {"file_name": "clap.pth", "sha256": ""}
    never = f"clap.pth: was never verified, expected its SHA-256 in {lock}: "
    assert f"{never}move it to {tmp_path / 'downloads'} and run" in refused("clap.pth", **clap)
    lock.write_text(f"# files\nother.pth {second} 3\n", encoding="utf-8")
    assert never in refused("clap.pth", **clap)
    packed = refused("openl3.h5", file_name="openl3.h5.gz", sha256="")
    assert "openl3.h5: was never verified" in packed and ": delete it and run again" in packed
    lock.write_text(f"clap.pth {second} 3\n", encoding="utf-8")
    changed = f"clap.pth: its SHA-256 is {first}, expected {second} (pinned in {lock}): delete it"
    assert changed in refused("clap.pth", **clap)
    lock.write_text(f"clap.pth {first} 3\n", encoding="utf-8")
    check_weights(weights / "clap.pth", first, **clap)

    # What is published goes before what is pinned.
    published = {"file_name": "clap.pth", "sha256": second}
    assert f"expected {second} (published)" in refused("clap.pth", **published)
    check_weights(weights / "clap.pth", second, **published)


@pytest.mark.more
def test_a_job_embeds_with_verified_weights_alone(project, config):
    """CLAP's untrained checkpoint in place of the published one, which has no published hash."""
    project.through = WITHOUT_NETWORK
    initial = project.path("workflow_scripts/embedding_sensitivity/models/shared/initial.py")
    text = initial.read_text(encoding="utf-8").replace("N_PINK_CLIPS = 64", "N_PINK_CLIPS = 2")
    initial.write_text(text, encoding="utf-8")
    config(models={"clap-untrained": {}})
    store = project.output_of("embed_original")
    project.run(store, "--until", "initialise_model")
    (untrained,) = project.path("resources/weights").glob("clap-untrained_*.pth")
    config(models={"clap": {}})
    store, lock = project.output_of("embed_original"), "resources/weights.lock"
    log = project.path(f"logs/{store.removeprefix('results/').removesuffix('.h5')}.log")

    untrained.rename(project.path(CLAP))
    failed(project, store)
    assert "ERROR resources/weights/CLAP_weights_2023.pth: was never verified" in log.read_text()
    assert not project.path(lock).exists()

    project.path("resources/downloads").mkdir()
    project.path(CLAP).rename(project.path("resources/downloads/CLAP_weights_2023.pth"))
    store = project.output_of("embed_original")  # named by this file
    project.run(store)
    pinned = project.path(lock).read_text(encoding="utf-8")

    # What is pinned for others embeds nothing again.
    project.path(lock).write_text(f"{pinned}other.pth {'0' * 64} 3 today here\n", encoding="utf-8")
    assert project.planned(store) == {}

    # The plan sees it, before a job does.
    digest = hashlib.sha256(project.path(CLAP).read_bytes()).hexdigest()
    project.path(lock).write_text(pinned.replace(digest, "0" * 64), encoding="utf-8")
    project.path(store).unlink()
    said = f"its SHA-256 is {digest}, expected {'0' * 64} (pinned in {lock})"
    assert said in failed(project, store)
