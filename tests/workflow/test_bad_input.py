"""Bad input from the command line: one clear line, a failing exit status, nothing half-written."""

import csv
import math
import os
import struct

import pytest

from support.audio import write_clip
from support.project import first_of, refused


def write_float_clip(path, samples: list[float], rate: int = 8000) -> None:
    """A mono WAV of 32-bit floats, which the standard library can't write."""
    content = struct.pack(f"<{len(samples)}f", *samples)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, rate, 4 * rate, 4, 32)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(content)) + content
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)


@pytest.fixture
def local(project):
    """An experiment on a folder of one's own: two labels of eight clips, one group each."""
    for label in ("oboe", "tuba"):
        for number in range(8):
            write_clip(project.path(f"audio/{label}/{label}{number}.wav"), number)
    project.write_config(
        {
            "experiment": "local",
            "data": {"source": "folder", "folder": "audio"},
            "labels": ["oboe", "tuba"],
            "effects": {"bitcrush": {"levels": [4, 8]}},
            "models": {"logmel": {}},
        }
    )
    return project


def test_the_folder_experiment_plans(local):
    assert {"index_clips", "render_effect", "embed_clips", "measure_debiasing"} <= set(
        local.planned()
    )


def change(project, **keys) -> None:
    project.write_config({**project.read_config(), **keys})


def test_missing_folder(local):
    change(local, data={"source": "folder", "folder": "elsewhere"})
    refused(local, "--dry-run", message="error: data.folder: elsewhere does not exist")


def test_empty_folder(local):
    local.path("void").mkdir()
    change(local, data={"source": "folder", "folder": "void"})
    refused(local, "--dry-run", message="error: data.folder: no audio file")


def test_missing_split_file(local):
    change(local, data={"source": "folder", "folder": "audio", "split": "none.csv"})
    refused(local, "--dry-run", message="error: data.split: none.csv does not exist")


def test_label_that_the_data_has_not(local):
    change(local, labels=["oboe", "tubba"])
    refused(local, "--dry-run", message="error: tiny.yaml: labels: no clip is labelled 'tubba'")


def test_misspelt_key(local):
    change(local, levls_per_job=2)
    refused(
        local,
        "--dry-run",
        message="error: tiny.yaml: levls_per_job: unknown key 'levls_per_job': "
        "did you mean 'levels_per_job'?",
    )


def test_config_values_without_a_file(local):
    done = local.snakemake("--dry-run", "--config", "experiment=other", configfile=None)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "error: --config without --configfile would replace config.yaml" in output
    assert "Traceback" not in output


def test_two_config_files(local):
    done = local.snakemake(
        "--dry-run", "--configfile", "tiny.yaml", "config/demo.yaml", configfile=None
    )
    assert done.returncode != 0
    assert "a config file is complete in itself, give one" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"effects": {"bitcrsh": {"levels": [4, 8]}}},
            "effects: unknown effect 'bitcrsh': did you",
        ),
        ({"models": {"logmell": {}}}, "models.logmell: no such model, did you mean logmel?"),
        ({"effects": {"bitcrush": {"levels": []}}}, "effects.bitcrush.levels: no levels: give at"),
        (
            {"effects": {"bitcrush": {"levels": [8, 4]}}},
            "effects.bitcrush.levels: level 4 follows 8: levels ascend",
        ),
        (
            {"effects": {"bitcrush": {"levels": [4, 99]}}},
            "effects.bitcrush: bit depth 99 bit is outside 1 to 24",
        ),
        (
            {"effects": {"bitcrush": {"levels": {"start": 4, "stop": math.inf, "step": 1}}}},
            "effects.bitcrush.levels: stop is Infinity: give a finite number",
        ),
        (
            {"data": {"source": "demo", "labels": ["cello", "cello", "flute"]}},
            "data.labels: a label is repeated in ['cello', 'cello', 'flute']: keep one",
        ),
    ],
)
def test_a_config_that_cannot_be_run_is_refused_before_anything_runs(local, section, message):
    change(local, **section)
    refused(local, "--dry-run", message=f"error: tiny.yaml: {message}")


def test_a_level_of_demo_clips_whose_folder_of_recordings_is_missing(project):
    distance = {"folders": "nowhere/at_{level}_m", "unit": "m", "scale": "linear"}
    change(project, effects={"distance": {**distance, "levels": [1, 2]}})
    said = "error: effects.distance.folders: level 1: nowhere/at_1_m does not exist: give"
    refused(project, "--dry-run", message=said)


def test_more_demo_recordings_than_can_be_named(local):
    demo = {"source": "demo", "labels": ["cello", "flute"], "train": 100_000}
    change(local, data=demo, labels=["cello", "flute"])
    refused(
        local, "--dry-run", message="error: data.train: cello would need a recording number above"
    )


