"""When a clip index has to be made anew, and what its clips are called then."""

import dataclasses
import os
from pathlib import Path

import pytest

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.experiment import clip_index
from embedding_sensitivity.experiment.clip_index import (
    NAME,
    clips_digest,
    plan_index,
    read_record,
    record_index,
)
from embedding_sensitivity.files import content
from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError

SPLITS = {"a": "train", "b": "test", "c": ""}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three audio files, of which one is outside the split, and the index's output."""
    monkeypatch.chdir(tmp_path)
    for name in SPLITS:
        (tmp_path / f"{name}.wav").write_text(f"audio {name}")
    (tmp_path / "clips.csv").touch()
    return tmp_path


def clips() -> list[Clip]:
    columns = {"label": "x", "genre": "", "group": "g", "duration_s": 1.0, "samplerate": 44100}
    return [
        Clip(
            clip=name, path=f"{name}.wav", split=split, sha256=sha256_of(f"{name}.wav"),
            channels=1, frames=44100, split_row=row, **columns,
        )
        for row, (name, split) in enumerate(SPLITS.items())
    ]  # fmt: skip


def plan(made_by: str = "code", **options) -> clip_index.ClipIndex:
    return plan_index(".", ["clips.csv"], made_by, [f"{name}.wav" for name in SPLITS], **options)


def index(planned: clip_index.ClipIndex, found: list[Clip] | None = None, rendered_by="") -> None:
    """Do what the job does that makes the index."""
    decided = planned.identity is not None
    seen = {f"{name}.wav": content.read_stat(f"{name}.wav") for name in SPLITS}
    found = clips() if found is None else found
    record_index(NAME, planned.made_by, planned.new_identity, decided, found, seen, rendered_by)


@pytest.fixture
def indexed(folder) -> str:
    """What the clips are called of an index that was made."""
    first = plan()
    assert not first.finished and first.identity == first.new_identity
    index(first)
    return first.identity


def test_an_index_that_was_made_is_finished_under_its_name(indexed):
    again = plan()
    assert again.finished and again.identity == indexed


def test_an_index_whose_file_is_gone_is_made_again_under_its_name(indexed):
    os.unlink("clips.csv")
    again = plan()
    assert not again.finished and again.identity == indexed


def test_a_file_that_was_touched_or_copied_back_is_the_same(indexed):
    os.utime("a.wav", (1e9, 1e9))
    data = Path("b.wav").read_bytes()
    os.unlink("b.wav")
    Path("b.wav").write_bytes(data)
    assert plan().finished and plan().identity == indexed


def test_files_are_read_once_after_they_were_touched(indexed, monkeypatch):
    read = []
    monkeypatch.setattr(content, "sha256_of", lambda path: read.append(path) or sha256_of(path))
    plan()
    assert read == []
    os.utime("a.wav", (1e9, 1e9))
    for _ in range(2):
        plan()
        content._memory.cache_clear()  # as in another process
    assert read == ["a.wav"]


@pytest.mark.parametrize("time", [None, 1e9, 4e9])
def test_a_clip_that_was_replaced_is_noticed_whatever_its_time(indexed, time):
    status = os.stat("a.wav")
    with open("a.wav", "w") as file:
        file.write("other a")  # of the same size
    times = (time, time) if time else (status.st_atime, status.st_mtime)
    os.utime("a.wav", times)
    again = plan()
    assert not again.finished
    assert again.identity == again.new_identity != indexed
    index(again)
    assert plan().finished and plan().identity == again.identity


def test_a_clip_that_is_gone_is_known_to_be(indexed):
    os.unlink("b.wav")
    again = plan()
    assert not again.finished and again.identity not in (None, indexed)


def test_of_another_way_to_make_it_only_the_index_tells(indexed):
    again = plan("other code")
    assert not again.finished and again.identity is None
    index(again)
    assert plan("other code").finished and plan("other code").identity == indexed


def test_other_clips_have_another_name(indexed):
    again = plan("other code")
    index(again, clips()[1:])
    assert plan("other code").identity == again.new_identity != indexed


def test_a_file_outside_the_split_may_change(indexed):
    """Only the index tells whether it is still outside; a carried reverb passes through it."""
    with open("c.wav", "w") as file:
        file.write("something else")
    again = plan()
    assert not again.finished and again.identity is None
    index(again)
    # It is one of the index's clips.
    assert plan().finished and plan().identity != indexed


