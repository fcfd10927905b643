"""IRMAS from the download to effected audio, on a made-up archive of 27 short clips.

A copy of the workflow expects that archive: its md5, the split's SHA-256 and the numbers of clips
are edited in `published_files.py` and `irmas.py`. Everything else is what the paper's run does.
"""

import csv
import hashlib
import io
import math
import os
import re
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
import yaml

from support.audio import write_wav
from support.file_server import FileServer, serving, status, whole
from support.project import ROOT, Project, copy_checkout, refused

TAGS = ("cel", "cla", "flu", "gac", "gel", "org", "pia", "sax", "tru", "vio", "voi")
LABELS = {"cel": "cello", "flu": "flute"}
ODD = "flu/take 7.wav"
INDEX = "results/mini/clips.csv"
REPORT = "results/mini/clips_report.csv"


def tone(number: int, seconds: float = 0.1) -> bytes:
    """A WAV file as IRMAS has them, but shorter."""
    content = io.BytesIO()
    values = (9000 * math.sin(i * (0.02 + 0.001 * number)) for i in range(int(44100 * seconds)))
    write_wav(content, ((int(value), int(value / 2)) for value in values))
    return content.getvalue()


def make_clips() -> dict[str, bytes]:
    """Nine clips of cello and of flute, one of each other label, by their path in the folder."""
    paths = []
    for start, tag in ((0, "cel"), (100, "flu")):
        paths += [f"{tag}/[{tag}][cla]{start + group:04d}__1.wav" for group in range(5)]
        drumless = f"[{tag}][nod][pop_roc]"
        paths += [f"{tag}/0{group}0__{drumless}{start + group:04d}__1.wav" for group in (5, 6)]
        paths.append(f"{tag}/[{tag}][dru][lat_sou]{start + 7:04d}__2.wav")
    paths += ["cel/[cel][cla]0008__1.wav", ODD]
    others = [tag for tag in TAGS if tag not in LABELS]
    paths += [f"{tag}/[{tag}][jaz_blu]{200 + i:04d}__1.wav" for i, tag in enumerate(others)]
    return {path: tone(number, 0.1 + 0.1 * (path == ODD)) for number, path in enumerate(paths)}


CLIPS = make_clips()
# In an order of its own; two of the labels' recordings are in both parts.
SPLIT = [
    ("flute", "classical", "[flu][cla]0104__1", "train"),
    ("flute", "pop_roc", "050__[flu][nod][pop_roc]0105__1", "train"),
    ("flute", "classical", "[flu][cla]0100__1", "train"),
    ("cello", "classical", "[cel][cla]0003__1", "train"),
    ("cello", "classical", "[cel][cla]0001__1", "train"),
    ("cello", "country_folk", "060__[cel][nod][pop_roc]0006__1", "train"),
    ("cello", "classical", "[cel][cla]0002__1", "test"),
    ("flute", "classical", "[flu][cla]0101__1", "test"),
]


def make_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("IRMAS-TrainingData/README.txt", "notes")
        for path, data in reversed(CLIPS.items()):
            file.writestr(f"IRMAS-TrainingData/{path}", data)
            file.writestr(f"__MACOSX/IRMAS-TrainingData/{path}", b"finder")
    return content.getvalue()


ARCHIVE = make_archive()


def make_split() -> bytes:
    file = io.StringIO()
    header = ("instrument", "genre", "file_name", "split")
    csv.writer(file, lineterminator="\n").writerows([header, *SPLIT])
    return file.getvalue().encode()


SPLIT_FILE = make_split()


