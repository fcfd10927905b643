"""`make plan` finds what the files' bytes say against a run, before anything runs."""

import os

import pytest
import yaml

from embedding_sensitivity.commands.plan import estimate
from embedding_sensitivity.files.errors import InputError
from support.audio import write_clip
from support.project import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two labels of eight clips at 22.05 kHz."""
    monkeypatch.chdir(tmp_path)
    for label in ("piano", "violin"):
        for number in range(8):
            write_clip(tmp_path / "audio" / label / f"{label}{number}.wav", number, 22050)
    return tmp_path


def planned(protocol=None, effects=None, **data) -> str:
    """What `make plan` prints of an experiment on the folder."""
    config = {
        "experiment": "mine",
        "data": {"source": "folder", "folder": "audio", **data},
        "effects": effects or {"gain": {"levels": [-20, 0]}},
        "models": {"logmel": {}},
        **({"protocol": protocol} if protocol else {}),
    }
    with open("mine.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file)
    return "\n".join(estimate("mine.yaml"))


def refusal(**keys) -> str:
    with pytest.raises(InputError) as refused:
        planned(**keys)
    assert "\n" not in str(refused.value)
    return str(refused.value)


LOWPASS = {"lowpass": {"levels": [4000, 8000, 10200]}}


def test_a_folder_without_faults_is_planned(folder):
    assert "16 clips" in planned()
    assert "bad clip" not in planned(on_bad_clip="drop")
    assert "16 clips" in planned(effects={"lowpass": {"levels": [4000, 8000]}})


def test_the_recordings_found_are_counted(folder):
    assert "16 recordings: piano 8, violin 8" in planned()
    # Numbers 0 to 7 of both labels.
    assert "8 recordings: piano 8, violin 8" in planned(group="[0-9]+(?=.wav)")
    assert "2 recordings: piano 1, violin 1" in planned(group="piano|violin")


def test_the_config_to_copy_plans_a_folder_of_clips(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("piano", "violin"):
        for number in range(8):
            name = f"rec{number // 2}_{label}{number}.wav"
            write_clip(tmp_path / "my_clips" / label / name, number, 44100)
    said = "\n".join(estimate(ROOT / "config" / "folder.yaml"))
    assert "16 clips" in said and "8 recordings: piano 4, violin 4" in said


def test_a_low_pass_edge_above_half_the_files_rate_is_found(folder):
    said = refusal(effects=LOWPASS)
    assert said.startswith("effects.lowpass: ")
    assert "clips have 22050 Hz and 1 channels, as audio/piano/piano0.wav" in said
    assert "16 clips" in planned(effects=LOWPASS, samplerate=44100, channels=1, convert=True)


def test_mixed_rates_and_channels_are_found_and_the_key_is_named(folder):
    write_clip(folder / "audio" / "violin" / "violin3.wav", 3, 44100)
    write_clip(folder / "audio" / "violin" / "violin5.wav", 3, 22050, channels=2)
    said = refusal()
    assert said == (
        "audio/violin/violin3.wav: 44100 Hz, 1 channels, expected 22050 Hz and 1 of every clip: "
        "set data.convert: true with data.samplerate and data.channels (1 more bad clips)"
    )
    assert "2 bad clips would be left out, the first: audio/violin/v" in planned(on_bad_clip="drop")
    assert "16 clips" in planned(convert=True, samplerate=22050, channels=1)
    assert "piano0.wav: 22050 Hz, 1 channels, expected 48000 Hz" in refusal(samplerate=48000)


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def replace_by(make):
    def replace(path):
        path.unlink()
        make(path)

    return replace


UNREADABLE = {
    "empty": (replace_by(lambda path: path.touch()), "the file is empty"),
    "text": (
        replace_by(lambda path: path.write_text("no audio" * 99)),
        "not a known kind of audio",
    ),
    "dangling link": (replace_by(lambda path: path.symlink_to("none")), "cannot be read: it is no"),
    "folder": (replace_by(lambda path: path.mkdir()), None),
    "pipe": (replace_by(os.mkfifo), "cannot be read: it is not a regular file"),
    "cut": (cut, "is cut short: its header tells of 8820 bytes of audio, 4388 are there"),
    "joined": (lambda path: path.write_bytes(2 * path.read_bytes()), "is joined to its end"),
    "rate": (lambda path: write_clip(path, rate=500), "has a sample rate of 500 Hz, expected"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_that_cannot_be_read_is_found(folder, kind):
    make, words = UNREADABLE[kind]
    path = folder / "audio" / "violin" / "violin6.wav"
    make(path)
    if words is None:
        assert "15 files of audio" in planned()
        return
    said = refusal()
    assert said.startswith("audio/violin/violin6.wav: ") and words in said
    assert "1 bad clips would be left out" in planned(on_bad_clip="drop")


def test_files_that_no_job_looks_at_stop_no_plan(folder):
    (folder / "audio" / "drum").mkdir()
    (folder / "audio" / "drum" / "a.wav").write_text("no audio")
    reset, labels = {"reverb_state": "reset"}, ["piano", "violin"]
    assert "2 labels" in planned(reset, labels=labels)
    assert "audio/drum/a.wav: " in refusal(protocol={"reverb_state": "carried"}, labels=labels)
    rows = [
        f"{label},,{label}{number}.wav,{'test' if number < 2 else 'train'}"
        for label in labels
        for number in range(7)
    ]
    text = "\n".join(["instrument,genre,file_name,split", *rows, ""])
    (folder / "split.csv").write_text(text, encoding="utf-8")
    (folder / "audio" / "piano" / "piano7.wav").write_text("no audio")
    assert "14 clips" in planned(reset, split="split.csv")
