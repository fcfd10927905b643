"""A folder of one's own: every file accounted for, recordings, names, labels that limit nothing."""

import os
import re
import unicodedata
from collections import Counter, defaultdict

import av
import numpy as np
import pytest
import soundfile

from embedding_sensitivity.clips.clip import in_split
from embedding_sensitivity.clips.clip_warnings import find
from embedding_sensitivity.clips.dataset import (
    EXTENSIONS,
    SplitRow,
    check_paths,
    files_by_id,
    find_audio,
    find_labels,
    list_folder,
    read_split,
)
from embedding_sensitivity.clips.index import index_clips
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.clips.recordings import (
    LabelRecordings,
    compile_group,
    count_recordings,
    describe_faults,
    find_torn_recordings,
    name_recordings,
)
from embedding_sensitivity.files.errors import InputError
from support.audio import write_clip

ANALYSED = ["violin", "piano"]


def fill(folder, **labels):
    """A fifth of a second of a tone for each clip of a label's folder."""
    for label, count in labels.items():
        for number in range(count):
            write_clip(folder / label / f"{label}{number:02d}.wav", seed=number)


def index(folder, split=None, **options):
    chosen = {
        "labels": None,
        "samplerate": None,
        "channels": None,
        "keep_unsplit": False,
        "folder": str(folder),
        **options,
    }
    return index_clips(find_audio(folder), split, **chosen)


def count_training(found) -> Counter:
    return Counter(clip.label for clip in found.clips if clip.split == "train")


def write_split(path, *rows):
    lines = [("instrument", "genre", "file_name", "split"), *rows]
    path.write_text("".join(f"{','.join(line)}\n" for line in lines), encoding="utf-8")
    return path


# Labels that aren't analysed


@pytest.mark.parametrize("stray", [6, 1])
def test_a_stray_folder_limits_no_label_that_is_analysed(tmp_path, stray):
    fill(tmp_path, violin=40, piano=40, sketches=stray)
    counts = count_training(index(tmp_path, analysed=ANALYSED))
    assert (counts["violin"], counts["piano"]) == (30, 30) and counts["sketches"] <= stray
    if stray == 6:  # where all are analysed, all are cut to the smallest
        assert set(count_training(index(tmp_path)).values()) == {counts["sketches"]}


def test_leaving_a_label_out_of_the_analysis_changes_no_clip_unless_it_was_the_smallest(tmp_path):
    """So nothing is embedded again."""
    fill(tmp_path, violin=20, piano=24, oboe=16)
    everything = index(tmp_path).clips
    assert index(tmp_path, analysed=["violin", "oboe"]).clips == everything
    assert len(index(tmp_path, analysed=["violin", "piano"]).clips) > len(everything)


def test_a_stray_label_of_one_recording_or_of_other_names_stops_nothing(tmp_path):
    fill(tmp_path, violin=16, piano=16)
    for number in range(8):
        write_clip(tmp_path / "sketches" / f"x{number}.wav")
    one = re.compile(r"x|(?:violin|piano)\d\d")
    assert count_training(index(tmp_path, analysed=ANALYSED, group=one))["violin"] == 12
    other = re.compile(r"(?:violin|piano)\d\d")
    assert count_training(index(tmp_path, analysed=ANALYSED, group=other))["piano"] == 12
    with pytest.raises(InputError, match=r"data\.group: .* finds no recording in sketches/x0\.wav"):
        index(tmp_path, group=other)


def test_of_a_given_split_a_label_that_is_not_analysed_may_lack_test_clips(tmp_path):
    fill(tmp_path, violin=5, piano=5, sketches=2)
    split = [
        SplitRow(path.stem, path.parent.name, "", "test" if "00" in path.stem else "train", None)
        for path in sorted(tmp_path.glob("*/*"))
        if path.stem != "sketches00"
    ]
    with pytest.raises(InputError, match="label sketches: no test clip"):
        index(tmp_path, split)
    counts = count_training(index(tmp_path, split, analysed=ANALYSED))
    assert counts == {"violin": 4, "piano": 4, "sketches": 1}


# Recordings