def replace_in(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count == 1, f"{path}: {old!r} is there {count} times"
    path.write_text(text, encoding="utf-8")


def kept(project: Project) -> str:
    """The folder of audio that is kept: the last part of its name is an identity."""
    return project.output_of("keep_audio", "--forceall")


def expecting_mini(project: Project) -> Project:
    """Make a copy of the workflow expect the made-up archive and split."""
    library = project.path("workflow_scripts/embedding_sensitivity/downloads")
    replace_in(
        library / "published_files.py",
        ("4fd9f5ed5a18d8e2687e6360b5f60afe", hashlib.md5(ARCHIVE).hexdigest()),
        ("ace53a87ef4958925d4d853fc9a6f6fa097f706bb640d67cc9e04e27270bd669", sha256(SPLIT_FILE)),
        ("size=225_199", f"size={len(SPLIT_FILE)}"),
    )
    counts = [(rf'"{tag}": \d+,', f'"{tag}": {9 if tag in LABELS else 1},') for tag in TAGS]
    replace_in(
        library.parent / "clips" / "irmas.py", ("DURATION_S = 3.0", "DURATION_S = 0.1"), *counts
    )
    project.write_config(
        {
            "experiment": "mini",
            "data": {"source": "irmas"},
            "labels": ["cello", "flute"],
            "protocol": {"reverb_state": "carried"},
            "effects": {"reverb": {"levels": [0.1, 0.5], "keep_audio": [0.5]}},
            "models": {"logmel": {}},
        }
    )
    return project


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def change(project: Project, mirrors: FileServer | None = None, **data) -> None:
    config = project.read_config()
    config["data"] |= data
    if mirrors:
        config["mirrors"] = {name: f"{mirrors.url}/{name}" for name in ("irmas", "split")}
    project.write_config(config)


def unpack(folder: Path) -> Path:
    """Write the clips as a folder that somebody has unpacked."""
    for path, content in CLIPS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def read_table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def mini(tmp_path) -> Project:
    return expecting_mini(copy_checkout(tmp_path / "project"))


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory) -> tuple[Project, str]:
    """A copy in which everything was downloaded, indexed and rendered, and what that printed."""
    project = expecting_mini(copy_checkout(tmp_path_factory.mktemp("irmas") / "project"))
    with serving() as server:
        files = {"/file/irmas": ARCHIVE, "/file/split": SPLIT_FILE}
        server.answers = [lambda handler: whole(files[handler.path])(handler)]
        change(project, server)
        return project, project.run(INDEX, kept(project)).output


def test_everything_is_downloaded_and_the_licence_shown_once(downloaded):
    project, output = downloaded
    tree = project.path("resources/IRMAS-TrainingData")
    found = {str(path.relative_to(tree)) for path in tree.rglob("*.*") if path.is_file()}
    assert found - {".snakemake_timestamp"} == set(CLIPS)
    assert all((tree / path).read_bytes() == content for path, content in CLIPS.items())
    assert project.path("resources/train_test_split.csv").read_bytes() == SPLIT_FILE
    # What a script says goes to the terminal and to its log.
    assert len(re.findall("IRMAS is licensed CC BY-NC-SA 3.0", output)) == 1
    log = project.path("logs/mini/download_irmas.log").read_text()
    assert "28 files of the archive are not clips: IRMAS-TrainingData/README.txt" in log


def test_the_index_has_the_splits_clips_in_its_order_and_the_others_for_the_reverb(downloaded):
    rows = read_table(downloaded[0].path(INDEX))
    assert len(rows) == 27 and sorted(row["clip"] for row in rows) == [row["clip"] for row in rows]
    in_split = sorted((row for row in rows if row["split"]), key=lambda row: int(row["split_row"]))
    assert [(r["label"], r["genre"], r["clip"], r["split"]) for r in in_split] == SPLIT
    for row in rows:
        path = row["path"].removeprefix("resources/IRMAS-TrainingData/")
        assert row["sha256"] == sha256(CLIPS[path]) and Path(path).stem == row["clip"]
    groups = {row["clip"]: row["group"] for row in rows}
    assert groups["050__[flu][nod][pop_roc]0105__1"] == "0105" and groups["take 7"] == "take 7"


def test_the_report_names_what_is_extra_or_odd(downloaded):
    rows = read_table(downloaded[0].path(REPORT))
    assert list(rows[0]) == ["clip", "path", "finding", "detail"]
    by_finding = {}
    for row in rows:
        by_finding.setdefault(row["finding"], []).append((row["clip"], row["detail"]))
    assert len(by_finding.pop("extra")) == 27 - len(SPLIT)
    assert by_finding == {
        "duration": [("take 7", "0.200 s, expected 0.1 s")],
        "name": [("take 7", "not [label]...[genre]NNNN__N")],
        "contradiction": [
            (
                "060__[cel][nod][pop_roc]0006__1",
                "genre pop_roc by its name, country_folk in the split",
            )
        ],
    }
    log = downloaded[0].path("logs/mini/index_clips.log").read_text()
    assert "27 files, 8 in the split (resources/train_test_split.csv)" in log
    assert "extra: 19 clips (not in the split" in log


