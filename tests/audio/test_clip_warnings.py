"""What the index reports without stopping: extra and odd clips, leaks, repeated audio."""

import csv

import pytest

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.clip_warnings import MEANINGS, find, write_findings

GOOD = "cel/[cel][cla]0001__1.wav"


def clip(path=GOOD, **changes) -> Clip:
    """A clip as IRMAS has them."""
    stem = path.rsplit("/", 1)[-1].removesuffix(".wav")
    values = {
        "clip": stem,
        "path": f"irmas/{path}",
        "label": "cello",
        "genre": "classical",
        "group": "0001",
        "split": "train",
        "duration_s": 3.0,
        "samplerate": 44100,
        "channels": 2,
        "sha256": stem,
        "frames": 132300,
        "split_row": 0,
    }
    return Clip(**{**values, **changes})


def kinds(clips, is_irmas=True, paths=None):
    found = find(paths or [entry.path for entry in clips], clips, is_irmas)
    return [(entry.finding, entry.detail) for entry in found]


def test_a_clip_as_it_should_be_is_not_reported():
    assert kinds([clip()]) == []
    # A few samples more or less are fine.
    assert kinds([clip(duration_s=2.995)]) == []


@pytest.mark.parametrize(
    ("changed", "finding", "detail"),
    [
        ({"label": "flute"}, "contradiction", "label cello by its name, flute in the split"),
        ({"genre": "pop"}, "contradiction", "genre classical by its name, pop in the split"),
        ({"group": "1"}, "contradiction", "group 0001 by its name, 1 in the split"),
        ({"duration_s": 2.98}, "duration", "2.980 s, expected 3 s"),
        ({"split": ""}, "extra", "not embedded"),
    ],
)
def test_one_finding(changed, finding, detail):
    assert kinds([clip(**changed)]) == [(finding, detail)]
    elsewhere = [] if finding != "extra" else [(finding, detail)]
    assert kinds([clip(**changed)], is_irmas=False) == elsewhere


def test_names_and_folders():
    assert kinds([clip("cel/take 1.wav")]) == [("name", "not [label]...[genre]NNNN__N")]
    moved = clip("flu/[cel][cla]0001__1.wav")
    assert kinds([moved]) == [("contradiction", "label cello by its name, in the folder flu")]
    # `cla` is the clarinet's folder and the classical genre.
    clarinet = clip("cla/[cla][cla]0300__1.wav", label="clarinet", group="0300")
    assert kinds([clarinet]) == []


def test_files_that_were_not_indexed_are_extra():
    assert kinds([clip()], paths=["irmas/cel/b.wav", f"irmas/{GOOD}"]) == [
        ("extra", "not embedded")
    ]


@pytest.mark.parametrize("is_irmas", [True, False])
def test_a_recording_in_both_parts_is_reported_for_each_clip(is_irmas):
    paths = [f"cel/[cel][cla]0001__{part}.wav" for part in (1, 2, 3)]
    splits = ("train", "test", "")
    clips = [clip(path, split=split) for path, split in zip(paths, splits, strict=True)]
    leak = ("leak", "group 0001 is in training and test")
    assert kinds(clips, is_irmas) == [leak, leak, ("extra", "not embedded")]
    assert kinds([clips[0], clips[2]], is_irmas) == [("extra", "not embedded")]


def test_the_same_audio_twice_is_reported_once():
    first, second = clip(sha256="x"), clip("cel/[cel][cla]0001__2.wav", sha256="x")
    assert kinds([second, first]) == [("repeated audio", "the same as [cel][cla]0001__1")]


def test_silence_outside_the_split_is_reported():
    quiet = clip("cel/[cel][cla]0001__2.wav", split="")
    found = find([], [clip(), quiet], True, silent={quiet.clip})
    detail = "not embedded, a carried reverb passes through it"
    assert [(f.clip, f.finding, f.detail) for f in found] == [(quiet.clip, "silence", detail)]


def test_the_table_is_sorted_and_readable(tmp_path):
    clips = [clip("cel/[cel][cla]0009__1.wav", label="x", split="", duration_s=1.0), clip(genre="")]
    found = find([entry.path for entry in clips], clips, True)
    write_findings(tmp_path / "report.csv", found)
    with open(tmp_path / "report.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["clip", "path", "finding", "detail"]
    assert [(row[0][-7:], row[2]) for row in rows[1:]] == [
        ("0001__1", "contradiction"),
        ("0009__1", "extra"),
        ("0009__1", "contradiction"),
        ("0009__1", "contradiction"),
        ("0009__1", "duration"),
    ]
    assert {row[2] for row in rows[1:]} <= set(MEANINGS)
