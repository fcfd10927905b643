"""Unpacking: whole and inside the folder, or one clear line and nothing left behind."""

import errno
import random
import shutil
import zipfile

import pytest

from embedding_sensitivity.clips.irmas import find_clip_path
from embedding_sensitivity.downloads import unpack as archive
from embedding_sensitivity.downloads.unpack import extract
from embedding_sensitivity.files.errors import InputError


def keep_all(name: str) -> str:
    return name


def pack(path, members, method=zipfile.ZIP_DEFLATED):
    """A zip archive of (name or ZipInfo, content) pairs."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def refused(path, message, target_of=keep_all):
    """Unpack, expect one line that says `message`, and that nothing was written."""
    before = {entry for entry in path.parent.rglob("*")}
    folder = path.parent / "inside" / "unpacked"
    with pytest.raises(InputError, match=message) as caught:
        extract(path, folder, target_of)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    left = {entry for entry in path.parent.rglob("*")} - before
    assert left <= {folder.parent}, left


def test_members_are_unpacked_and_the_others_named(tmp_path):
    members = [
        ("IRMAS-TrainingData/", b""),
        ("IRMAS-TrainingData/README.txt", b"notes"),
        ("IRMAS-TrainingData/.DS_Store", b"finder"),
        ("IRMAS-TrainingData/cel/[cel][cla]0001__1.wav", b"one" * 1000),
        ("IRMAS-TrainingData/cel/._[cel][cla]0001__1.wav", b"finder"),
        ("IRMAS-TrainingData/voi/[voi][pop_roc]2000__1.WAV", b"two"),
        ("IRMAS-TrainingData/xyz/other.wav", b"no label"),
        ("__MACOSX/IRMAS-TrainingData/cel/._[cel][cla]0001__1.wav", b"finder"),
        ("cel/[cel][cla]0002__1.wav", b"without the folder above"),
        ("../cel/[cel][cla]0003__1.wav", b"outside"),
        ("cel/../[cel][cla]0004__1.wav", b"outside"),
        ("/cel/[cel][cla]0005__1.wav", b"outside"),
    ]
    path = pack(tmp_path / "a.zip", members)
    folder = tmp_path / "unpacked"
    left_out = extract(path, folder, find_clip_path)
    found = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    assert {name: file.read_bytes() for name, file in found.items()} == {
        "cel/[cel][cla]0001__1.wav": b"one" * 1000,
        "cel/[cel][cla]0002__1.wav": b"without the folder above",
        "voi/[voi][pop_roc]2000__1.WAV": b"two",
    }
    assert left_out == [members[i][0] for i in (1, 2, 4, 6, 7, 9, 10, 11)]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zip", "unpacked"]


def test_what_an_earlier_run_left_is_replaced(tmp_path):
    for name in ("unpacked", ".unpacked.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").write_text("old")
    extract(pack(tmp_path / "a.zip", [("new", b"new")]), tmp_path / "unpacked", keep_all)
    assert [file.name for file in (tmp_path / "unpacked").iterdir()] == ["new"]
    assert not (tmp_path / ".unpacked.part").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_would_be_the_same_file_are_refused(tmp_path):
    path = pack(tmp_path / "a.zip", [("cel/a.wav", b"one"), ("cel/a.wav", b"two")])
    refused(path, r"could not be unpacked there \(File exists\)")


def test_the_same_clip_with_and_without_the_folder_above_is_refused(tmp_path):
    names = ("IRMAS-TrainingData/cel/a.wav", "cel/a.wav")
    path = pack(tmp_path / "a.zip", [(name, b"a") for name in names])
    refused(path, r"could not be unpacked there \(File exists\)", find_clip_path)


def test_a_file_in_a_folders_place_is_refused(tmp_path):
    refused(pack(tmp_path / "a.zip", [("a", b"file"), ("a/b", b"below it")]), "could not be unpack")


def central_entry(content: bytearray) -> int:
    """Position of the first entry of the archive's directory."""
    return content.index(b"PK\x01\x02")


def test_an_encrypted_member_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", [("a", b"secret")])
    content = bytearray(path.read_bytes())
    content[central_entry(content) + 8] |= 1
    path.write_bytes(content)
    refused(path, "truncated or corrupt zip archive .* is encrypted")