def test_only_the_splits_clips_are_rendered(downloaded):
    project, _ = downloaded
    found = {path.stem for path in project.path(kept(project)).glob("*.wav")}
    assert found == {clip for _, _, clip, _ in SPLIT}


@pytest.mark.more
def test_unpacking_again_indexes_nothing_again(downloaded, tmp_path):
    shutil.copytree(downloaded[0].folder, tmp_path / "project", symlinks=True)
    again = Project(tmp_path / "project")
    folder = kept(again)
    assert again.planned(INDEX, folder) == {}
    for name in ("download_irmas", "download_split"):
        path = again.path(f"workflow_scripts/{name}.py")
        path.write_text(path.read_text() + "EDITED = True\n")
    # The downloads are kept: the server is gone.
    targets = ("resources/IRMAS-TrainingData", "resources/train_test_split.csv", INDEX, folder)
    assert set(again.planned(*targets)) == {"download_irmas", "download_split"}
    again.run(*targets)
    assert again.planned(*targets) == {}


def test_nothing_is_asked_of_the_folder_once_it_is_indexed(downloaded, tmp_path):
    shutil.copytree(downloaded[0].folder, tmp_path / "project", symlinks=True)
    again = Project(tmp_path / "project")
    folder = kept(again)
    shutil.rmtree(again.path("resources"))
    assert again.planned(INDEX, folder) == {}


def test_a_clip_that_is_replaced_is_refused_when_it_is_read_next(downloaded, tmp_path):
    shutil.copytree(downloaded[0].folder, tmp_path / "project", symlinks=True)
    again = Project(tmp_path / "project")
    path = "resources/IRMAS-TrainingData/cel/[cel][cla]0003__1.wav"
    again.path(path).write_bytes(tone(99))
    folder = kept(again)
    assert again.planned(INDEX, folder) == {}
    shutil.rmtree(again.path(folder))
    refused(again, folder, message=f"{path}: the file has changed since it was indexed: restore it")
    # An index that is made again by force was planned to be of the clips there were.
    forced = again.snakemake("--forcerun", "index_clips", "--", INDEX)
    assert forced.returncode != 0
    assert "the clips changed since they were indexed before: run again" in forced.output
    again.run(INDEX)
    assert kept(again) != folder
    assert sha256(tone(99)) in {row["sha256"] for row in read_table(again.path(INDEX))}


def test_a_published_split_that_is_replaced_is_noticed_and_refused(downloaded, tmp_path):
    """Whatever its time; one that is touched is the same."""
    shutil.copytree(downloaded[0].folder, tmp_path / "project", symlinks=True)
    again = Project(tmp_path / "project")
    split = again.path("resources/train_test_split.csv")
    os.utime(split, (4e9, 4e9))
    assert again.planned(INDEX) == {}
    split.write_bytes(SPLIT_FILE.replace(b",test", b",train", 1))
    os.utime(split, (1e9, 1e9))
    assert set(again.planned(INDEX)) == {"index_clips"}
    refused(again, INDEX, message="resources/train_test_split.csv: not the authors' split")


def carried_order(project: Project) -> list[tuple[str, str]]:
    """Clips and their audio as a carried reverb meets them."""
    rows = sorted(read_table(project.path(INDEX)), key=lambda row: row["path"])
    return [(row["clip"], row["sha256"]) for row in rows]


@pytest.mark.more
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_local_copy_gives_the_same_clips_in_the_same_order(downloaded, mini, tmp_path, form):
    elsewhere = tmp_path / "zz top"
    elsewhere.mkdir()
    if form == "zip":
        local = elsewhere / "irmas.zip"
        local.write_bytes(ARCHIVE)
    else:
        local = unpack(elsewhere)
    mini.path("resources").mkdir()
    mini.path("resources/train_test_split.csv").write_bytes(SPLIT_FILE)
    with serving() as server:
        server.answers = [status(404)]
        change(mini, server, local=str(local))
        output = mini.run(INDEX).output
        assert server.requests == []
    assert len(re.findall("IRMAS is licensed CC BY-NC-SA 3.0", output)) == 1
    assert carried_order(mini) == carried_order(downloaded[0])
    if form == "zip":
        assert local.read_bytes() == ARCHIVE
        local.touch()
        assert mini.planned("resources/IRMAS-TrainingData") == {}


