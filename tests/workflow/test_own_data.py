"""An experiment on a folder of one's own: what a plan refuses, and what a run says of the files."""

import csv

import pytest

from embedding_sensitivity.experiment.plan import Plan
from embedding_sensitivity.files.errors import InputError
from support.audio import write_clip

COLUMNS = "instrument,genre,file_name,split"


@pytest.fixture
def mine(project):
    """Two labels of four recordings, each of three clips, and what lies beside them."""
    for label in ("piano", "violin"):
        for number in range(12):
            name = f"audio/{label}/{label}_rec{number // 3}_{number % 3}.wav"
            write_clip(project.path(name), number + 12 * (label == "violin"))
    for name in ("notes.txt", "piano/.DS_Store", "violin/scan.pdf"):
        project.path(f"audio/{name}").touch()
    write(project)
    return project


def write(project, **keys) -> None:
    config = {
        "experiment": "mine",
        "data": {"source": "folder", "folder": "audio", **keys.pop("data", {})},
        "effects": {"gain": {"levels": [-20, 0]}},
        "models": {"logmel": {}},
        **keys,
    }
    project.write_config(config)


def plan(project, monkeypatch, **keys) -> Plan:
    """What the Snakefile makes of the config, which takes no run of Snakemake."""
    write(project, **keys)
    monkeypatch.chdir(project.folder)
    return Plan(project.read_config(), "tiny.yaml")


def write_split(project, *rows: str, columns: str = COLUMNS) -> dict:
    project.path("split.csv").write_text("\n".join([columns, *rows, ""]), encoding="utf-8")
    return {"split": "split.csv"}


def a_split(project, extra: str = "") -> list[str]:
    """Rows of a split that tears every recording: its last clip is for testing."""
    return [
        f"{path.parent.name},,{path.name},{'test' if path.stem[-1] == '2' else 'train'}{extra}"
        for path in sorted(project.path("audio").rglob("*.wav"))
    ]


def read_rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_and_what_is_amiss_of_recordings_is_said(mine):
    said = mine.run("--", "results/mine/clips.csv").output
    assert "27 files below audio: 24 embedded, 0 of audio left out, 0 bad clips, 3 passed" in said
    assert said.count("no recordings are named (data.group, or a column group of the split)") == 1
    assert "fewer than 10 test recordings: piano 3, violin 3: intervals" in said
    found = read_rows(mine.path("results/mine/clips_report.csv"))
    assert {(row["path"], row["detail"]) for row in found} == {
        ("audio/notes.txt", "its ending, .txt, is none of an audio file"),
        ("audio/piano/.DS_Store", "hidden: its name begins with a dot"),
        ("audio/violin/scan.pdf", "its ending, .pdf, is none of an audio file"),
    }
    rows = read_rows(mine.path("results/mine/tables/recordings.csv"))
    assert [list(row.values()) for row in rows] == [
        ["piano", "9", "3", "9", "3", "0", "12", "0"],
        ["violin", "9", "3", "9", "3", "0", "12", "0"],
    ]

    # Named, they are kept whole; a split that tears them apart is used, and that is said.
    write(mine, data={"group": r"rec\d"})
    said = mine.run("--", "results/mine/clips.csv").output
    assert "recordings named alike in several labels: piano 4, violin 4: each" in said
    clips = read_rows(mine.path("results/mine/clips.csv"))
    assert {clip["group"] for clip in clips} == {"rec0", "rec1", "rec2", "rec3"}
    assert len({(clip["group"], clip["split"]) for clip in clips}) == 4
    write(mine, data={"group": r"(.*)_\d", **write_split(mine, *a_split(mine))})
    said = mine.run("--", "results/mine/clips.csv").output
    assert "in both training and test: piano 4, violin 4 (clips_report.csv names" in said
    assert "no recordings are named" not in said


def test_labels_default_to_the_sub_folders(mine, monkeypatch):
    assert plan(mine, monkeypatch).labels == ["piano", "violin"]
    write_clip(mine.path("audio/loose.wav"))
    write_clip(mine.path("audio/sketches/x.wav"))
    assert plan(mine, monkeypatch).labels == ["piano", "sketches", "violin"]
    chosen = plan(mine, monkeypatch, data={"labels": ["violin", "sketches"]})
    assert chosen.labels == chosen.settings.labels == ["violin", "sketches"]
    with pytest.raises(InputError, match=r"figures\.labels: unknown label 'oboe'"):
        plan(mine, monkeypatch, figures={"labels": ["oboe"]})


def test_one_sub_folder_is_no_experiment(mine, monkeypatch):
    one = {"folder": "audio/piano"}
    with pytest.raises(InputError, match=r"labels: the data has none, at least two are needed: g"):
        plan(mine, monkeypatch, data=one)


@pytest.mark.parametrize(
    ("data", "rows", "message"),
    [
        (
            {},
            ["violin,,violin/piano_rec0_0.wav,train"],
            "split.csv: violin/piano_rec0_0.wav: there is",
        ),
        (
            {},
            ["a,,piano_rec0_0,train", "A,,piano_rec0_1,train"],
            "the labels 'A' and 'a' look alike",
        ),
        (
            {"group": r"take\d"},
            [],
            "data.group: 'take\\\\d' finds no recording in piano/piano_rec0_0",
        ),
        (
            {"group": "session("},
            [],
            "data.group: 'session(' is no regular expression (missing ), u",
        ),
        (
            {"group": "sesion"},
            ["piano,,piano_rec0_0,train", "piano,,piano_rec0_1,train"],
            "data.group: 'sesion' finds no recording in piano/",
        ),
    ],
)
def test_a_plan_refuses(mine, monkeypatch, data, rows, message):
    split = write_split(mine, *rows, *a_split(mine)[2:]) if rows else {}
    with pytest.raises(InputError) as refused:
        plan(mine, monkeypatch, data={**data, **split})
    assert message in str(refused.value)


def test_two_labels_with_files_of_one_name_are_refused_when_planned(mine, monkeypatch):
    for label in ("piano", "violin"):
        write_clip(mine.path(f"audio/{label}/001.wav"))
    shared = r"violin/001\.wav: clip id 001 is taken by audio/piano/001\.wav .*, as in violin_001"
    with pytest.raises(InputError, match=shared):
        plan(mine, monkeypatch)


def test_labels_that_are_not_analysed_limit_nothing(mine, monkeypatch):
    """Neither of a generated split nor of a given one."""
    write_clip(mine.path("audio/sketches/x.wav"))
    analysed = ["violin", "piano"]
    assert plan(mine, monkeypatch, labels=analysed).labels == analysed
    split = write_split(mine, *a_split(mine))
    assert plan(mine, monkeypatch, labels=analysed, data=split).labels == analysed
    with pytest.raises(InputError, match=r"split\.csv: label sketches: 1 training clips"):
        plan(mine, monkeypatch, data=split)


def test_a_column_of_the_split_names_recordings(mine, monkeypatch):
    split = write_split(mine, *a_split(mine, ",monday"), columns=f"{COLUMNS},session")
    planned = plan(mine, monkeypatch, data={"group": "session", **split})
    assert {row.group for row in planned.source.rows} == {"monday"}


def test_make_plan_counts_the_files(mine):
    said = mine.command("plan", "tiny.yaml").stdout
    assert "audio: 24 files of audio, 3 passed over (1: its ending, .txt, is none of" in said
    assert "no recordings are named (data.group" in said
    write(mine, data={"group": r"rec\d"})
    assert "no recordings are named" not in mine.command("plan", "tiny.yaml").stdout