def test_an_archive_in_the_archive_is_a_file(tmp_path):
    inner = pack(tmp_path / "inner.zip", [("bomb", bytes(2 * 10**6))])
    path = pack(tmp_path / "a.zip", [("inner.zip", inner.read_bytes())])
    extract(path, tmp_path / "out", keep_all)
    assert [file.name for file in (tmp_path / "out").rglob("*")] == ["inner.zip"]


def test_members_that_share_their_bytes_are_noticed(tmp_path):
    """One packed kernel with many names would unpack to a multiple of what is sent."""
    path = pack(tmp_path / "a.zip", [("a", bytes(900_000)), ("b", bytes(900_000))])
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", central_entry(content) + 4)
    content[second + 42 : second + 46] = bytes(4)
    path.write_bytes(content)
    refused(path, "truncated or corrupt zip archive")


def test_a_link_in_the_place_of_what_is_unpacked_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    path = pack(tmp_path / "a.zip", [("a", b"a")])
    for name in ("unpacked", ".unpacked.part"):
        (tmp_path / name).symlink_to(elsewhere)
        with pytest.raises(InputError, match="could not be unpacked there"):
            extract(path, tmp_path / "unpacked", keep_all)
        assert [entry.name for entry in elsewhere.iterdir()] == ["kept"]
        (tmp_path / name).unlink()


def test_a_bomb_that_lies_about_its_size_is_noticed(tmp_path, monkeypatch):
    path = pack(tmp_path / "a.zip", [("bomb", bytes(2 * 10**6))])
    content = bytearray(path.read_bytes())
    for start in (22, central_entry(content) + 24):
        content[start : start + 4] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    written = []
    copy = shutil.copyfileobj

    def copying(source, target, length):
        copy(source, target, length)
        written.append(target.tell())

    monkeypatch.setattr(shutil, "copyfileobj", copying)
    refused(path, r"truncated or corrupt zip archive \(Bad CRC-32 for file 'bomb'\)")
    assert sum(written) <= 100


def test_a_member_shorter_than_it_says_is_noticed(tmp_path):
    path = pack(tmp_path / "a.zip", [("a", b"a" * 1000)])
    content = bytearray(path.read_bytes())
    start = central_entry(content) + 24
    content[start : start + 4] = (5000).to_bytes(4, "little")
    path.write_bytes(content)
    refused(path, r"truncated or corrupt zip archive \(a ends early\)")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_content_is_noticed(tmp_path, method):
    content = random.Random(1).randbytes(5000)
    path = pack(tmp_path / "a.zip", [("good", b"good"), ("bad", content)], method)
    damaged = bytearray(path.read_bytes())
    damaged[2000] ^= 0xFF
    path.write_bytes(damaged)
    refused(path, "truncated or corrupt zip archive .*: fetch it again")


def test_an_archive_cut_anywhere_is_noticed(tmp_path):
    whole = pack(tmp_path / "whole.zip", [("a", b"a" * 500), ("b", b"b" * 500)]).read_bytes()
    for length in range(0, len(whole), 3):
        path = tmp_path / "cut.zip"
        path.write_bytes(whole[:length])
        refused(path, "truncated or corrupt zip archive")


def test_whatever_bytes_change_there_is_one_line_or_the_right_content(tmp_path):
    content = {"cel/\u00e9.wav": b"a" * 500, "cel/b.wav": random.Random(2).randbytes(500)}
    whole = pack(tmp_path / "whole.zip", content.items()).read_bytes()
    path, out = tmp_path / "changed.zip", tmp_path / "out"
    chance = random.Random(3)
    refusals = 0
    for _ in range(500):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        try:
            extract(path, out, keep_all)
        except InputError as error:
            assert "\n" not in str(error)
            refusals += 1
            continue
        found = sorted(file.read_bytes() for file in out.rglob("*") if file.is_file())
        assert all(data in content.values() for data in found)
        shutil.rmtree(out)
    assert refusals > 200


def test_a_page_in_place_of_an_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_text("<html>404</html>")
    refused(tmp_path / "a.zip", r"truncated or corrupt zip archive \(File is not a zip file\)")


def test_a_missing_archive_is_named(tmp_path):
    refused(tmp_path / "none.zip", r"none\.zip: does not exist: put the archive there")


def test_a_disk_without_room_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    path = pack(tmp_path / "a.zip", [("a", bytes(10**6))])
    refused(path, "unpacks to 0.001 GB, the disk has only 1e-08 GB: free that much")


def test_a_disk_that_fills_up_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    path = pack(tmp_path / "a.zip", [("a", b"a")])
    refused(path, r"could not be unpacked there \(No space left on device\): free disk")