def test_a_split_with_too_few_training_clips_of_a_label(local):
    clips = [*(("oboe", number) for number in range(6)), ("tuba", 0), ("tuba", 1)]
    rows = [f"{label},,{label}{number},train" for label, number in clips]
    rows += ["oboe,,oboe7,test", "tuba,,tuba7,test"]
    header = "instrument,genre,file_name,split"
    local.path("split.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    change(local, data={"source": "folder", "folder": "audio", "split": "split.csv"})
    refused(local, "--dry-run", message="error: split.csv: label tuba: 2 training clips")


def test_a_folder_for_a_split_file(local):
    change(local, data={"source": "folder", "folder": "audio", "split": "audio"})
    refused(local, "--dry-run", message="error: data.split: audio cannot be read (Is a directory)")


def replace_by(make):
    def replace(path) -> None:
        path.unlink()
        make(path)

    return replace


BROKEN = {
    "no bytes": (lambda path: path.write_bytes(b""), "the file is empty, expected audio"),
    "text": (
        lambda path: path.write_bytes(b"not audio at all"),
        "not an audio file that can be read",
    ),
    "zero length": (
        lambda path: write_clip(path, seconds=0),
        "audio of zero length, expected samples: replace the file",
    ),
    "NaN": (
        lambda path: write_float_clip(path, [0.1, math.nan, 0.2]),
        "has samples that are NaN or infinite: replace the file",
    ),
    "too loud": (
        lambda path: write_float_clip(path, [0.0, 32768.0] * 400),
        "its samples reach 3.277e+04, expected at most 8 where full scale is 1: replace the",
    ),
    "too short": (
        lambda path: write_clip(path, seconds=0.01),
        "lasts 0.01 s, expected 0.05 s or more: replace the file",
    ),
    "silent": (
        lambda path: write_clip(path, amplitude=0),
        "is silent (every sample is 0): replace the file",
    ),
    "a FIFO": (replace_by(os.mkfifo), "cannot be read (not a regular file): restore the file"),
    "a dangling link": (
        replace_by(lambda path: path.symlink_to("nowhere.wav")),
        "cannot be read (No such file or directory): restore the file",
    ),
    "other rate": (
        lambda path: write_clip(path, rate=16000),
        "16000 Hz, 1 channels, expected 8000 Hz and 1 of every clip: convert the file",
    ),
    "other channel count": (
        lambda path: write_clip(path, channels=2),
        "8000 Hz, 2 channels, expected 8000 Hz and 1 of every clip: convert the file",
    ),
}


@pytest.mark.parametrize("kind", first_of(BROKEN))
def test_a_broken_clip_stops_the_run_at_the_index(local, kind):
    write, message = BROKEN[kind]
    write(local.path("audio/tuba/tuba3.wav"))
    done = refused(local, message=f"audio/tuba/tuba3.wav: {message}")
    assert [job.rule for job in done.failed] == ["index_clips"]
    left = [path.name for path in local.path("results").rglob("*") if path.is_file()]
    assert left == [], left


@pytest.mark.more
def test_many_broken_clips_stop_the_run_once(local):
    for number in (3, 5, 7):
        local.path(f"audio/tuba/tuba{number}.wav").write_bytes(b"")
    said = "audio/tuba/tuba3.wav: the file is empty, expected audio: replace the file or take it"
    refused(local, message=f"{said} out of the folder (2 more bad clips, all named in the log")
    log = local.path("logs/local/index_clips.log").read_text(encoding="utf-8")
    assert all(f"bad clip: audio/tuba/tuba{number}.wav" in log for number in (3, 5, 7))


def read_rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_bad_clips_are_dropped_where_the_config_says_so(local):
    """The index, all that later stages know of the clips, is what it is without the bad files."""
    for kind, (write, _) in BROKEN.items():
        path = local.path(f"audio/tuba/bad {kind}.wav")
        write_clip(path)
        write(path)
    local.path("audio/oboe/folder.wav").mkdir()
    change(local, data={"source": "folder", "folder": "audio", "on_bad_clip": "drop"})
    clips, dropped = ("results/local/clips.csv", "results/local/tables/dropped_clips.csv")
    output = local.run(clips).output
    assert f"{len(BROKEN)} bad clips of {len(BROKEN) + 16} files were left out" in output
    assert "bad clip:" not in output
    rows = read_rows(local.path(dropped))
    assert [row["clip"] for row in rows] == sorted(f"bad {kind}" for kind in BROKEN)
    for row in rows:
        assert row["path"] == f"audio/tuba/{row['clip']}.wav"
        line = BROKEN[row["clip"].removeprefix("bad ")][1]
        assert line.startswith(row["reason"]) or row["reason"].startswith(line)
    found = read_rows(local.path("results/local/clips_report.csv"))
    assert [(row["clip"], row["detail"]) for row in found if row["finding"] == "dropped"] == [
        (row["clip"], row["reason"]) for row in rows
    ]

    indexed = local.path(clips).read_bytes()
    for kind in BROKEN:
        local.path(f"audio/tuba/bad {kind}.wav").unlink()
    change(local, data={"source": "folder", "folder": "audio"})
    local.run(clips)
    assert local.path(clips).read_bytes() == indexed
    assert local.path(dropped).read_text(encoding="utf-8") == "clip,path,reason\n"


@pytest.mark.more
def test_too_few_clips_left_after_dropping_stop_the_run_at_the_index(local):
    for number in range(3, 8):
        local.path(f"audio/tuba/tuba{number}.wav").write_bytes(b"")
    change(local, data={"source": "folder", "folder": "audio", "on_bad_clip": "drop"})
    refused(local, message="leave it out (5 bad clips were dropped, all named in the log of index_")
    assert not local.path("results/local/clips.csv").exists()


@pytest.mark.more
def test_too_few_clips_of_a_label_stop_the_run_at_the_index(local):
    for number in range(3, 8):
        local.path(f"audio/tuba/tuba{number}.wav").unlink()
    refused(local, message="label tuba: 2 training clips")
    assert not local.path("results/local/clips.csv").exists()


def test_duplicate_clip_ids_stop_the_run_at_the_index(local):
    write_clip(local.path("audio/more/oboe1.wav"))
    refused(local, message="clip id oboe1 is taken by audio/more/oboe1.wav")
