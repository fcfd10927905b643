"""Names from strangers: which are refused where they come in, and what becomes of the others."""

import csv
import html
import os
import unicodedata

import pytest
from docutils.core import publish_parts

from embedding_sensitivity.clips import irmas
from embedding_sensitivity.clips.clip import Clip, read_clips, write_clips
from embedding_sensitivity.clips.clip_warnings import Finding, write_findings
from embedding_sensitivity.clips.dataset import find_audio, find_labels, is_plain_file, read_split
from embedding_sensitivity.experiment.embedding_files import level_files
from embedding_sensitivity.experiment.tables import read_table, write_table
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import (
    escape_rst,
    find_label_fault,
    find_path_fault,
    find_text_fault,
)

# Each is refused wherever it is in a name.
HIDDEN = ["\n", "\r", "\t", "\0", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\udcff"]
MEANINGFUL = ["{input}", "{", "}", "<b>", "<", ">", "</script><script>"]
# What a shell, a formula, a format string, a glob or markup would take for its own, and text.
PLAIN = [
    "; touch x", "$(touch x)", "`touch x`", "a'b\"c", "-rf", "--help", "=1+1", "+1", "@SUM(A1)",
    "a b", "$x$", "cost $5", "*?[a]", "a&b", "a|b", "%s", "~", "#", "!", "x_", "a:b", "*emph*",
    "`link`_", "|sub|", "cafe\u0301", "caf\u00e9", "\u05e9\u05dc\u05d5\u05dd", "\u97f3\u697d",
]  # fmt: skip


@pytest.mark.parametrize("piece", [*HIDDEN, *MEANINGFUL])
def test_what_no_name_may_hold(piece):
    for find_fault in (find_text_fault, find_path_fault, find_label_fault):
        assert find_fault(f"a{piece}b")


@pytest.mark.parametrize("name", PLAIN)
def test_other_text_is_only_text(name):
    assert find_text_fault(name) == find_label_fault(name) == ""
    assert find_path_fault(f"/data/{name}.wav") == ""


@pytest.mark.parametrize(
    "label", ["", " a", "a ", ".", "..", ".a", "a/b", "a\\b", "a" * 129, "é" * 65]
)
def test_labels_are_parts_of_file_names(label):
    assert find_label_fault(label)


def test_names_fit_a_file_system():
    assert find_path_fault("/data/" + "a" * 200 + ".wav") == ""
    assert "200 bytes" in find_path_fault("/data/" + "a" * 201 + ".wav")
    assert "200 bytes" in find_path_fault("/data/" + "é" * 101 + ".wav")


@pytest.mark.parametrize("piece", [*HIDDEN, "\n" * 3])
def test_a_refusal_is_one_line_without_control_characters(piece):
    text = str(InputError(f"a{piece}b: refused"))
    assert text.isprintable() and text.endswith("b: refused") and text.encode()


def make_audio(folder, name: str) -> None:
    path = os.path.join(os.fspath(folder), name)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").close()
    except (OSError, ValueError) as error:  # of NUL, or a file system that takes UTF-8 alone
        pytest.skip(f"no such file can be made here ({error})")


@pytest.mark.parametrize("piece", [piece for piece in (*HIDDEN, *MEANINGFUL) if "\0" not in piece])
def test_a_file_or_folder_of_such_a_name_is_refused_when_clips_are_listed(tmp_path, piece):
    make_audio(tmp_path, "good/a.wav")
    make_audio(tmp_path, f"good/x{piece}y.wav")
    with pytest.raises(InputError, match=r"^data\.folder: .* in it.*: rename it") as caught:
        find_audio(tmp_path)
    assert str(caught.value).isprintable()
    other = tmp_path / "other"
    make_audio(other, f"x{piece}y/a.wav")
    with pytest.raises(InputError, match=r"^data\.folder: .* in it.*: rename it"):
        find_audio(other)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_listed_and_folders_are_labels(tmp_path, name):
    make_audio(tmp_path, f"{name}/{name}.wav")
    paths = find_audio(tmp_path)
    assert paths == [str(tmp_path / name / f"{name}.wav")]
    assert find_labels(paths, None) == [unicodedata.normalize("NFC", name)]


def test_a_folder_that_cannot_be_a_label_is_refused(tmp_path):
    make_audio(tmp_path, " cello/a.wav")
    with pytest.raises(InputError, match=r" cello/a\.wav: its folder's name, which is its label, "):
        find_labels(find_audio(tmp_path), None)


def write_split(path, **row):
    row = {
        "instrument": "oboe",
        "genre": "",
        "file_name": "a",
        "split": "train",
        "group": "",
        **row,
    }
    with open(path, "w", encoding="utf-8", newline="", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


@pytest.mark.parametrize("column", ["instrument", "genre", "file_name", "group"])
@pytest.mark.parametrize("piece", [*HIDDEN, *MEANINGFUL])
def test_a_split_with_such_names_is_refused(tmp_path, column, piece):
    path = write_split(tmp_path / "split.csv", **{column: f"a{piece}b"})
    with pytest.raises(
        InputError, match=r"split\.csv(, line 2: the |: not a CSV file in UTF-8)"
    ) as caught:
        read_split(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("label", ["../x", "a/b", ".hidden", "x" * 200])
def test_a_split_with_a_label_that_leads_elsewhere_is_refused(tmp_path, label):
    with pytest.raises(InputError, match=r"split\.csv, line 2: the label .*: rename it"):
        read_split(write_split(tmp_path / "split.csv", instrument=label))


def test_a_copy_of_irmas_with_another_name_in_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(irmas, "COUNTS", {"cel": 1})
    make_audio(tmp_path, "cel/[cel][cla]{x}0001__1.wav")
    with pytest.raises(InputError, match=r"0001__1\.wav: has \{ in it"):
        irmas.find_clips(tmp_path)


# Text in CSV files


def cells_of(path) -> set[str]:
    with open(path, encoding="utf-8", newline="") as file:
        return {cell for row in csv.reader(file) for cell in row}


@pytest.mark.parametrize("name", ["=1+1", "-x", "@a", "+b", "'=c", 'a,"b', "é"])
def test_every_csv_file_holds_names_as_they_are(tmp_path, name):
    clip = Clip(name, name, name, name, name, "train", 1.0, 8000, 1, "00", 8000, -1)
    write_clips(tmp_path / "clips.csv", [clip])
    assert read_clips(tmp_path / "clips.csv") == [clip]

    rows = [{"model": name, "effect": "gain", "clip": name, "label": name, "r2": -0.5}]
    write_table(tmp_path / "table.csv", "samplewise_r2", rows)
    (row,) = read_table(tmp_path / "table.csv", "samplewise_r2")
    assert (row["clip"], row["label"], row["r2"]) == (name, name, "-0.5")

    write_findings(tmp_path / "findings.csv", [Finding(name, name, "name", name)])
    split = tmp_path / "split.csv"
    write_split(split, instrument=name, file_name=name, group=name)
    (row,) = read_split(split)
    assert (row.label, row.clip, row.group) == (name, name, name)
    for file in tmp_path.glob("*.csv"):
        assert name in cells_of(file)


# Markup


@pytest.mark.parametrize(
    "text",
    [
        *PLAIN, "`x <javascript:alert(1)>`_", "https://evil.example", "**b**", ".. raw:: html",
        "a | b", ":role:`x`", "x__", "\\", "[1]_", "..", "- item",
    ],
)  # fmt: skip
def test_text_in_a_report_is_text(text):
    parts = publish_parts(f"- **Clips**: {escape_rst(text)}.", writer="html")
    shown = parts["body"].split("</strong>: ")[1].split(".</li>")[0].split(".</p>")[0]
    assert html.unescape(shown) == text


# What is no file


def test_what_is_no_file_is_never_opened(tmp_path):
    make_audio(tmp_path, "oboe/a.wav")
    for make in (
        os.mkfifo,
        lambda path: os.symlink("/dev/zero", path),
        lambda path: os.symlink("nowhere", path),
    ):
        make(tmp_path / "oboe" / "b.wav")
        # Listed without being opened, and kept from Snakemake; the index refuses or drops it.
        assert list(filter(is_plain_file, find_audio(tmp_path))) == [f"{tmp_path}/oboe/a.wav"]
        (tmp_path / "oboe" / "b.wav").unlink()
    os.symlink("a.wav", tmp_path / "oboe" / "b.wav")
    assert len(list(filter(is_plain_file, find_audio(tmp_path)))) == 2


def test_folders_that_lead_in_a_circle_are_not_followed(tmp_path):
    """One is followed until its path is too long; of two there would be 2 ** 40 paths till then."""
    make_audio(tmp_path, "oboe/a.wav")
    os.symlink(tmp_path, tmp_path / "oboe" / "one")
    with pytest.raises(InputError, match=r"oboe/one is a link to a folder that is there already"):
        find_audio(tmp_path)


def test_embeddings_that_are_no_file_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "embeddings_gain_5.0.h5")
    with pytest.raises(
        InputError, match=r"gain_5\.0\.h5: not a regular file \(link, pipe or directory\)"
    ):
        level_files(tmp_path, None)