def test_a_generated_split_keeps_the_recordings_of_a_regular_expression_whole(tmp_path):
    for label in ANALYSED:
        for number in range(24):
            write_clip(tmp_path / label / f"{label}_take{number // 3}_{number % 3}.wav", number)
    found = index(tmp_path, group=compile_group(r"(\w+)/.*(take\d)", ()))
    takes = {f"{label} take{number}" for label in ANALYSED for number in range(8)}
    assert {clip.group for clip in found.clips} == takes and not find_torn_recordings(found.clips)
    piano, violin = count_recordings(found.clips)
    assert piano == LabelRecordings("piano", 18, 6, 6, 2, 0, 0)
    assert violin == LabelRecordings("violin", 18, 6, 6, 2, 0, 0)
    unaware = {clip.clip: clip.split for clip in index(tmp_path).clips}
    parts = defaultdict(set)
    for clip in found.clips:
        parts[clip.group].add(unaware.get(clip.clip))
    assert any({"train", "test"} <= splits for splits in parts.values())


def test_a_recording_is_a_match_in_the_path_below_the_folder():
    def named(pattern: str, path: str) -> str:
        files = {"clip": f"/data/my clips/{path}"}
        return name_recordings(files, "/data/my clips", compile_group(pattern, ()))["clip"]

    assert named(r"rec\d+", "violin/rec12_3.wav") == "rec12"
    assert named(r"^[^/]+/(.*)_", "violin/rec12_3.wav") == "rec12"
    assert named(r"(\w+)/(?:a|(b))(\d)", "violin/a1.wav") == "violin 1"
    assert named(r"é", "violin/e\u0301.wav") == "é"
    for pattern in (r"data", r"x*", r"(x?)/"):
        with pytest.raises(InputError, match="finds no recording in violin/rec12"):
            named(pattern, "violin/rec12_3.wav")
    with pytest.raises(InputError, match=r"data\.group: the recording of a\{b\.wav has \{ in it"):
        named(r".\{", "a{b.wav")


def test_data_group_is_a_column_of_the_split_or_a_regular_expression(tmp_path):
    path = tmp_path / "split.csv"
    header = "instrument,genre,file_name,split,group,session (day\n"
    path.write_text(f"{header}oboe,,a,train,g1,monday\n", encoding="utf-8")
    assert [row.group for row in read_split(path)] == ["g1"]
    assert [row.group for row in read_split(path, "session (day")] == ["monday"]
    columns = header.strip().split(",")
    assert compile_group("session (day", columns) is compile_group(None, columns) is None
    with pytest.raises(InputError, match=r"no regular expression .* and no column of the split \("):
        compile_group("sesion (day", columns)
    assert compile_group("session", columns).pattern == "session"


def test_a_recording_named_alike_in_two_labels_is_counted_and_told(tmp_path):
    for label in ANALYSED:
        for number in range(24):
            write_clip(tmp_path / label / f"{label}_take{number // 3}_{number % 3}.wav", number)
    shared = count_recordings(index(tmp_path, group=compile_group(r"take\d", ())).clips)
    assert [row.shared for row in shared] == [8, 8]
    (told, _) = describe_faults(shared, ANALYSED)
    assert told.startswith("recordings named alike in several labels: piano 8, violin 8: each such")
    safe = compile_group(r"^.*take\d", ())
    assert [row.shared for row in count_recordings(index(tmp_path, group=safe).clips)] == [0, 0]


def test_what_readers_must_know_of_recordings():
    rows = [
        LabelRecordings("cello", 20, 10, 20, 10, 0, 0),
        LabelRecordings("flute", 20, 12, 9, 4, 3, 0),
        LabelRecordings("stray", 1, 1, 1, 1, 1, 2),
    ]
    assert describe_faults(rows, ["cello"]) == []
    torn, few = describe_faults(rows, ["cello", "flute"])
    assert "in both training and test: flute 3 (" in torn
    assert few.startswith("fewer than 10 test recordings: flute 4:")
    assert describe_faults(rows, ["stray"])[0].startswith("no recordings are named (data.group, or")
    some, *_ = describe_faults(rows, ["cello", "stray"])
    assert some.startswith("the recording of 2 of 32 clips is not named")


def test_recordings_called_as_their_clips_are_named_where_the_user_says_so(tmp_path):
    fill(tmp_path, violin=8, piano=8)
    clips = index(tmp_path).clips
    assert [row.unnamed for row in count_recordings(clips)] == [8, 8]
    assert [row.unnamed for row in count_recordings(clips, all_named=True)] == [0, 0]


# Every file


