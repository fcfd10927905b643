"""The clip index: valid clips in their split, and one clear line for everything else."""

import csv
import os
import random
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_sensitivity.clips import irmas
from embedding_sensitivity.clips.clip import in_split, read_clips, sort_by_split_row, write_clips
from embedding_sensitivity.clips.dataset import SplitRow, describe, find_audio, read_split
from embedding_sensitivity.clips.index import generate_split, index_clips
from embedding_sensitivity.clips.split import classifier_clips
from embedding_sensitivity.files.errors import InputError

RATE = 8000


def write_wav(path, seed=0, seconds=0.1, rate=RATE, channels=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (int(seconds * rate), channels))
    soundfile.write(path, noise, rate, subtype="PCM_16")
    return path


@pytest.fixture
def folder(tmp_path):
    """Two labels, six groups each of two parts, in IRMAS names."""
    for label in ("cel", "flu"):
        for group in range(6):
            number = group + (10 if label == "flu" else 0)
            for part in (1, 2):
                write_wav(
                    tmp_path / label / f"[{label}][cla]{number:04d}__{part}.wav", group + part
                )
    return tmp_path


def whole_index(folder, split=None, **options):
    wanted = {"labels": None, "samplerate": None, "channels": None, "keep_unsplit": False}
    return index_clips(find_audio(folder), split, **{**wanted, **options})


def index(folder, split=None, **options):
    clips, silent, dropped, *_ = whole_index(folder, split, **options)
    assert not silent and not dropped
    return clips