def test_another_archive_is_refused_and_nothing_of_it_kept(mini, tmp_path):
    (tmp_path / "other.zip").write_bytes(ARCHIVE[:-1] + b"x")
    change(mini, local=str(tmp_path / "other.zip"))
    output = refused(mini, "resources/IRMAS-TrainingData", message="data.local: ").output
    assert f"expected {hashlib.md5(ARCHIVE).hexdigest()}" in output
    assert not mini.path("resources/IRMAS-TrainingData").exists()


@pytest.mark.more
def test_without_a_server_it_says_what_to_fetch_and_uses_it_where_it_was_put(downloaded, mini):
    by_hand = mini.path("resources/downloads")
    with serving() as server:
        server.answers = [status(404)]
        change(mini, server)
        output = refused(mini, "--keep-going", INDEX, message="answers with status 404").output
        assert hashlib.md5(ARCHIVE).hexdigest() in output
        archive = "resources/downloads/IRMAS-TrainingData.zip"
        assert f"put it at {archive}, or set data.local in the config" in output
        assert "put it at resources/downloads/train_test_split.csv, or set data.split" in output
        assert not mini.path("resources/IRMAS-TrainingData").exists()
        assert not mini.path("resources/train_test_split.csv").exists()

        asked = len(server.requests)
        by_hand.mkdir(exist_ok=True)
        (by_hand / "IRMAS-TrainingData.zip").write_bytes(ARCHIVE)
        (by_hand / "train_test_split.csv").write_bytes(SPLIT_FILE)
        mini.run(INDEX)
        assert len(server.requests) == asked
    assert carried_order(mini) == carried_order(downloaded[0])


@pytest.mark.more
def test_an_incomplete_folder_is_refused(mini, tmp_path):
    unpack(tmp_path / "copy")
    (tmp_path / "copy" / ODD).unlink()
    change(mini, local=str(tmp_path / "copy"), split="generated")
    refused(mini, INDEX, message="copy/flu: 8 clips, IRMAS has 9: complete the folder")
    shutil.rmtree(tmp_path / "copy" / "voi")
    (tmp_path / "copy" / ODD).write_bytes(CLIPS[ODD])
    refused(mini, INDEX, message="copy/voi: cannot be read (No such file or directory), expected 1")


def cut(path: Path) -> None:
    """Take the end of a WAV away, as a full disk does; its header promises what it did."""
    path.write_bytes(path.read_bytes()[:-4000])


def make_whole(path: Path) -> None:
    """Have the header of a WAV promise what is there."""
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", len(content) - 8)
    content[40:44] = struct.pack("<I", len(content) - 44)
    path.write_bytes(content)


@pytest.mark.more
def test_a_folder_with_a_truncated_clip_in_the_split_is_refused(mini, tmp_path):
    change(mini, local=str(unpack(tmp_path / "copy")))
    mini.path("resources").mkdir()
    mini.path("resources/train_test_split.csv").write_bytes(SPLIT_FILE)
    clip = "cel/[cel][cla]0003__1.wav"
    cut(tmp_path / "copy" / clip)
    said = (
        "is cut short: its header tells of 17640 bytes of audio, 13640 are there: replace the file"
    )
    refused(mini, INDEX, message=f"copy/{clip}: {said}")
    assert not mini.path(INDEX).exists()
    make_whole(tmp_path / "copy" / clip)
    refused(
        mini,
        INDEX,
        message=f"copy/{clip}: 0.077 s, IRMAS's clips are 0.1 s: restore the file from "
        "IRMAS-TrainingData.zip, or name that as data.local",
    )
    assert not mini.path(INDEX).exists()


