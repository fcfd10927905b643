import errno
import hashlib
import io
import itertools
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pedalboard.io import AudioFile

from embedding_sensitivity.clips import audio as audio_module
from embedding_sensitivity.clips.audio import (
    PEDALBOARD_FULL_SCALE,
    AudioBatch,
    decode,
    from_pcm16,
    read_clip,
    to_pcm16,
    write_batch,
    write_wavs,
)
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.files.errors import InputError

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "audio"
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings of shared/audio are not beside the checkout"
)


def reference_pcm16(audio):
    scaled = np.rint(audio.astype(np.float32).astype(np.float64) * 2147483647)
    return (np.clip(scaled, -(2**31), 2**31 - 1).astype(np.int64) >> 16).astype(np.int16)


def written_by_pedalboard(audio, samplerate=44100):
    file = io.BytesIO()
    with AudioFile(file, "w", samplerate, audio.shape[1], bit_depth=16, format="wav") as writer:
        writer.write(np.ascontiguousarray(audio.T))
    return soundfile.read(io.BytesIO(file.getvalue()), dtype="int16", always_2d=True)[0]


def wav_bytes(samples, subtype="PCM_16", format="WAV", samplerate=44100):
    file = io.BytesIO()
    soundfile.write(file, samples, samplerate, subtype, format=format)
    return file.getvalue()


def clip_of(path, frames, channels=2, sha256="", samplerate=44100):
    return Clip(
        Path(path).stem, str(path), "cello", "", "g", "train", frames / samplerate, samplerate,
        channels, sha256, frames, 0,
    )  # fmt: skip