def test_a_clip_that_is_not_embedded_is_listed_with_the_reason(tmp_path):
    fill(tmp_path, violin=12, piano=24, sketches=4)
    write_clip(tmp_path / "loose.wav")
    (tmp_path / "violin" / "notes.txt").touch()

    def list_all(found) -> Counter:
        listing = list_folder(tmp_path)
        files = len(listing.audio) + len(listing.passed_over)
        why = {"passed_over": listing.passed_over, "left_out": found.left_out}
        listed = find(listing.audio, found.clips, False, **why)
        listed = [entry for entry in listed if entry.finding != "repeated audio"]
        assert files == len(listed) + len(in_split(found.clips)) == 42
        return Counter(entry.detail for entry in listed)

    assert list_all(index(tmp_path, labels=ANALYSED)) == {
        "its label, sketches, is not among data.labels": 4,
        "lies in no sub-folder, whose name would be its label": 1,
        "a generated split takes as many training clips of each label as the smallest has": 9,
        "its ending, .txt, is none of an audio file": 1,
    }
    split = [
        SplitRow(f"{label}{number:02d}", label, "", "train" if number else "test", None)
        for label in (*ANALYSED, "sketches")
        for number in range(4)
    ]
    assert list_all(index(tmp_path, split, labels=ANALYSED)) == {
        "its label, sketches, is not among data.labels": 4,
        "no row of the split": 29,
        "its ending, .txt, is none of an audio file": 1,
    }


FORMS = {
    "WAV": ("wav", "wave", "bwf", "WAV"),
    "RF64": ("rf64",),
    "W64": ("w64",),
    "AIFF": ("aif", "aiff", "aifc"),
    "CAF": ("caf",),
    "AU": ("au", "snd"),
    "FLAC": ("flac",),
    "OGG": ("ogg", "oga"),
    "MP3": ("mp3",),
    "VOC": ("voc",),
    "NIST": ("nist", "sph"),
    "PAF": ("paf",),
    "PVF": ("pvf",),
    "IRCAM": ("ircam", "sf"),
    "SVX": ("svx", "8svx"),
    "AVR": ("avr",),
    "SDS": ("sds",),
    "XI": ("xi",),
}


# By ending: container and codec.
FORMS_OF_FFMPEG = {
    "m4a": ("ipod", "aac"),
    "m4b": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "mp2": ("mp2", "mp2"),
}


def test_files_of_every_form_are_read_whatever_their_ending(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (8000, 1))
    endings = [(form, ending) for form, several in FORMS.items() for ending in several]
    for form, ending in endings:
        rate = 44100 if form == "XI" else 8000
        soundfile.write(tmp_path / f"{ending}.{ending}", noise, rate, format=form)
    soundfile.write(tmp_path / "o.opus", noise, 8000, format="OGG", subtype="OPUS")
    for ending, (container, codec) in FORMS_OF_FFMPEG.items():
        with av.open(str(tmp_path / f"{ending}.{ending}"), "w", format=container) as file:
            stream = file.add_stream(codec, rate=44100, layout="mono")
            samples = np.tile(noise.T, 2).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = 44100
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                file.mux(packet)
    paths = find_audio(tmp_path)
    assert len(paths) == len(endings) + len(FORMS_OF_FFMPEG) + 1
    assert all(inspect_file(path).frames >= 8000 for path in paths)
    tried = {*(f".{ending.lower()}" for _, ending in endings), *(f".{e}" for e in FORMS_OF_FFMPEG)}
    assert {*EXTENSIONS} - tried == {".opus", ".mp1"}  # of layer 1 there is no encoder


def test_every_other_file_is_passed_over_with_a_reason(tmp_path):
    fill(tmp_path, violin=2)
    others = {
        "notes.txt": "its ending, .txt, is none of an audio file",
        "violin/violin00.JSON": "its ending, .json, is none of an audio file",
        "violin/README": "its name has no ending",
        "violin/._violin00.wav": "hidden: its name begins with a dot",
        ".git/objects/a.wav": "in a hidden folder: its name begins with a dot",
        "violin/bell\x07.txt": "its ending, .txt, is none of an audio file",
    }
    for name in others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list_folder(tmp_path)
    assert [os.path.basename(path) for path in found.audio] == ["violin00.wav", "violin01.wav"]
    assert {os.path.relpath(e.path, tmp_path): e.reason for e in found.passed_over} == others
    listed = find(found.audio, [], False, passed_over=found.passed_over)
    assert len(listed) == 8 and all(entry.path.isprintable() for entry in listed)


def test_a_link_in_a_hidden_folder_hides_no_clip(tmp_path):
    fill(tmp_path, violin=2)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "violin").symlink_to("../violin")
    (tmp_path / ".violin").symlink_to("violin")
    found = list_folder(tmp_path)
    assert [os.path.relpath(path, tmp_path) for path in found.audio] == [
        "violin/violin00.wav",
        "violin/violin01.wav",
    ]