@pytest.mark.more
def test_outside_the_split_short_and_silent_clips_are_reported(mini, tmp_path):
    change(mini, local=str(unpack(tmp_path / "copy")))
    mini.path("resources").mkdir()
    mini.path("resources/train_test_split.csv").write_bytes(SPLIT_FILE)
    cut(tmp_path / "copy/cel/[cel][cla]0004__1.wav")
    make_whole(tmp_path / "copy/cel/[cel][cla]0004__1.wav")
    silent = "voi/[voi][jaz_blu]0208__1.wav"
    sound = CLIPS[silent]
    (tmp_path / "copy" / silent).write_bytes(sound[:44] + bytes(len(sound) - 44))
    mini.run(INDEX, kept(mini))  # the reverb passes through both
    found = [(r["clip"], r["finding"], r["detail"]) for r in read_table(mini.path(REPORT))]
    assert ("[cel][cla]0004__1", "duration", "0.077 s, expected 0.1 s") in found
    detail = "not embedded, a carried reverb passes through it"
    assert ("[voi][jaz_blu]0208__1", "silence", detail) in found


@pytest.mark.more
def test_another_file_in_the_published_splits_place_is_refused(mini, tmp_path):
    change(mini, local=str(unpack(tmp_path / "copy")))
    mini.path("resources").mkdir()
    mini.path("resources/train_test_split.csv").write_bytes(SPLIT_FILE.replace(b"0104", b"0103"))
    refused(mini, INDEX, message="resources/train_test_split.csv: not the authors' split, whose")
    assert not mini.path(INDEX).exists()


@pytest.mark.more
def test_clips_of_a_split_of_ones_own_that_are_missing_are_named(mini, tmp_path):
    rows = SPLIT_FILE.replace(b"[flu][cla]0104__1", b"gone 1").replace(b"[cel][cla]0001", b"gone 2")
    rows = rows.replace(b"[cel][cla]0002", b"gone 3").replace(b"[flu][cla]0101", b"gone 4")
    mini.path("own.csv").write_bytes(rows)
    change(mini, local=str(unpack(tmp_path / "copy")), split="own.csv")
    done = refused(
        mini,
        INDEX,
        message="gone 1, gone 2__1, gone 3__1: in the split, but there is no such audio file "
        "(4 missing, all named in the log of index_clips): complete the folder or the split",
    )
    assert "logs/mini/index_clips.log" in done.output
    log = mini.path("logs/mini/index_clips.log").read_text()
    missing = "gone 1, gone 2__1, gone 3__1, gone 4__1"
    assert f"ERROR clips of the split without an audio file: {missing}\n" in log


@pytest.mark.more
def test_a_generated_split_keeps_recordings_together(mini, tmp_path):
    change(mini, local=str(unpack(tmp_path / "copy")), split="generated", labels=["cello", "flute"])
    assert set(mini.planned(INDEX)) == {"index_clips"}
    mini.run(INDEX)
    rows = read_table(mini.path(INDEX))
    groups = {
        part: {row["group"] for row in rows if row["split"] == part} for part in ("train", "test")
    }
    assert groups["train"] and groups["test"] and not groups["train"] & groups["test"]
    training = [row["label"] for row in rows if row["split"] == "train"]
    assert training.count("cello") == training.count("flute") >= 3
    assert {row["label"] for row in rows if row["split"]} == {"cello", "flute"}
    # The reverb passes through the others.
    assert len(rows) == 27


def test_a_local_copy_that_is_not_there_is_refused_before_anything_runs(mini):
    change(mini, local="nowhere.zip")
    refused(
        mini,
        "--dry-run",
        message="error: tiny.yaml: data.local: nowhere.zip does not exist: give "
        "IRMAS-TrainingData.zip or the folder it unpacks to, or null to download it",
    )


def test_labels_are_checked_before_the_split_is_there(mini):
    config = mini.read_config()
    mini.write_config(config | {"labels": ["cello", "kazoo"]})
    refused(mini, "--dry-run", message="error: tiny.yaml: labels: no clip is labelled 'kazoo'")


def test_the_papers_data_is_planned_with_nothing_downloaded(project):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    project.write_config(config)
    planned = project.planned("results/paper/clips.csv")
    assert set(planned) == {"download_irmas", "download_split", "index_clips"}
