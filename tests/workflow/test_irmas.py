import csv
from pathlib import Path

import pytest

from sensitivity.irmas import GENRES, LABELS, parse_name

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


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
    split = SHARED / "oracle" / "inputs" / "train_test_split.csv"
    if not split.exists():
        pytest.skip(f"{split} is not here")
    with open(split, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = parse_name(row["file_name"])
        assert name is not None, row["file_name"]
        assert (name.label, name.genre) == (row["instrument"], row["genre"])
    assert {row["instrument"] for row in rows} == set(LABELS.values())
    assert {row["genre"] for row in rows} == set(GENRES.values()) - {"latin_soul"}