def test_a_hidden_folder_that_cannot_be_read_is_passed_over(tmp_path, monkeypatch):
    fill(tmp_path, violin=2)
    (tmp_path / ".Trashes").mkdir()
    scan = os.scandir

    def scandir(path):
        if os.path.basename(path) == ".Trashes":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (entry,) = list_folder(tmp_path).passed_over
    assert entry.path.endswith(".Trashes") and "cannot be read" in entry.reason


# Names


def test_names_are_matched_in_nfc(tmp_path):
    """Of a folder written by macOS, a split written elsewhere, and a config."""
    names, rows = ["Fl\xf6te", "Oboe \xe9"], []
    for name in names:
        for number in range(6):
            path = f"{name}/{name} {number}.wav"
            write_clip(tmp_path / unicodedata.normalize("NFD", path), number)
            rows.append((name, "", path, "train" if number else "test"))
    found = index(tmp_path, labels=names, analysed=names)
    assert {clip.label for clip in found.clips} == set(names)
    assert all(unicodedata.is_normalized("NFC", clip.clip) for clip in found.clips)
    split = read_split(write_split(tmp_path / "split.csv", *rows))
    assert len(index(tmp_path, split, labels=names).clips) == 12
    rows = [[unicodedata.normalize("NFD", cell) for cell in row] for row in rows]
    assert read_split(write_split(tmp_path / "split.csv", *rows)) == split


@pytest.mark.parametrize(
    ("given", "right"),
    [
        *[(name, True) for name in ("a.wav", "a", "piano/a.wav", "./piano/a", "x/../piano/a.WAV")],
        *[
            ("clips/piano/a.wav", True),
            ("../clips/piano/a.wav", True),
            ("{folder}/piano/a.wav", True),
        ],
        *[("violin/a.wav", False), ("a.flac", False), ("/clips/piano/a.wav", False)],
        *[("piano/set1/a.wav", False), ("set1/piano/a.wav", False), ("Piano/a.wav", False)],
    ],
)
def test_a_path_in_a_split_that_contradicts_the_folder_is_refused(tmp_path, given, right):
    path = str(tmp_path / "clips" / "piano" / "a.wav")
    given = given.format(folder=tmp_path / "clips")
    (row,) = read_split(write_split(tmp_path / "split.csv", ("piano", "", given, "train")))
    files = {"a": path}
    assert row.clip == "a"
    if right:
        check_paths([row], files, "split.csv")
    else:
        refused = re.escape(f"split.csv: {given}: there is no such file, but {path}: correct the")
        with pytest.raises(InputError, match=refused):
            check_paths([row], files, "split.csv")


def test_keys_of_embeddings_keep_their_slashes(tmp_path):
    path = write_split(tmp_path / "split.csv", ("piano", "", "piano/a", "train"))
    assert [row.clip for row in read_split(path, keys=True)] == ["piano/a"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("piano/a.wav", "violin/a.wav"),
        ("piano/a.flac", "piano/a.wav"),
        ("piano/a\u0301.wav", "violin/\xe1.wav"),
    ],
)
def test_two_files_of_one_name_are_one_error_that_says_what_to_rename(tmp_path, first, second):
    for name in (first, second):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError) as refused:
        files_by_id(find_audio(tmp_path))
    words = (first, second, "rename one of the two, as in", second.replace("/", "_"))
    assert all(word in str(refused.value) for word in words)
    rows = [("piano", "", first, "train"), ("violin", "", second, "train")]
    with pytest.raises(
        InputError, match=r"line 3: .* would both be clip .*: rename one of the two"
    ):
        read_split(write_split(tmp_path / "split.csv", *rows))


def test_labels_that_look_alike_are_refused(tmp_path):
    for label in ("piano", "pi\u0430no"):
        write_clip(tmp_path / "script" / label / f"{label}.wav")
    alike = r"data\.folder: the labels 'piano' and 'pi\\u0430no' look alike"
    with pytest.raises(InputError, match=alike):
        find_labels(find_audio(tmp_path / "script"), None)
    for label in ("e\u0301", "\xe9"):
        write_clip(tmp_path / "forms" / label / f"{len(label)}.wav")
    with pytest.raises(
        InputError, match="look alike: put the clips into one folder, or rename one"
    ):
        find_labels(find_audio(tmp_path / "forms"), None)
    rows = [(label, "", label, "train") for label in ("Flute", "flute")]
    split = read_split(write_split(tmp_path / "split.csv", *rows))
    with pytest.raises(InputError, match=r"data\.split: the labels 'Flute' and 'flute' look alike"):
        find_labels([], split)