def write_split(path, rows, columns=("instrument", "genre", "file_name", "split")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def test_generated_split_is_balanced_and_leaks_no_group(folder):
    clips = index(folder)
    train, test = sort_by_split_row(clips, "train"), sort_by_split_row(clips, "test")
    assert not {clip.group for clip in train} & {clip.group for clip in test}
    counts = {label: sum(clip.label == label for clip in train) for label in ("cello", "flute")}
    assert len(set(counts.values())) == 1 and counts["cello"] >= 6
    assert {clip.label for clip in test} == {"cello", "flute"}


def test_generated_split_does_not_depend_on_order():
    described = {f"c{i:02d}": (f"l{i % 3}", "", f"g{i // 2}") for i in range(60)}
    backwards = dict(reversed(described.items()))
    assert generate_split(described) == generate_split(backwards)


def test_generated_split_cuts_training_clips_to_the_smallest_label():
    described = {f"a{i:02d}": ("a", "", f"ga{i}") for i in range(40)}
    described |= {f"b{i:02d}": ("b", "", f"gb{i}") for i in range(12)}
    rows = generate_split(described)
    train = [row.label for row in rows if row.split == "train"]
    assert train.count("a") == train.count("b") == 9


@st.composite
def data_sets(draw):
    """Clips with label and group: labels of unequal size, recordings of one to six clips."""
    described = {}
    for label in range(draw(st.integers(2, 5))):
        sizes = draw(st.lists(st.integers(1, 6), min_size=16, max_size=60))
        for group, size in enumerate(sizes):
            for part in range(size):
                name = f"{group % 7}-{label}-{group}-{part}"
                described[name] = (f"label{label}", "", f"group{label}-{group}")
    return described


@given(data_sets(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_generated_split_is_grouped_stratified_and_repeatable(described, chance):
    rows = generate_split(described)
    parts = defaultdict(set)
    for row in rows:
        assert (row.label, row.genre, row.group) == described[row.clip]
        parts[row.group].add(row.split)
    assert all(len(splits) == 1 for splits in parts.values()), "a group is in both parts"

    test = {row.clip for row in rows if row.split == "test"}
    train = Counter(row.label for row in rows if row.split == "train")
    left = Counter(what[0] for clip, what in described.items() if clip not in test)
    assert set(train.values()) == {min(left.values())}, "training isn't cut to the smallest label"
    for label, count in Counter(what[0] for what in described.values()).items():
        share = (count - left[label]) / count
        assert 0.1 < share < 0.4, f"{share:.0%} of {label} in the test set, a quarter expected"

    names = list(described)
    chance.shuffle(names)
    assert generate_split({name: described[name] for name in names}) == rows


def test_a_recording_with_clips_of_two_labels_is_not_torn():
    described = {f"{i:03d}": (f"label{i % 2}", "", f"group{i // 4}") for i in range(120)}
    rows = generate_split(described)
    parts = defaultdict(set)
    for row in rows:
        parts[row.group].add(row.split)
    assert {len(splits) for splits in parts.values()} == {1}
    assert {row.split for row in rows} == {"train", "test"}


def test_a_split_with_labels_of_unequal_size_is_used_as_it_is(tmp_path):
    rows, seed = [], 0
    for label, count in (("oboe", 5), ("tuba", 9), ("harp", 4)):
        for number in range(count + 2):
            write_wav(tmp_path / f"{label}{number}.wav", seed := seed + 1)
            split = "train" if number < count else "test"
            rows.append((label, "", f"{label}{number}.wav", split, f"{label}{number // 2}"))
    random.Random(5).shuffle(rows)
    columns = ("instrument", "genre", "file_name", "split", "group")
    split = read_split(write_split(tmp_path / "split.csv", rows, columns))
    clips = index(tmp_path, split)
    assert {clip.clip: clip.group for clip in clips} == {row[2][:-4]: row[4] for row in rows}

    by_label = defaultdict(list)
    for clip in sort_by_split_row(clips, "train"):
        by_label[clip.label].append(clip.clip)
    order = {
        label: [r[2][:-4] for r in rows if r[0] == label and r[3] == "train"] for label in by_label
    }
    assert by_label == order and {k: len(v) for k, v in order.items()} == {
        "oboe": 5,
        "tuba": 9,
        "harp": 4,
    }
    # Four of the positive label, and two of each other among its first four.
    first, second = random.Random(42).sample(range(4), 2)
    others = [label for label in order if label != "tuba"]
    expected = order["tuba"][:4] + [order[label][i] for label in others for i in (first, second)]
    assert classifier_clips(by_label, "tuba") == expected


def test_index_is_read_back_as_written_and_sorted(folder, tmp_path):
    clips = index(folder)
    write_clips(tmp_path / "clips.csv", reversed(clips))
    again = read_clips(tmp_path / "clips.csv")
    assert again == sorted(clips, key=lambda clip: clip.clip)
    assert in_split(again) == [clip for clip in again if clip.split]
    first = again[0]
    assert (first.frames, first.samplerate, first.channels, first.duration_s) == (800, RATE, 2, 0.1)


def test_a_split_file_sets_order_and_membership(folder, tmp_path):
    names = [f"[cel][cla]000{i}__1" for i in (5, 0, 3, 1)]
    names += [f"[flu][cla]001{i}__1" for i in (2, 0, 4, 1)]
    rows = [
        (
            "cello" if "cel" in name else "flute",
            "classical",
            name,
            "test" if "1__" in name else "train",
        )
        for name in names
    ]
    split = read_split(write_split(tmp_path / "split.csv", rows))
    clips = index(folder, split)
    assert [clip.clip for clip in sort_by_split_row(clips, "train")] == [
        row[2] for row in rows if row[3] == "train"
    ]
    assert {clip.genre for clip in clips} == {"classical"} and len(clips) == 8
    everything = index(folder, split, keep_unsplit=True)
    assert len(everything) == 24 and len(in_split(everything)) == 8


def test_names_without_irmas_tags_take_their_folder_as_label():
    assert describe("some/where/oboe/take 1.wav") == ("oboe", "", "take 1")


def test_folder_must_be_there_and_hold_audio(tmp_path):
    with pytest.raises(InputError, match=r"data\.folder: .*nowhere does not exist"):
        find_audio(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no audio")
    with pytest.raises(InputError, match=r"data\.folder: no audio file .* below"):
        find_audio(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        find_audio(tmp_path / "notes.txt")


def test_a_folder_that_cannot_be_listed_is_named(folder, monkeypatch):
    # Permissions wouldn't do: root, who runs tests in containers, may read everything.
    listed = os.scandir

    def scandir(path):
        if os.path.basename(path) == "flu":
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=r"data\.folder: .*flu cannot be read \(Permission denied"):
        find_audio(folder)


def test_a_short_clip_of_irmas_is_refused_in_the_split(folder, monkeypatch):
    monkeypatch.setattr(irmas, "DURATION_S", 0.1)
    split = [
        SplitRow(clip.clip, clip.label, clip.genre, clip.split, clip.group)
        for clip in index(folder, irmas_folder=True)
    ]
    cut = write_wav(folder / "cel" / "[cel][cla]0005__2.wav", seconds=0.069)
    with pytest.raises(InputError) as refused:
        index(folder, split, irmas_folder=True)
    assert str(refused.value) == (
        f"{cut}: 0.069 s, IRMAS's clips are 0.1 s: "
        "restore the file from IRMAS-TrainingData.zip, or name that as data.local"
    )
    without = [row for row in split if row.clip != cut.stem]
    assert len(index(folder, without, keep_unsplit=True, irmas_folder=True)) == len(
        list(folder.glob("*/*.wav"))
    )
    assert index(folder, split)  # clips of other data have any length


def test_a_clip_id_that_is_taken_is_refused(folder):
    write_wav(folder / "other" / "[cel][cla]0000__1.wav")
    with pytest.raises(InputError, match=r"\[cel\]\[cla\]0000__1 is taken by"):
        index(folder)


def test_another_rate_or_channel_count_is_refused(folder):
    write_wav(folder / "cel" / "[cel][cla]0005__2.wav", rate=16000)
    with pytest.raises(InputError, match=r"0005__2.wav: 16000 Hz, 2 channels, expected 8000 Hz"):
        index(folder)
    write_wav(folder / "cel" / "[cel][cla]0005__2.wav", channels=1)
    with pytest.raises(InputError, match=r"0005__2.wav: 8000 Hz, 1 channels, expected .* 2 of"):
        index(folder)
    with pytest.raises(InputError, match=r"expected 44100 Hz"):
        index(folder, samplerate=44100)


def broken_files():
    rng = np.random.default_rng(1)

    def samples(path, values):
        soundfile.write(path, np.tile(values, (2, 1)).T, RATE, subtype="FLOAT")

    return {
        "empty": lambda path: path.write_bytes(b""),
        "text": lambda path: path.write_text("this is no audio"),
        "random": lambda path: path.write_bytes(rng.bytes(5000)),
        "no samples": lambda path: soundfile.write(path, np.zeros((0, 2)), RATE),
        "nan": lambda path: samples(path, np.array([0.1, np.nan, 0.2])),
        "infinite": lambda path: samples(path, np.array([0.1, np.inf, 0.2])),
        "silent": lambda path: samples(path, np.zeros(800)),
    }


@pytest.mark.parametrize("kind", broken_files())
def test_a_file_that_is_no_clip_is_refused_by_name(folder, kind):
    broken_files()[kind](folder / "cel" / "[cel][cla]0005__2.wav")
    with pytest.raises(InputError, match=r"0005__2\.wav") as caught:
        index(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", broken_files())
def test_outside_the_split_silence_alone_is_no_error(folder, kind):
    outside = folder / "cel" / "[cel][cla]0005__2.wav"
    split = [
        SplitRow(clip.clip, clip.label, clip.genre, clip.split, clip.group)
        for clip in index(folder)
        if clip.clip != outside.stem
    ]
    broken_files()[kind](outside)
    assert len(index(folder, split)) == len(split)  # nothing passes through it
    if kind == "silent":
        clips, silent, *_ = whole_index(folder, split, keep_unsplit=True)
        assert silent == {outside.stem} and not any(c.split for c in clips if c.clip in silent)
    else:
        with pytest.raises(InputError, match=r"0005__2\.wav"):
            index(folder, split, keep_unsplit=True)


def test_all_bad_clips_are_looked_at_before_the_first_is_refused(folder, caplog):
    caplog.set_level("INFO")
    bad = [folder / "cel" / f"[cel][cla]000{group}__1.wav" for group in (1, 3, 5)]
    for path in bad:
        path.write_bytes(b"")
    split = [SplitRow(path.stem, describe(path)[0], "", "train", None) for path in bad]
    with pytest.raises(InputError) as refused:
        index(folder, split, keep_unsplit=True)
    assert str(refused.value) == (
        f"{bad[0]}: the file is empty, expected audio: replace the file or take it out of the "
        "folder (2 more bad clips, all named in the log of index_clips)"
    )
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert re.findall(r"bad clip: (.*\.wav): the file is empty", logged) == list(map(str, bad))


@pytest.mark.parametrize("keep_unsplit", [False, True])
def test_a_generated_split_is_what_it_would_be_without_the_dropped_files(folder, keep_unsplit):
    bad = "[flu][cla]0010__9"
    for number, breaking in enumerate(broken_files().values()):
        breaking(folder / "cel" / f"{bad}{number}.wav")
    write_wav(folder / "flu" / f"{bad}7.wav", rate=16000)
    write_wav(folder / "flu" / f"{bad}8.wav", channels=1)
    found = whole_index(folder, on_bad_clip="drop", keep_unsplit=keep_unsplit)
    reasons = {entry.clip: entry.reason for entry in found.dropped}
    assert set(reasons) == {f"{bad}{ending}" for ending in range(9)}
    assert reasons[f"{bad}7"] == "16000 Hz, 2 channels, expected 8000 Hz and 2 of every clip"
    assert reasons[f"{bad}6"] == "is silent (every sample is 0)"
    assert all(entry.path.endswith(f"/{entry.clip}.wav") for entry in found.dropped)
    for entry in found.dropped:
        os.remove(entry.path)
    alone = whole_index(folder, keep_unsplit=keep_unsplit)
    assert (found.clips, found.silent) == (alone.clips, alone.silent) and not alone.dropped


def test_dropped_clips_leave_a_split_files_order_as_it_is(folder):
    names = [f"[cel][cla]000{i}__1" for i in (5, 0, 3, 2, 1)]
    names += [f"[flu][cla]001{i}__1" for i in (2, 0, 4, 3, 1)]
    split = [
        SplitRow(
            name,
            "cello" if "cel" in name else "flute",
            "",
            "test" if "1_" in name else "train",
            None,
        )
        for name in names
    ]
    (folder / "cel" / f"{names[1]}.wav").write_bytes(b"")
    outside = write_wav(folder / "aaa first.wav", rate=16000)  # in path order, and of no split
    with pytest.raises(InputError, match="no test clip"):
        index(folder, split[:4] + split[5:], on_bad_clip="drop")
    found = whole_index(folder, split, on_bad_clip="drop")
    assert [bad.clip for bad in found.dropped] == [names[1]]
    for part in ("train", "test"):
        expected = [row.clip for row in split if row.split == part and row.clip != names[1]]
        assert [clip.clip for clip in sort_by_split_row(found.clips, part)] == expected
    rows = [row for row in split if row.clip != names[1]]
    assert found.clips == index(folder, rows)
    # Through a carried reverb pass the good clips alone; the first of them sets the form.
    everything = whole_index(folder, split, on_bad_clip="drop", keep_unsplit=True, samplerate=RATE)
    assert {bad.clip for bad in everything.dropped} == {names[1], outside.stem}
    assert len(everything.clips) == 23


def test_the_first_good_clip_sets_the_form(folder):
    (folder / "aaa.wav").write_bytes(b"")
    write_wav(folder / "bbb.wav", rate=16000)
    with pytest.raises(InputError, match=r"label cello: all of its 12 clips are bad: .* \(25 bad"):
        index(folder, on_bad_clip="drop", labels=None)
    found = whole_index(folder, on_bad_clip="drop", labels=["cello", "flute"])
    assert not found.dropped and {clip.samplerate for clip in found.clips} == {RATE}


def test_a_silent_clip_is_dropped_where_it_would_be_measured(folder):
    silent = folder / "cel" / "[cel][cla]0005__2.wav"
    soundfile.write(silent, np.zeros((800, 2)), RATE)
    found = whole_index(folder, on_bad_clip="drop", keep_unsplit=True)
    assert [bad.clip for bad in found.dropped] == [silent.stem] and not found.silent
    rows = [
        SplitRow(clip.clip, clip.label, clip.genre, clip.split, clip.group)
        for clip in found.clips
        if clip.split
    ]
    found = whole_index(folder, rows, on_bad_clip="drop", keep_unsplit=True)
    assert found.silent == {silent.stem} and not found.dropped


def test_too_few_clips_left_say_how_many_were_dropped(folder):
    def breaking(label, *groups):
        for group in groups:
            for part in (1, 2):
                (folder / label / f"[{label}][cla]{group:04d}__{part}.wav").write_bytes(b"")

    breaking("flu", 10, 11, 12, 13)
    with pytest.raises(InputError) as refused:
        whole_index(folder, on_bad_clip="drop")
    assert str(refused.value) == (
        "label flute: 2 training clips, a classifier among 2 labels needs at least 3: add clips of "
        "it or leave it out (8 bad clips were dropped, all named in the log of index_clips)"
    )
    breaking("flu", 14, 15)
    with pytest.raises(InputError) as refused:
        whole_index(folder, on_bad_clip="drop")
    assert str(refused.value) == (
        "label flute: all of its 12 clips are bad: replace them, or leave the label out (labels, "
        "data.labels) (12 bad clips were dropped, all named in the log of index_clips)"
    )


def test_what_is_no_bad_clip_stays_an_error(folder):
    """A row without a file, and a name that two files have, are mistakes about the data set."""
    split = [SplitRow("gone", "cello", "", "train", None)]
    with pytest.raises(InputError, match="gone: in the split, but there is no such audio file"):
        whole_index(folder, split, on_bad_clip="drop")
    write_wav(folder / "other" / "[cel][cla]0000__1.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"\[cel\]\[cla\]0000__1 is taken by"):
        whole_index(folder, on_bad_clip="drop")


def test_clips_of_irmas_of_another_length_are_dropped(folder, monkeypatch):
    monkeypatch.setattr(irmas, "DURATION_S", 0.1)
    write_wav(folder / "cel" / "[cel][cla]0005__2.wav", seconds=0.07)
    found = whole_index(folder, on_bad_clip="drop", irmas_folder=True)
    assert [(bad.clip, bad.reason) for bad in found.dropped] == [
        ("[cel][cla]0005__2", "0.070 s, IRMAS's clips are 0.1 s")
    ]


@pytest.mark.parametrize("mode", ["fail", "drop"])
def test_names_that_are_no_text_are_refused_and_shown_escaped(folder, mode):
    wav = folder / "cel" / "[cel][cla]0005__2.wav"
    os.rename(wav, os.fsencode(folder / "cel") + b"/\xffx.wav")
    with pytest.raises(InputError, match=r"/cel/\\udcffx\.wav has .* bytes that are not UTF-8"):
        whole_index(folder, on_bad_clip=mode)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], None, "no rows"),
        (
            [("cello", "c", "x", "train")],
            ("label", "genre", "file", "split"),
            "no column instrument",
        ),
        ([("cello", "c", "x", "trian")], None, "line 2: split is 'trian'"),
        ([("cello", "c", "x", "train")] * 2, None, "line 3: clip x is there twice: delete one"),
        ([("", "c", "x", "train")], None, "line 2: no file name or no instrument: fill both in"),
        ([("cello", "c", "", "train")], None, "line 2: no file name or no instrument: fill both"),
    ],
)
def test_a_bad_split_file_is_refused(tmp_path, rows, columns, message):
    columns = columns or ("instrument", "genre", "file_name", "split")
    path = write_split(tmp_path / "split.csv", rows, columns)
    with pytest.raises(InputError, match=message) as caught:
        read_split(path)
    assert "split.csv" in str(caught.value)


def test_a_split_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "split.csv").write_bytes(b"\xff\xfe\x00instrument")
    with pytest.raises(InputError, match=r"split\.csv: not a CSV file in UTF-8 .*: save it as one"):
        read_split(tmp_path / "split.csv")


def test_a_folder_in_the_split_files_place_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"data\.split: .* cannot be read \(Is a directory\): give"
    ):
        read_split(tmp_path)


