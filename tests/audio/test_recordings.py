"""Recordings in a folder a level, taken over in the place of rendering."""

import numpy as np
import pytest
import soundfile

import keep_audio
import render_effect
from embedding_sensitivity.api import render
from embedding_sensitivity.clips.audio import AudioBatch, read_clip
from embedding_sensitivity.clips.clip import Clip, in_split, write_clips
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.effects.copying import copy_batch
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

PROTOCOL = {"audio": "float32", "convert": False}
LEVELS = ["1", "2.5"]
RATE = 8000
NAMES = ("a", "b", "c")


def write_audio(path, seed, frames=900, rate=RATE, channels=2, scale=0.5, subtype="PCM_24"):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-scale, scale, (frames, channels))
    soundfile.write(path, samples, rate, subtype)
    return path


@pytest.fixture
def entry(tmp_path):
    """Three clips, one in no split, and recordings of them at two levels."""
    for seed, name in enumerate(NAMES):
        write_audio(tmp_path / "clips" / f"{name}.wav", seed)
        write_audio(tmp_path / "at_1_m" / f"{name}.wav", seed)
        write_audio(tmp_path / "at_2.5_m" / "far" / f"{name}.flac", 10 + seed, 700 + 50 * seed)
    folders = str(tmp_path / "at_{level}_m")
    return {"folders": folders, "unit": "m", "scale": "log", "neutral": 1, "parameter": "distance"}


def index(tmp_path) -> list[Clip]:
    clips = []
    for row, name in enumerate(NAMES):
        path = tmp_path / "clips" / f"{name}.wav"
        found, split = inspect_file(path), ("train", "test", "")[row]
        form = found.samplerate, found.channels, found.sha256, found.frames, row
        clips.append(Clip(name, str(path), "cello", "", name, split, 0.1, *form))
    return clips


def copy(tmp_path, entry, levels=LEVELS, **protocol) -> AudioBatch:
    clips, effect = index(tmp_path), choose("far", entry)
    copy_batch(clips, effect, levels, {**PROTOCOL, **protocol}, tmp_path / "far.h5")
    return AudioBatch(tmp_path / "far.h5")


def test_samples_are_those_of_the_files_at_every_level(tmp_path, entry):
    batch = copy(tmp_path, entry)
    assert (batch.levels, batch.clips, batch.effect) == (tuple(LEVELS), ("a", "b"), "far")
    assert batch.protocol == PROTOCOL and "soundfile" in batch.package_versions
    for position, clip in enumerate(in_split(index(tmp_path))):
        # 24 bits: nothing is quantised, and the clip itself comes out to the last bit.
        np.testing.assert_array_equal(batch.clip(0, position), read_clip(clip))
        file = tmp_path / "at_2.5_m" / "far" / f"{clip.clip}.flac"
        samples, _ = soundfile.read(file, dtype="float32")
        np.testing.assert_array_equal(batch.clip(1, position), samples)
        assert len(samples) == 700 + 50 * position  # its own length
    kept = batch.clip(1, 1)
    np.testing.assert_array_equal(copy(tmp_path, entry, ["2.5"]).clip(0, 1), kept)


def test_a_recording_may_be_silent(tmp_path, entry):
    write_audio(tmp_path / "at_1_m" / "a.wav", 1, scale=0.0)
    assert not copy(tmp_path, entry).clip(0, 0).any()


def test_other_forms_are_converted_on_request(tmp_path, entry):
    write_audio(tmp_path / "at_1_m" / "b.wav", 1, frames=1800, rate=2 * RATE, channels=1)
    message = r"effects\.far\.folders: level 1: .*b\.wav: has 16000 Hz and 1 channels, the clips h"
    with pytest.raises(InputError, match=message):
        copy(tmp_path, entry)
    assert copy(tmp_path, entry, convert=True).clip(0, 1).shape == (900, 2)


def test_a_recording_that_is_missing_or_bad(tmp_path, entry):
    path = tmp_path / "at_2.5_m" / "far" / "b.flac"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"effects\.far\.folders: level 2\.5: .*b\.flac: "):
        copy(tmp_path, entry)
    path.unlink()
    with pytest.raises(
        InputError, match=r"folders: .*at_2\.5_m has no recording of clip b \(1 of 2"
    ):
        copy(tmp_path, entry)
    write_audio(tmp_path / "at_1_m" / "other" / "a.wav", 1)
    with pytest.raises(InputError, match=r"level 1: .*a\.wav: clip id a is taken by"):
        copy(tmp_path, entry, ["1"])
    assert not (tmp_path / "far.h5").exists()


def test_the_scripts_take_them_over(tmp_path, entry):
    write_clips(tmp_path / "clips.csv", index(tmp_path))
    params = {"effect": "far", "entry": entry, "levels": ["1"], "protocol": PROTOCOL}
    given = {"input": {"clips": tmp_path / "clips.csv"}, "params": params}
    batch = tmp_path / "batch.h5"
    render_effect.main(mock_snakemake("render_effect", {"effect": "far"}, output=[batch], **given))
    assert AudioBatch(batch).clips == ("a", "b")
    kept = tmp_path / "kept"
    keep_audio.main(mock_snakemake("keep_audio", {"effect": "far"}, output=[kept], **given))
    samples, _ = soundfile.read(kept / "b.wav", dtype="float32")
    np.testing.assert_array_equal(samples, AudioBatch(batch).clip(0, 1))


def test_the_library_renders_none_of_them(entry):
    with pytest.raises(InputError, match="level 2 was made elsewhere, and cannot be rendered here"):
        render(np.ones((10, 2)), RATE, "far", 2, **entry)