@pytest.fixture
def rendered(folder) -> str:
    """The same of clips that the workflow rendered, planned before they were there."""
    contents = {name: Path(f"{name}.wav").read_bytes() for name in SPLITS}
    for name in SPLITS:
        os.unlink(f"{name}.wav")
    planned = plan(rendered_by="music")
    for name, data in contents.items():
        Path(f"{name}.wav").write_bytes(data)
    # A cluster's job plans again, where they are there by then.
    assert plan(rendered_by="music") == planned
    index(planned, rendered_by="music")
    return planned.identity


def test_what_the_workflow_makes_itself_may_be_gone(rendered):
    os.unlink("a.wav")
    again = plan(rendered_by="music")
    assert again.finished and again.identity == rendered


def test_what_it_does_not_make_may_not(indexed):
    os.unlink("a.wav")
    assert not plan().finished


def test_what_it_makes_may_be_replaced_by_hand(rendered):
    Path("a.wav").write_bytes(b"other a")
    again = plan(rendered_by="music")
    assert not again.finished and again.identity not in (None, rendered)


@pytest.mark.parametrize("data", [b"other a", b"audio a"], ids=["others", "the same"])
def test_what_it_makes_anew_has_the_name_that_was_planned(rendered, data):
    planned = plan("other code", rendered_by="other music")
    assert planned.identity == planned.new_identity != rendered
    Path("a.wav").write_bytes(data)
    again = plan("other code", rendered_by="other music")
    assert (again.identity, again.new_identity) == (planned.identity, planned.new_identity)
    index(again, rendered_by="other music")
    found = plan("other code", rendered_by="other music")
    assert found.finished and found.identity == planned.identity


def test_of_what_it_made_before_only_another_index_tells(rendered):
    assert plan("other code", rendered_by="music").identity is None


def test_an_index_made_again_by_force_refuses_other_clips(indexed):
    again = plan()
    with pytest.raises(InputError, match="the clips changed since they were indexed before"):
        index(again, clips()[1:])
    # The next plan calls them by another name.
    assert plan().identity != indexed


def test_a_damaged_record_is_none(indexed):
    for text in ("", "{", "[]", '{"made_by": "x"}', '{"files": 3}'):
        with open(NAME, "w") as file:
            file.write(text)
        assert read_record(NAME) is None
    again = plan()
    assert not again.finished and again.identity is not None


def test_a_folder_that_cannot_be_written_is_planned(indexed, monkeypatch):
    def refuse(*arguments, **options) -> None:
        raise InputError("read-only")

    os.utime("a.wav", (1e9, 1e9))
    monkeypatch.setattr(content, "replacing", refuse)
    assert plan().finished


def test_names_audio_and_order_of_the_clips_count(folder):
    first = clips()
    assert clips_digest(first) == clips_digest(first[::-1])  # sorted, as in a store
    for other in (
        [dataclasses.replace(first[0], sha256="0"), *first[1:]],
        [dataclasses.replace(first[0], clip="z"), *first[1:]],
        [dataclasses.replace(first[0], split=""), *first[1:]],
        # Outside the split, but rendered.
        [*first[:2], dataclasses.replace(first[2], sha256="0")],
        first[:2],
    ):
        assert clips_digest(other) != clips_digest(first)
    for same in (
        [dataclasses.replace(first[0], group="h"), *first[1:]],
        [dataclasses.replace(first[0], label="y", split_row=5), *first[1:]],
    ):
        assert clips_digest(same) == clips_digest(first)


def test_a_decoder_counts_for_the_clips_that_need_it(folder, monkeypatch):
    plain = clips()
    before = clips_digest(plain)
    by_pyav = [dataclasses.replace(plain[0], decoder="PyAV 1.0"), *plain[1:]]
    converted = "libsndfile + 48000 to 44100 Hz by soxr 1.0 VHQ"
    found = {
        before,
        clips_digest(by_pyav),
        clips_digest([dataclasses.replace(by_pyav[0], decoder="PyAV 1.1"), *plain[1:]]),
        clips_digest([dataclasses.replace(by_pyav[0], frames=44101), *plain[1:]]),
        clips_digest([dataclasses.replace(plain[0], decoder=converted), *plain[1:]]),
    }
    assert len(found) == 5
    # The code of both, too: but an experiment without such clips keeps its embeddings.
    with_pyav = clips_digest(by_pyav)
    monkeypatch.setattr(clip_index, "numeric_digest", lambda files: "other code")
    assert clips_digest(by_pyav) != with_pyav and clips_digest(clips()) == before
