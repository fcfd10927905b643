import csv
from pathlib import Path

import pytest

from embedding_sensitivity.clips import irmas
from embedding_sensitivity.clips.irmas import GENRES, LABELS, find_clip_path, find_clips, parse_name
from embedding_sensitivity.files.errors import InputError

ORACLE = Path(__file__).resolve().parents[1] / "oracle"


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("[cel][cla]0001__1", ("cello", "classical", "0001")),
        ("[gel][dru][pop_roc]0123__2", ("guitar_ele", "pop_roc", "0123")),
        ("008__[cel][nod][cla]0058__1", ("cello", "classical", "0058")),
        # `cla` is clarinet in front and classical behind.
        ("[cla][cla]0020__3", ("clarinet", "classical", "0020")),
        ("[voi][lat_sou]2345__12", ("voice", "latin_soul", "2345")),
    ],
)
def test_a_name_says_label_genre_and_group(stem, expected):
    assert parse_name(stem) == expected


@pytest.mark.parametrize(
    "stem",
    [
        "my_song",
        "[cel][cla]0001",  # no part
        "[cel][cla]001__1",  # a group has four digits
        "[cel]0001__1",  # no genre
        "[dru][cla]0001__1",  # not a label
        "[cel][nod]0001__1",  # not a genre
        "[cel][cla]0001__1.wav",  # a stem is without its suffix
        "x[cel][cla]0001__1",
        "",
    ],
)
def test_another_name_is_not_taken_for_an_irmas_one(stem):
    assert parse_name(stem) is None


def test_every_name_of_a_split_in_the_published_form_agrees_with_its_columns():
    with open(ORACLE / "inputs" / "train_test_split.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = parse_name(row["file_name"])
        assert name is not None, row["file_name"]
        assert (name.label, name.genre) == (row["instrument"], row["genre"])
    assert {row["instrument"] for row in rows} == set(LABELS.values())
    assert {row["genre"] for row in rows} == set(GENRES.values()) - {"latin_soul"}


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ("IRMAS-TrainingData/cel/[cel][cla]0001__1.wav", "cel/[cel][cla]0001__1.wav"),
        ("voi/[voi][pop_roc]2000__1.WAV", "voi/[voi][pop_roc]2000__1.WAV"),
        ("IRMAS-TrainingData/README.txt", None),
        ("IRMAS-TrainingData/cel/notes.txt", None),
        ("IRMAS-TrainingData/cel/._[cel][cla]0001__1.wav", None),
        ("__MACOSX/IRMAS-TrainingData/cel/[cel][cla]0001__1.wav", None),
        ("IRMAS-TrainingData/cel/more/[cel][cla]0001__1.wav", None),
        ("IRMAS-TrainingData/other/[cel][cla]0001__1.wav", None),
        ("IRMAS-TrainingData/[cel][cla]0001__1.wav", None),
    ],
)
def test_what_of_the_archive_is_a_clip(member, path):
    assert find_clip_path(member) == path


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A folder with two clips in each label's folder, which is all of them here."""
    monkeypatch.setattr(irmas, "COUNTS", dict.fromkeys(LABELS, 2))
    for tag in LABELS:
        (tmp_path / "copy" / tag).mkdir(parents=True)
        for number in (2, 1):
            (tmp_path / "copy" / tag / f"[{tag}][cla]{number:04d}__1.wav").write_text("audio")
    return tmp_path / "copy"


def test_clips_come_in_the_same_order_wherever_the_folder_lies(copy, tmp_path):
    def order(folder):
        return [Path(path).relative_to(copy).parts for path in find_clips(folder)]

    expected = [(tag, f"[{tag}][cla]{n:04d}__1.wav") for tag in sorted(LABELS) for n in (1, 2)]
    assert order(copy) == order(f"{copy}/") == expected
    above = tmp_path / "Z above"
    above.mkdir()
    copy.rename(above / "IRMAS-TrainingData")
    found = [Path(path).relative_to(above).parts[1:] for path in find_clips(above)]
    assert found == expected


def test_files_that_are_no_clips_are_passed_over(copy):
    for name in ("README.txt", "cel/.DS_Store", "cel/._a.wav", "stray.wav"):
        (copy / name).write_text("no clip")
    assert len(find_clips(copy)) == 22


def test_a_folder_with_too_few_or_too_many_clips_is_refused(copy):
    (copy / "org" / "[org][cla]0003__1.wav").write_text("audio")
    with pytest.raises(InputError, match=r"copy/org: 3 clips, IRMAS has 2: complete the folder"):
        find_clips(copy)
    for path in (copy / "org").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"copy/org: 0 clips, IRMAS has 2"):
        find_clips(copy)
    (copy / "org").rmdir()
    with pytest.raises(InputError, match=r"copy/org: cannot be read \(No such file or directory\)"):
        find_clips(copy)


def test_irmas_has_6705_clips():
    assert sum(irmas.COUNTS.values()) == 6705 and irmas.COUNTS.keys() == LABELS.keys()