def test_a_missing_split_file_or_clip_is_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"data\.split: .*none\.csv does not exist"):
        read_split(tmp_path / "none.csv")
    split = read_split(write_split(tmp_path / "s.csv", [("cello", "c", "gone", "train")]))
    with pytest.raises(InputError, match=r"gone: in the split, but there is no such audio file"):
        index(folder, split)


def test_labels_with_too_few_clips_are_refused_when_indexed(tmp_path):
    rows = []
    for label, count in (("cello", 6), ("flute", 2)):
        for i in range(count + 1):
            write_wav(tmp_path / f"{label}{i}.wav", i)
            rows.append((label, "", f"{label}{i}", "test" if i == 0 else "train"))
    split = read_split(write_split(tmp_path / "split.csv", rows))
    with pytest.raises(InputError, match="label flute: 2 training clips"):
        index(tmp_path, split)
    only_training = [row for row in split if row.label == "cello" or row.split == "train"]
    with pytest.raises(InputError, match="label flute: no test clip"):
        index(tmp_path, only_training)


def test_a_label_of_one_group_cannot_be_split():
    described = {f"a{i}": ("a", "", f"g{i}") for i in range(8)}
    described |= {f"b{i}": ("b", "", "one") for i in range(8)}
    with pytest.raises(InputError, match="label b: its 8 clips are of one group"):
        generate_split(described)


def test_too_few_clips_or_groups_for_a_split_are_refused():
    of_own = {f"{label}{i}": (label, "", f"{label}{i}") for i in range(3) for label in "ab"}
    with pytest.raises(InputError, match=r"data: 3 clips at most of a label, .* needs 4 of one"):
        generate_split(of_own)
    shared = {f"{label}{i}": (label, "", f"g{i % 3}") for i in range(6) for label in "ab"}
    with pytest.raises(InputError, match="data: 3 groups, a generated split needs at least 4"):
        generate_split(shared)