def around_steps(seed=0, number=50000):
    """Samples within a float32's spacing of where the 16-bit value changes."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-32768, 32768, number) * 65536 / 2147483647
    return steps + rng.choice([-1, 0, 1], number) * rng.uniform(0, 3e-10, number)


shapes = st.tuples(st.integers(1, 40), st.integers(1, 3))


@given(hnp.arrays(np.float32, shapes, elements=st.floats(width=32, allow_nan=False)))
@settings(deadline=None)  # the first call compiles
def test_quantising_equals_the_formula(audio):
    np.testing.assert_array_equal(to_pcm16(audio), reference_pcm16(audio))


@given(hnp.arrays(np.float64, shapes, elements=st.floats(-1.5, 1.5)))
@settings(deadline=None)
def test_quantising_rounds_to_float32_first(audio):
    np.testing.assert_array_equal(to_pcm16(audio), reference_pcm16(audio))


def test_quantising_is_exact_around_every_step_and_at_extremes_in_any_layout():
    extremes = [1, -1, 2, -2, 0, -0.0, 1e-12, -1e-12, 0.5, -0.5, 32767 / 32768, np.inf, -np.inf]
    audio = np.concatenate([around_steps(), extremes, [np.nextafter(np.float32(1), 0)]])
    for samples in (audio[:, None], np.stack([audio, audio[::-1]], axis=1)):
        for kind in (np.float32, np.float64):
            for order in "CF":
                given_ = np.array(samples, kind, order=order)
                pcm = to_pcm16(given_)
                np.testing.assert_array_equal(pcm, reference_pcm16(given_))
                assert pcm.flags.c_contiguous


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2])
def test_quantising_is_what_pedalboards_writer_does(kind, channels):
    audio = np.concatenate([around_steps(), np.linspace(-1.2, 1.2, 1000)]).astype(kind)
    audio = np.stack([audio] * channels, axis=1)
    np.testing.assert_array_equal(to_pcm16(audio), written_by_pedalboard(audio))


def test_reading_16_bit_back_is_what_soundfile_reads():
    pcm = np.arange(-32768, 32768, dtype=np.int16).reshape(-1, 2)
    expected = soundfile.read(io.BytesIO(wav_bytes(pcm)), dtype="float32")[0]
    np.testing.assert_array_equal(from_pcm16(pcm), expected)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("subtype", "format"),
    [("PCM_16", "WAV"), ("PCM_24", "WAV"), ("FLOAT", "WAV"), ("PCM_16", "FLAC")],
)
def test_decoding_is_soundfiles(subtype, format, channels):
    samples = np.random.default_rng(0).uniform(-1, 1, (3000, channels))
    content = wav_bytes(samples, subtype, format, 22050)
    audio, samplerate = decode(content)
    expected = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0]
    assert samplerate == 22050
    assert audio.dtype == np.float32
    np.testing.assert_array_equal(audio, expected)


def test_decoding_at_pedalboards_full_scale_is_pedalboards():
    content = wav_bytes(np.arange(-32768, 32768, dtype=np.int16).reshape(-1, 2))
    with AudioFile(io.BytesIO(content)) as file:
        expected = file.read(file.frames).T
    np.testing.assert_array_equal(decode(content, PEDALBOARD_FULL_SCALE)[0], expected)


def test_a_sound_file_is_inspected(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(np.full((2400, 2), 0.5), samplerate=48000))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = inspect_file(path)
    assert (found.frames, found.samplerate, found.channels) == (2400, 48000, 2)
    assert (found.sha256, found.silent, found.decoder) == (digest, False, "libsndfile")


@needs_recordings
@pytest.mark.parametrize(
    ("name", "seconds"),
    [("Fl-ord-C4-mf-N-T14d.wav", 6.2), ("Cb-ord-A2-mf-2c-N.wav", 5.4),
     ("medley_solos_validation_3.wav", 2.97), ("vocadito_1.wav", 33)],
)  # fmt: skip
def test_real_recordings_are_read(name, seconds):
    path = RECORDINGS / name
    found = inspect_file(path)
    assert (found.samplerate, found.channels, found.silent) == (44100, 1, False)
    assert found.frames / found.samplerate == pytest.approx(seconds, rel=0.03)
    audio = read_clip(clip_of(path, found.frames, found.channels, found.sha256))
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(audio, expected)


def holding(value):
    samples = np.full((100, 2), 0.1)
    samples[7, 1] = value
    return wav_bytes(samples, "FLOAT")


NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (20000, 2))


def claiming(frames):
    """A FLAC file whose header has another number of frames: the last 36 of these 64 bits."""
    content = bytearray(wav_bytes(NOISE, format="FLAC"))
    field = int.from_bytes(content[18:26], "big") >> 36 << 36
    content[18:26] = (field | frames).to_bytes(8, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"no audio at all, but text", "not an audio file"),
        (wav_bytes(np.full((100, 2), 0.1))[:20], "not an audio file"),
        (wav_bytes(np.zeros((0, 2))), "zero length"),
        (wav_bytes(np.zeros((100, 2))), "is silent"),
        (holding(np.nan), "NaN or infinite"),
        (holding(np.inf), "NaN or infinite"),
        (holding(8.5), "its samples reach 8.5, expected at most 8 where full scale is 1"),
        (wav_bytes(np.full((4000, 2), 1e-40), "FLOAT"), "is silent (no sample reaches 6e-08 of"),
        (wav_bytes(np.full((2204, 1), 0.1)), "lasts 0.04998 s, expected 0.05 s or more"),
        (
            wav_bytes(np.full((900, 1), 0.1), samplerate=999),
            "has a sample rate of 999 Hz, expected",
        ),
        (wav_bytes(np.full((9, 33), 0.1)), "has 33 channels, expected 1 to 32"),
        (
            claiming(2**26 // 2 + 1),
            "its header tells of 33554433 frames of 2 channels, expected at",
        ),
        (claiming(2**36 - 1), "its header tells of 68719476735 frames of 2 channels, expected"),
        (wav_bytes(NOISE, "MPEG_LAYER_III", "MP3")[:4000], "is cut short: its last frame isn't"),
        (
            wav_bytes(NOISE, format="FLAC")[:-4000],
            "not an audio file that can be read (Error : flac",
        ),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_cannot_be_a_clip_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        inspect_file(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "not a regular file"),
        (os.mkdir, "not a regular file"),
        (lambda path: os.symlink("/dev/zero", path), "not a regular file"),
        (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
        (lambda path: path.touch() or os.truncate(path, 2**40), "1.1e+03 GB, a clip's file has"),
    ],
)
def test_what_is_no_file_of_a_clips_size_is_not_read(tmp_path, make, words):
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(InputError) as refused:
        inspect_file(path)
    assert str(refused.value).startswith(f"{path}: cannot be read ({words}")


def test_what_libraries_say_of_a_broken_file_stays_off_the_screen(tmp_path, capfd):
    path = tmp_path / "broken.mp3"
    content = b"\xff\xfb\x90\x64" + bytes(20000)  # the header of a frame
    path.write_bytes(content)
    with suppress(soundfile.SoundFileError):
        decode(bytes(content))
    assert capfd.readouterr().err, "libmpg123 says nothing: is there nothing to keep off?"
    with pytest.raises(InputError, match=r"broken\.mp3: "):
        inspect_file(path)
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_formats_that_cannot_be_read_to_the_end_are_read(tmp_path):
    path = tmp_path / "speech.wav"
    path.write_bytes(wav_bytes(NOISE[:12000, :1], "G723_40", "AU", 8000))
    found = inspect_file(path)
    assert (found.frames, found.samplerate, found.channels) == (12000, 8000, 1)


def test_a_clip_that_changed_or_went_since_it_was_indexed_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(np.full((3000, 2), 0.5)))
    clip = clip_of(path, 3000, sha256=inspect_file(path).sha256)
    assert read_clip(clip).shape == (3000, 2)
    path.write_bytes(wav_bytes(np.full((3000, 2), 0.25)))
    with pytest.raises(InputError, match=r"a.wav: the file has changed since .*: restore it"):
        read_clip(clip)
    path.unlink()
    with pytest.raises(InputError, match=r"a.wav: indexed, but cannot be read now"):
        read_clip(clip)


CLIPS = [clip_of("a.wav", 70), clip_of("b.wav", 30), clip_of("c.wav", 100)]


def write_random(path, audio="pcm16", clips=CLIPS):
    rng = np.random.default_rng(0)
    protocol = {"audio": audio, "reverb_state": "reset"}
    written = {}
    with write_batch(
        path, levels=["1", "2"], clips=clips, effect="gain", protocol=protocol
    ) as writer:
        for level in (1, 0):
            for index in (2, 0, 1):
                samples = rng.uniform(-1, 1, (clips[index].frames, clips[index].channels))
                writer.write(level, index, samples)
                written[level, index] = samples
    return written


@pytest.mark.parametrize("audio", ["pcm16", "float32"])
def test_a_batch_is_read_back_as_written(tmp_path, audio):
    written = write_random(tmp_path / "batch.h5", audio)
    batch = AudioBatch(tmp_path / "batch.h5")
    assert (batch.levels, batch.clips) == (("1", "2"), ("a", "b", "c"))
    assert (batch.samplerate, batch.channels, batch.effect) == (44100, 2, "gain")
    assert batch.protocol == {"audio": audio, "reverb_state": "reset"}
    for (level, index), samples in written.items():
        expected = from_pcm16(to_pcm16(samples)) if audio == "pcm16" else samples.astype("f4")
        got = batch.clip(level, index)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)
    assert os.listdir(tmp_path) == ["batch.h5"]


def test_a_batch_is_plain_hdf5(tmp_path):
    written = write_random(tmp_path / "batch.h5")
    with h5py.File(tmp_path / "batch.h5") as file:
        assert file["audio"].shape == (400, 2)
        assert file["audio"].dtype == np.int16
        assert file["offsets"][:].tolist() == [[0, 70, 100, 200], [200, 270, 300, 400]]
        np.testing.assert_array_equal(file["audio"][270:300], to_pcm16(written[1, 1]))


def test_a_clip_of_another_length_is_not_written_over_its_neighbour(tmp_path):
    protocol = {"audio": "pcm16", "reverb_state": "reset"}
    with (
        pytest.raises(ValueError, match="expected"),
        write_batch(
            tmp_path / "batch.h5", levels=["1"], clips=CLIPS, effect="gain", protocol=protocol
        ) as writer,
    ):
        writer.write(0, 0, np.zeros((71, 2)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, call):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audio_module.os, call, full)
    with pytest.raises(InputError, match=r"batch.h5: 1.6e-06 GB.*No space left.*levels_per_job"):
        write_random(tmp_path / "batch.h5")
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_no_batch_is_refused(tmp_path):
    path = tmp_path / "batch.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"batch.h5: not a readable file of effected audio"):
        AudioBatch(path)
    with h5py.File(path, "w") as file:
        file["audio"] = np.zeros(3)
    with pytest.raises(InputError, match=r"batch.h5: not a readable file of effected audio"):
        AudioBatch(path)


def test_a_batch_cut_short_is_no_shorter_clip(tmp_path):
    write_random(tmp_path / "batch.h5")
    batch = AudioBatch(tmp_path / "batch.h5")
    with h5py.File(tmp_path / "batch.h5") as file:
        end = file["audio"].id.get_offset() + file["audio"].id.get_storage_size()
    os.truncate(tmp_path / "batch.h5", end - 2)
    batch.samples(0, 0)
    with pytest.raises(InputError, match=r"batch.h5: ends before its audio does: delete it"):
        batch.samples(1, 2)
    os.remove(tmp_path / "batch.h5")
    with pytest.raises(InputError, match=r"batch.h5: cannot be read \(No such file"):
        batch.samples(0, 0)


def test_reading_a_batch_takes_no_memory_for_what_was_read(tmp_path):
    """A batch at the paper's size is 10 GB; a job that embeds it asks for 4."""
    # 20 s of stereo at two levels: 7 MB in pieces of 0.2.
    clips = [replace(CLIPS[0], clip=f"c{n}", frames=44100) for n in range(20)]
    protocol = {"audio": "pcm16", "reverb_state": "reset"}
    with write_batch(
        tmp_path / "batch.h5", levels=["1", "2"], clips=clips, effect="gain", protocol=protocol
    ) as writer:
        for level, index in itertools.product(range(2), range(len(clips))):
            writer.write(level, index, np.zeros((44100, 2)))

    def resident() -> int:
        """KiB of this process's memory, mapped files included."""
        status = Path("/proc/self/status").read_text()
        return sum(int(kib) for kib in re.findall(r"^Rss(?:Anon|File):\s+(\d+) kB", status, re.M))

    batch = AudioBatch(tmp_path / "batch.h5")
    batch.samples(0, 0)
    before = resident()
    for level in range(2):
        for index in range(len(clips)):
            batch.samples(level, index)
    assert resident() - before < 1000


@pytest.mark.parametrize(("audio", "subtype"), [("pcm16", "PCM_16"), ("float32", "FLOAT")])
def test_kept_audio_is_the_batch(tmp_path, audio, subtype):
    write_random(tmp_path / "batch.h5", audio)
    folder = tmp_path / "kept" / "2"
    batch = AudioBatch(tmp_path / "batch.h5")
    write_wavs(batch, 1, folder)
    for index, clip in enumerate(batch.clips):
        assert soundfile.info(folder / f"{clip}.wav").subtype == subtype
        samples = soundfile.read(folder / f"{clip}.wav", dtype="float32")[0]
        np.testing.assert_array_equal(samples, batch.clip(1, index))
    assert os.listdir(tmp_path / "kept") == ["2"]
