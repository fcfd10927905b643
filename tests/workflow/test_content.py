"""What people give is known by its content: clips, a split, embeddings, whatever their time.

Small runs on files from the future, and plans after one file was touched or replaced. Weights:
test_weights.py; IRMAS: test_irmas_run.py; code: test_rebuilds.py; `make verify`: test_manifest.py.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from embedding_sensitivity.files import content
from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from support.audio import write_clip
from support.project import ROOT, Project, copy_checkout, copy_finished, first_of

ORACLE = ROOT / "tests" / "oracle" / "inputs"
OLDER, FUTURE = 1e9, 4e9
# Of other content: an older time stamp, as a backup has, one in the future, and the one it had.
TIMES = first_of([OLDER, FUTURE, None])


@pytest.fixture
def read(tmp_path, monkeypatch) -> list[str]:
    """Names of the files that are read, in a folder with one, ``a``."""
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("one")
    found = []
    monkeypatch.setattr(content, "sha256_of", lambda path: found.append(path) or sha256_of(path))
    return found


def start_anew() -> None:
    """As another process does, after this one has ended."""
    content.keep()
    content._memory.cache_clear()


def replace(path: Path, data: bytes, time: float | None = None) -> None:
    """Give a file other content, under another time stamp or the one it has."""
    before = os.stat(path)
    path.write_bytes(data)
    os.utime(path, (time, time) if time else (before.st_atime, before.st_mtime))


def date(folder: Path, time: float) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (time, time))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that can't be read")
def test_what_cannot_be_read_is_refused_in_one_line():
    with pytest.raises(
        InputError, match=r"^/proc/self/mem: cannot be read \(.*\): correct that or"
    ):
        content.hash_content("/proc/self/mem")


def test_a_file_is_read_once(read):
    for _ in range(3):
        assert content.hash_of("a") == sha256_of("a")
        start_anew()
    assert read == ["a"]


@pytest.mark.parametrize("time", [OLDER, FUTURE, None])
def test_one_that_was_replaced_is_known_to_be_whatever_its_time(read, time):
    content.hash_of("a")
    replace(Path("a"), b"two", time)
    assert content.hash_of("a") == sha256_of("a")


def test_one_that_was_touched_or_copied_back_is_read_once_more(read):
    content.hash_of("a")
    os.utime("a", (OLDER, OLDER))
    content.hash_of("a")
    shutil.copy2("a", "copy")
    os.replace("copy", "a")
    for _ in range(2):
        start_anew()
        assert content.hash_of("a") == sha256_of("a")
    assert read == ["a"] * 3


def test_a_link_is_what_it_leads_to(read):
    Path("b").write_text("two")
    os.symlink("a", "link")
    content.hash_of("link")
    os.unlink("link")
    os.symlink("b", "link")
    shutil.copystat("a", "b")
    assert content.hash_of("link") == sha256_of("b")


def test_of_what_is_no_file_nothing_is_read(read):
    os.mkfifo("pipe")
    for path in ("pipe", "nothing", "."):
        assert content.hash_of(path) is None
    assert read == []


def test_a_damaged_memory_is_none(read):
    Path(content.NAME).parent.mkdir()
    for text in ("", "{", "[]", '{"a": 3}', '{"a": [[1, 2, 3, 4], "0"]}'):
        Path(content.NAME).write_text(text)
        content._memory.cache_clear()
        assert content.hash_of("a") == sha256_of("a")
    assert read == ["a"] * 5


def test_what_another_process_has_read_is_known(read):
    content.hash_of("a")
    Path("b").write_text("two")
    Path(content.NAME).parent.mkdir()
    Path(content.NAME).write_text(json.dumps({"b": [content.read_stat("b"), "known"]}))
    assert content.hash_of("b") == "known"
    start_anew()
    assert content.hash_of("a") == sha256_of("a") and content.hash_of("b") == "known"
    assert read == ["a"]


def test_a_job_remembers_what_it_has_read(read):
    content.remember({"a": (content.read_stat("a"), "known")})
    start_anew()
    assert content.hash_of("a") == "known" and read == []


# A user's folder

INDEX = "results/own/clips.csv"


def write_folder(folder: Path) -> None:
    """Two labels of eight clips and their split."""
    rows = ["instrument,genre,file_name,split"]
    for seed, label in enumerate(("oboe", "tuba")):
        for number in range(8):
            write_clip(folder / label / f"{label}{number}.wav", 8 * seed + number)
            rows += [f"{label},,{label}{number},{'train' if number < 4 else 'test'}"][: number < 7]
    (folder / "split.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory) -> Project:
    """A folder and split of a user's, from the future as the config is, indexed and embedded."""
    project = copy_checkout(tmp_path_factory.mktemp("own") / "project")
    write_folder(project.path("mine"))
    project.write_config(
        {
            "experiment": "own",
            "data": {"source": "folder", "folder": "mine", "split": "mine/split.csv"},
            "labels": ["oboe", "tuba"],
            "protocol": {"reverb_state": "reset"},
            "effects": {"gain": {"levels": [0, 5]}},
            "models": {"logmel": {}},
        }
    )
    date(project.path("mine"), FUTURE)
    os.utime(project.config_file, (FUTURE, FUTURE))
    project.run(INDEX, original_of(project))
    return project


@pytest.fixture
def own(indexed, tmp_path) -> Project:
    return copy_finished(indexed, tmp_path / "project")


def original_of(project: Project) -> str:
    return project.output_of("embed_original", "--forceall")


