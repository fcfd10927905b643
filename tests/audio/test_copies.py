"""Lossless copies in training and test are found, silent mixes refused: what is heard counts."""

import time

import numpy as np
import pytest
import soundfile

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.clip_warnings import find
from embedding_sensitivity.clips.dataset import find_audio, read_split
from embedding_sensitivity.clips.index import index_clips
from embedding_sensitivity.clips.inspection import BadClip, find_copies, find_traits, inspect_file

RATE = 22050


def tone(seed, seconds=1.0, channels=1):
    """A few partials with an envelope, (frames, channels); another sound for each seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(RATE * seconds)) / RATE
    pitches = rng.uniform(100, 2000, (4, channels, 1))
    audio = np.sin(2 * np.pi * pitches * time).sum(axis=0).T * np.hanning(len(time))[:, None]
    return 0.2 * audio


def padded(audio, before, after):
    return np.pad(audio, ((before, after), (0, 0)))


def write(path, audio, subtype="PCM_16", **tags):
    with soundfile.SoundFile(path, "w", RATE, audio.shape[1], subtype) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        # libsndfile's own conversion has its full scale a step lower.
        scale = {"PCM_16": (2**15, np.int16, 1), "PCM_24": (2**23, np.int32, 256)}.get(subtype)
        if scale:
            audio = np.round(audio * scale[0]).astype(scale[1]) * scale[2]
        file.write(audio)


def copies_of(folder):
    """Stems of the pairs that are found among files, of which those named test... are tested."""
    clips, traits = [], {}
    for path in sorted(folder.iterdir()):
        found = inspect_file(path)
        split = "test" if path.stem.startswith("test") else "train"
        clips.append(
            Clip(
                *(path.stem, str(path), "x", "", path.stem, split, 1.0, RATE, found.channels),
                *(found.sha256, found.frames, len(clips)),
            )
        )
        traits[path.stem] = found.traits
    return [(one.clip, other.clip) for one, other in find_copies(clips, traits)]


COPIES = {
    "FLAC": lambda path, audio: write(path.with_suffix(".flac"), audio),
    "tags": lambda path, audio: write(path.with_suffix(".wav"), audio, title="x", artist="y"),
    "AIFF": lambda path, audio: write(path.with_suffix(".aiff"), audio),
    "24 bits": lambda path, audio: write(path.with_suffix(".wav"), audio, "PCM_24"),
    "float": lambda path, audio: write(path.with_suffix(".wav"), audio, "FLOAT"),
    "cut to 16 bits": lambda path, audio: write(
        path.with_suffix(".wav"), np.floor(audio * 32768) / 32768
    ),
    "silence before": lambda path, audio: write(path.with_suffix(".wav"), padded(audio, 5000, 0)),
    "silence after, in FLAC of 24 bits": lambda path, audio: write(
        path.with_suffix(".flac"), padded(audio, 0, 9999), "PCM_24"
    ),
    "silence cut off": lambda path, audio: write(path.with_suffix(".wav"), audio[150:-150]),
}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found(tmp_path, kind, channels):
    audio = tone(0, channels=channels)
    audio[:200], audio[-200:] = 0, 0
    write(tmp_path / "one.wav", audio)
    write(tmp_path / "other.wav", tone(1, channels=channels))
    write(tmp_path / "test other.wav", tone(2, channels=channels))
    COPIES[kind](tmp_path / "test copy", audio)
    assert copies_of(tmp_path) == [("one", "test copy")]


@pytest.mark.parametrize(
    "change",
    [
        lambda audio: audio * 0.999,
        lambda audio: audio[::-1],
        lambda audio: -audio,
        lambda audio: audio + np.where(np.arange(len(audio)) == 9000, 2.5 / 32768, 0)[:, None],
        lambda audio: audio[:-2000],
        lambda audio: np.roll(audio, 3000, axis=0),
    ],
)
def test_what_differs_by_more_than_a_step_is_no_copy(tmp_path, change):
    audio = tone(0) + 0.01 * np.random.default_rng(0).normal(size=(RATE, 1))
    write(tmp_path / "one.wav", audio)
    write(tmp_path / "test one.wav", change(audio))
    assert copies_of(tmp_path) == []


def test_files_of_the_same_bytes_are_left_to_their_hash(tmp_path):
    write(tmp_path / "one.wav", tone(0))
    write(tmp_path / "test one.wav", tone(0))
    assert copies_of(tmp_path) == []


def test_of_thousands_of_clips_hardly_any_are_compared():
    """6705 clips of noise, of which no trait but chance tells one from another: within seconds."""
    rng = np.random.default_rng(0)
    traits, clips = {}, []
    for number in range(6705):
        name = f"{number:04d}"
        traits[name] = find_traits(rng.uniform(-0.5, 0.5, (2000, 1)).astype(np.float32))
        split = "test" if number % 4 == 0 else "train"
        clips.append(Clip(name, "nowhere", "x", "", name, split, 0.1, RATE, 1, name, 2000, number))
    start = time.process_time()
    assert find_copies(clips, traits) == []  # a pair that had to be read would not be there
    assert time.process_time() - start < 20


def test_the_index_reports_copies_in_both_parts(tmp_path):
    rows = ["instrument,genre,file_name,split"]
    for label in ("cello", "flute"):
        (tmp_path / label).mkdir()
        for number in range(5):
            seed = number + 10 * (label == "flute")
            write(tmp_path / label / f"{label}{number}.wav", tone(seed))
            rows.append(f"{label},,{label}{number},{'test' if number == 0 else 'train'}")
    write(tmp_path / "cello" / "again.flac", tone(3), "PCM_24")
    write(tmp_path / "cello" / "same part.flac", tone(0), "PCM_24")
    rows += ["cello,,again,test", "cello,,same part,test"]
    split = tmp_path / "split.csv"
    split.write_text("\n".join(rows) + "\n")
    paths = find_audio(tmp_path)
    found = index_clips(paths, read_split(split), None, None, None, False)
    assert [(one.clip, other.clip) for one, other in found.copies] == [("cello3", "again")]
    report = find(paths, found.clips, False, found.silent, found.dropped, found.copies)
    assert [(entry.clip, entry.finding) for entry in report] == [
        ("again", "copy"),
        ("cello3", "copy"),
    ]
    assert report[0].detail == f"of cello3, train: {tmp_path}/cello/cello3.wav"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda mono: np.hstack([mono, -mono]), "its mono mix reaches 0.0e+00 of full scale"),
        (
            lambda mono: np.hstack([mono, -mono + 1e-5]),
            "its mono mix reaches 5.0e-06 of full",
        ),
        (lambda mono: mono * 2e-5, "its mono mix reaches 1."),
        (lambda mono: np.hstack([mono, mono, -2 * mono]), "its mono mix reaches "),
    ],
)
def test_a_clip_of_which_the_mono_mix_is_silent_is_bad(tmp_path, make, words):
    path = tmp_path / "a.wav"
    write(path, make(tone(0)), "FLOAT")
    with pytest.raises(BadClip) as refused:
        inspect_file(path)
    assert f"is silent ({words}" in refused.value.reason
    assert "less than a 16-bit step" in refused.value.reason
    assert inspect_file(path, may_be_silent=True).silent


def test_a_clip_that_is_just_heard_is_valid(tmp_path):
    path = tmp_path / "a.wav"
    write(path, np.full((RATE, 1), 1 / 32768))
    assert not inspect_file(path).silent