def test_clips_from_the_future_that_are_touched_or_copied_back_are_the_same(own):
    """The folder was copied with the project; the config is from the future too."""
    store = own.find("results/own/embeddings/logmel/original/*.h5")
    assert own.planned(INDEX, store) == {}
    date(own.path("mine"), OLDER)
    assert own.planned(INDEX, store) == {}


@pytest.mark.parametrize("time", TIMES)
def test_a_replaced_clip_is_indexed_and_embedded(own, time):
    clip, other = own.path("mine/oboe/oboe0.wav"), own.path("mine/oboe/oboe1.wav")
    replace(clip, other.read_bytes()[:-2] + b"\1\0", time)
    done = own.run("--dry-run", "results/own/embeddings/logmel.h5")
    reason, (store,) = (
        next(job.reason for job in done.jobs if job.rule == "index_clips"),
        next(job.outputs for job in done.jobs if job.rule == "embed_original"),
    )
    assert "Updated input files" in reason and "mine/oboe/oboe0.wav" in reason
    assert not own.path(store).exists()


@pytest.mark.parametrize("time", TIMES)
def test_a_replaced_split_is_indexed(own, time):
    split = own.path("mine/split.csv")
    text = split.read_text(encoding="utf-8")
    text = text.replace("oboe0,train", "oboe0,test").replace("oboe6,test", "oboe6,train")
    replace(split, text.encode(), time)
    assert "mine/split.csv" in own.planned(INDEX)["index_clips"][0]["reason"]


@pytest.mark.more
@pytest.mark.parametrize("time", TIMES)
def test_a_replaced_clip_outside_the_split_embeds_nothing(own, time):
    store = own.find("results/own/embeddings/logmel/original/*.h5")
    clip = own.path("mine/oboe/oboe7.wav")
    replace(clip, clip.read_bytes()[:-2] + b"\1\0", time)
    assert set(own.planned(INDEX)) == {"index_clips"}
    own.run(INDEX)
    assert own.planned(INDEX, store) == {}


def test_where_size_times_and_inode_are_as_they_were_a_touch_shows_the_change(own):
    """As `make verify`, which reads all files, advises for what it finds changed."""
    assert own.planned(INDEX) == {}
    clip = own.path("mine/oboe/oboe0.wav")
    memory = own.path(content.NAME)
    known = json.loads(memory.read_text(encoding="utf-8"))
    replace(clip, own.path("mine/oboe/oboe1.wav").read_bytes())
    known["mine/oboe/oboe0.wav"][0] = content.read_stat(clip)
    memory.write_text(json.dumps(known), encoding="utf-8")
    assert own.planned(INDEX) == {}
    clip.touch()
    assert set(own.planned(INDEX)) == {"index_clips"}


@pytest.mark.more
def test_an_index_of_more_than_a_megabyte_that_is_the_same_makes_nothing_after_it(project):
    """Of clips in deep folders: at 1 MB Snakemake stops to look at content by itself."""
    folder = project.path("mine")
    write_folder(folder)
    deep = Path(*["d" * 200] * 17)
    for label in ("oboe", "tuba"):
        for clip in list((folder / label).glob("*.wav")):
            (folder / deep / label).mkdir(parents=True, exist_ok=True)
            clip.rename(folder / deep / label / clip.name)
        for number in range(8, 160):
            write_clip(folder / deep / label / f"{label}{number}.wav", number, seconds=0.05)
    data = {"source": "folder", "folder": "mine", "split": "generated"}
    project.write_config(
        {
            "experiment": "own",
            "data": data,
            "labels": ["oboe", "tuba"],
            "effects": {"gain": {"levels": [0, 5]}},
            "models": {"logmel": {}},
        }
    )
    spectra = "results/own/analysis/logmel/gain/spectra.csv"
    project.run(spectra)
    assert project.path(INDEX).stat().st_size > 1_000_000
    project.write_config({**project.read_config(), "data": {**data, "on_bad_clip": "drop"}})
    done = project.run(spectra)
    assert [job.rule for job in done.finished] == ["index_clips"]
    assert project.planned(spectra) == {}


# Embeddings made elsewhere

GAINED = "results/made/embeddings/panns/bitcrush.h5"


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Project:
    """Embeddings and a split, dated in the future, imported."""
    project = copy_checkout(tmp_path_factory.mktemp("imported") / "project")
    shutil.copytree(ORACLE, project.path("made"))
    date(project.path("made"), FUTURE)
    embeddings = {"directory": "made", "split": "made/train_test_split.csv"}
    project.write_config({"experiment": "made", "embeddings": embeddings, "models": ["panns"]})
    project.run(GAINED)
    return project


@pytest.fixture
def made(imported, tmp_path) -> Project:
    return copy_finished(imported, tmp_path / "project")


def test_embeddings_from_the_future_that_are_touched_are_the_same(made):
    assert made.planned(GAINED) == {}
    date(made.path("made"), OLDER)
    assert made.planned(GAINED) == {}


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("name", first_of(["embeddings_bitcrush_7.h5", "embeddings.h5"]))
def test_replaced_embeddings_are_imported(made, name, time):
    folder = made.path("made/embeddings")
    replace(folder / name, (folder / "embeddings_bitcrush_8.h5").read_bytes(), time)
    (job,) = made.planned(GAINED)["import_effect"]
    assert f"made/embeddings/{name}" in job["reason"]


@pytest.mark.parametrize("time", TIMES)
def test_a_replaced_split_of_embeddings_is_indexed(made, time):
    split = made.path("made/train_test_split.csv")
    replace(split, split.read_bytes().replace(b"test", b"train", 1), time)
    assert set(made.planned(GAINED)) == {"index_embeddings", "import_effect"}
