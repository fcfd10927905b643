"""Files are decoded whole, as a decoder that shares no code reads them, or refused truthfully.

PyAV decodes what the workflow reads by libsndfile, miniaudio's dr_mp3 what it reads by PyAV; AAC is
compared with what was encoded.
"""

import io
import struct
import tempfile
from pathlib import Path

import av
import miniaudio
import numpy as np
import pytest
import soundfile

from embedding_sensitivity.clips.audio import PEDALBOARD_FULL_SCALE, decode, read_clip
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.containers import recognise
from embedding_sensitivity.clips.dataset import find_audio
from embedding_sensitivity.clips.index import index_clips
from embedding_sensitivity.clips.inspection import BadClip, inspect_file
from embedding_sensitivity.files.errors import InputError
from support.audio import Pipe, encode

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases"
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(), reason="the inputs of shared/cases are not beside the checkout"
)
RATE = 44100


def music(rate=RATE, channels=2, seconds=1.1, seed=0):
    """Partials that fade, with a little noise, in steps of 16 bits: (frames, channels)."""
    time = np.arange(int(rate * seconds)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.01, (len(time), channels))
    pitches = 220 * (1 + np.arange(channels)) * (1 + seed / 7)
    tones = 0.3 * np.sin(2 * np.pi * np.outer(time, pitches)) * np.exp(-time)[:, None]
    return np.round((tones + noise) * 32768) / 32768


def fast_start(audio, rate=RATE):
    """Return an MP4 whose index comes first, for which FFmpeg wants a file with a name."""
    with tempfile.TemporaryDirectory() as folder:
        muxing = {"movflags": "+faststart"}
        return encode(audio, rate, "aac", "ipod", muxing, f"{folder}/a.m4a", bit_rate=128000)


def written(audio, format, subtype="PCM_16", rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, audio, rate, subtype, format=format)
    return file.getvalue()


def by_miniaudio(content):
    found = miniaudio.mp3_read_f32(content)
    return np.array(found.samples).reshape(-1, found.nchannels), found.sample_rate


def by_pyav(content):
    with av.open(io.BytesIO(content)) as file:
        stream = file.streams.audio[0]
        frames = [frame.to_ndarray() for frame in file.decode(stream)]
        planar, n_channels, rate = stream.format.is_planar, stream.channels, stream.rate
    audio = (
        np.concatenate(frames, axis=1).T if planar else np.hstack(frames).reshape(-1, n_channels)
    )
    if audio.dtype.kind == "i":
        audio = audio / 2.0 ** (8 * audio.itemsize - 1)
    return audio, rate


def assert_same(found, expected, tolerance=1e-4):
    (audio, rate), (expected_audio, expected_rate) = found, expected
    assert rate == expected_rate
    assert audio.shape == expected_audio.shape
    assert np.abs(audio - expected_audio).max() <= tolerance


MP3 = {
    "constant rate": {"bit_rate": 128000},
    "variable rate": {"q": "4"},
    "average rate": {"abr": "1", "bit_rate": 96000},
    "variable rate without a Xing header": {"q": "7", "muxing": {"write_xing": "0"}},
    "constant rate without, tag at the end": {
        "bit_rate": 64000, "muxing": {"write_xing": "0", "id3v2_version": "0", "write_id3v1": "1"}
    },
    "no tag, no header": {"q": "5", "muxing": {"write_xing": "0", "id3v2_version": "0"}},
}  # fmt: skip


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (48000, 1), (22050, 1), (11025, 2)])
@pytest.mark.parametrize("kind", MP3)
def test_mp3_is_what_another_decoder_reads(kind, rate, channels):
    content = encode(music(rate, channels), rate, "libmp3lame", "mp3", **MP3[kind])
    assert_same(decode(content), by_miniaudio(content))


@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (24000, 1)])
def test_layer_2_is_what_another_decoder_reads(rate, channels):
    content = encode(music(rate, channels), rate, "mp2", "mp2", bit_rate=64000)
    assert_same(decode(content), by_miniaudio(content))


def test_mp3_between_tags_of_all_kinds_is_read_whole():
    plain = encode(music(), RATE, "libmp3lame", "mp3", **MP3["no tag, no header"])
    picture = b"\xff\xd8\xff\xfb\x90\x64" * 300  # what looks like the header of a frame
    size = struct.pack(">I", len(picture) // 128 << 8 | len(picture) % 128)
    id3 = b"ID3\x04\0\0" + size + picture
    ape = b"APETAGEX" + struct.pack("<III", 2000, 32, 0) + bytes(12)
    content = id3 + plain + ape + b"TAG" + bytes(125)
    assert_same(decode(content), by_miniaudio(plain))
    assert not recognise(content).fault


def test_mp3_in_wav_is_read_whole():
    audio = music()
    content = encode(audio, RATE, "libmp3lame", "wav", bit_rate=96000)
    begin, end = recognise(content).payload
    assert content[begin - 8 : begin - 4] == b"data"
    assert_same(decode(content), by_miniaudio(content[begin:end]))


@pytest.mark.parametrize("rate", [44100, 22050])
def test_aac_is_what_was_encoded_without_the_encoders_delay(rate):
    audio = music(rate, 1, seconds=1.2345)
    found, found_rate = decode(encode(audio, rate, "aac", "ipod", bit_rate=128000))
    assert (found_rate, found.shape) == (rate, audio.shape)
    np.testing.assert_array_equal(decode(fast_start(audio, rate))[0], found)
    assert np.sqrt(np.mean((found - audio) ** 2)) < 0.011  # the noise's own is 0.01
    inside = slice(10, -10)
    alike = [np.dot(np.roll(found, shift)[inside, 0], audio[inside, 0]) for shift in range(-9, 10)]
    assert np.argmax(np.diff(np.diff(alike)) * -1) == 8, "shifted against what was encoded"
    bare = decode(encode(audio, rate, "aac", "adts", bit_rate=128000))[0]
    assert len(bare) % 1024 == 0 and len(audio) <= len(bare) < len(audio) + 3 * 1024
    np.testing.assert_allclose(bare[1024 : 1024 + len(audio)], found, atol=1e-6)


def test_alac_and_flac_in_ogg_are_their_samples():
    audio = music()
    wav = written(audio, "WAV")
    for content in (
        encode(audio, RATE, "alac", "ipod", format="s16p"),
        encode(audio, RATE, "flac", "ogg"),
        encode(audio, RATE, "flac", "flac", file=Pipe()),
    ):
        for full_scale in (32768, PEDALBOARD_FULL_SCALE):
            found, rate = decode(content, full_scale)
            np.testing.assert_array_equal(found, decode(wav, full_scale)[0])
            assert rate == RATE and found.flags.f_contiguous


def test_flac_of_unknown_length_is_read_whole(tmp_path):
    audio = music()
    content = encode(audio, RATE, "flac", "flac", file=Pipe())
    # 36 bits of zeros: libsndfile would tell of 2**63 - 1 frames.
    assert int.from_bytes(content[18:26], "big") & (2**36 - 1) == 0
    np.testing.assert_array_equal(decode(content)[0], audio)
    found = by_pyav(written(audio, "FLAC"))
    assert_same(decode(content), found, 0)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000])
def test_wav_with_the_sizes_of_a_stream_is_read_whole(tmp_path, size):
    audio = music()
    content = bytearray(written(audio, "WAV"))
    content[4:8] = struct.pack("<I", min(size + 36, 2**32 - 1))
    content[40:44] = struct.pack("<I", size)
    path = tmp_path / "stream.wav"
    path.write_bytes(content)
    assert inspect_file(path).frames == len(audio)
    np.testing.assert_array_equal(decode(bytes(content))[0], audio)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("RF64", "PCM_16"),
     ("W64", "PCM_24"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("FLAC", "PCM_16"),
     ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS")],
)  # fmt: skip
def test_what_libsndfile_reads_is_what_pyav_reads(format, subtype):
    rate = 48000 if subtype == "OPUS" else RATE
    content = written(music(rate), format, subtype, rate)
    assert_same(decode(content), by_pyav(content), 1e-4 if format == "OGG" else 0)


def mp3(seed=0, rate=RATE, channels=2, **options):
    options = options or MP3["constant rate"]
    return encode(music(rate, channels, seed=seed), rate, "libmp3lame", "mp3", **options)


def without_tags(seed, rate=RATE, channels=2):
    return mp3(seed, rate, channels, **MP3["no tag, no header"])


def cut(content, share=0.5):
    return content[: int(len(content) * share)]


def overwritten(content, start, length=2000):
    return content[:start] + bytes(length) + content[start + length :]


REFUSED = {
    "joined MP3": (lambda: mp3() + mp3(1), "two files are joined"),
    "joined MP3 of another rate": (lambda: mp3() + mp3(1, 48000), "two files are joined"),
    "joined MP3 without headers, of another rate": (
        lambda: without_tags(0) + without_tags(1, 22050), "two files are joined"
    ),
    "joined MP3 without headers, of fewer channels": (
        lambda: without_tags(0) + without_tags(1, channels=1), "two files are joined"
    ),
    "half an MP3": (lambda: cut(mp3()), "is cut short: its last frame isn't whole"),
    "half an MP3 without a header": (lambda: cut(without_tags(0), 0.51), "is cut short: its last"),
    "an MP3 with a frame too few": (
        lambda: mp3()[: -418 * 3], "its header tells of 44 frames of MPEG audio, 41 are"
    ),
    "an MP3 with a hole": (lambda: overwritten(without_tags(0), 5000), "inside it are no frames"),
    "joined AAC in MP4": (
        lambda: 2 * encode(music(), RATE, "aac", "ipod"), "another MP4 file is joined to its end"
    ),
    "half an MP4": (lambda: cut(encode(music(), RATE, "aac", "ipod")), "is cut short or damaged"),
    "half an MP4 that begins with its index": (
        lambda: cut(fast_start(music())), "is cut short or damaged: its part 'mdat' isn't whole",
    ),
    "half a bare AAC": (lambda: cut(encode(music(), RATE, "aac", "adts")), "PyAV: "),
    "MP4 with two streams": (
        lambda: encode(music(), RATE, "aac", "mp4", n_streams=2), "has 2 streams of audio"
    ),
    "Ogg with two streams": (
        lambda: encode(music(), 48000, "libopus", "ogg", n_streams=2),
        "has two streams of audio (Opus and Opus), expected one",
    ),
    "chained Vorbis": (lambda: 2 * written(music(), "OGG", "VORBIS"), "(chained Ogg)"),
    "chained Opus": (lambda: 2 * written(music(48000), "OGG", "OPUS", 48000), "(chained Ogg)"),
    "half a Vorbis": (lambda: cut(written(music(), "OGG", "VORBIS")), "is cut short: "),
    "half an Opus": (lambda: cut(written(music(48000), "OGG", "OPUS", 48000)), "is cut short: "),
    "Vorbis without its last page": (
        lambda: (lambda ogg: ogg[: ogg.rindex(b"OggS")])(written(music(), "OGG", "VORBIS")),
        "is cut short: the last page of its stream is missing",
    ),
    "joined FLAC": (lambda: 2 * written(music(), "FLAC"), "another FLAC file is joined"),
    "half a FLAC of unknown length": (
        lambda: cut(encode(music(), RATE, "flac", "flac", file=Pipe())), "PyAV: "
    ),
    "joined WAV": (lambda: 2 * written(music(), "WAV"), "another audio file is joined to its end"),
    "WAV that was never finished": (
        lambda: written(music(), "WAV")[:40] + bytes(4) + written(music(), "WAV")[44:],
        "its header tells of no audio, but 194040 bytes follow",
    ),
    **{
        f"half of {format}": (
            lambda format=format: cut(written(music(), format)), "is cut short: its header tells of"
        )
        for format in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU")
    },
    "half of CAF": (lambda: cut(written(music(), "CAF")), "is cut short: its header tells of"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_one_whole_audio_is_refused_for_its_reason(tmp_path, kind):
    make, words = REFUSED[kind]
    path = tmp_path / "bad.audio"
    path.write_bytes(make())
    with pytest.raises(BadClip) as refused:
        inspect_file(path)
    assert words in refused.value.reason
    assert "\n" not in str(refused.value)


@needs_cases
@pytest.mark.parametrize(
    ("name", "frames"),
    [("vbr7_noxing.mp3", 133632), ("cbr_noxing_id3.mp3", 133632), ("stream_ffmpeg.flac", 132300)],
)
def test_files_that_were_read_short_or_refused_are_read(name, frames):
    path = CASES / name
    found = inspect_file(path)
    assert (found.frames, found.samplerate, found.channels) == (frames, 44100, 2)
    assert found.decoder == f"PyAV {av.__version__}"
    content = path.read_bytes()
    other = by_miniaudio(content) if name.endswith("mp3") else by_pyav(content)
    assert_same((read_clip(clip_of(path, found)), 44100), other)


@needs_cases
def test_joined_mp3_of_the_cases_is_refused():
    with pytest.raises(BadClip, match="two files are joined, or it is damaged"):
        inspect_file(CASES / "cat_two.mp3")


def clip_of(path, found):
    return Clip(
        *("a", str(path), "x", "", "g", "train", found.frames / found.samplerate),
        *(found.samplerate, found.channels, found.sha256, found.frames, 0),
    )


FORMS = [(44100, 2), (22050, 1), (48000, 2), (16000, 1)]


@pytest.mark.parametrize("form", FORMS)
def test_a_clip_is_converted_to_the_rate_and_channels_of_the_index(tmp_path, form):
    """A tone has the pitch, the level and the length in seconds that it had."""
    path = tmp_path / "a.wav"
    time = np.arange(48000 * 2) / 48000
    stereo = 0.4 * np.sin(2 * np.pi * 1000 * time)[:, None] * [1, 0.5]
    soundfile.write(path, stereo, 48000, "FLOAT")
    found = inspect_file(path, form=form)
    assert (found.frames, found.samplerate, found.channels) == (2 * form[0], *form)
    rate, channels = form
    audio = read_clip(clip_of(path, found))
    assert audio.shape == (2 * rate, channels)
    wanted = 0.4 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate) / rate)
    gains = [0.75] if channels == 1 else [1, 0.5]
    inside = slice(rate // 10, -rate // 10)  # past the filter's ends
    for channel, gain in enumerate(gains):
        np.testing.assert_allclose(audio[inside, channel], gain * wanted[inside], atol=2e-6)
    steps = {
        (48000, 2): "libsndfile",
        (44100, 2): "libsndfile + 48000 to 44100 Hz by soxr 1.1.0 VHQ",
        (22050, 1): "libsndfile + 2 to 1 channels + 48000 to 22050 Hz by soxr 1.1.0 VHQ",
        (16000, 1): "libsndfile + 2 to 1 channels + 48000 to 16000 Hz by soxr 1.1.0 VHQ",
    }
    assert found.decoder == steps[form]


def test_mono_becomes_equal_channels_and_other_numbers_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, music(channels=1), RATE)
    found = inspect_file(path, form=(RATE, 2))
    np.testing.assert_array_equal(
        read_clip(clip_of(path, found)), np.repeat(music(channels=1), 2, axis=1)
    )
    soundfile.write(path, music(channels=3), RATE)
    with pytest.raises(BadClip, match=r"has 3 channels, of which data\.convert makes no 2, only"):
        inspect_file(path, form=(RATE, 2))
    assert inspect_file(path, form=(RATE, 1)).channels == 1


def test_what_lies_above_half_the_new_rate_is_filtered_out(tmp_path):
    path = tmp_path / "a.wav"
    time = np.arange(48000) / 48000
    tones = 0.4 * np.sin(2 * np.pi * 15000 * time) + 0.01 * np.sin(2 * np.pi * 500 * time)
    soundfile.write(path, tones, 48000, "FLOAT")
    found = inspect_file(path, form=(16000, 1))
    audio = read_clip(clip_of(path, found))[1600:-1600, 0]
    assert np.abs(audio).max() < 0.0101  # the tone at 15 kHz would be at 1 kHz, at 0.4


def test_a_folder_of_all_forms_is_indexed_as_one(tmp_path):
    for label in ("low", "high"):
        (tmp_path / label).mkdir()
        for number, (rate, channels) in enumerate(FORMS * 2):
            audio = music(rate, channels, seed=number + 20 * (label == "low"))
            soundfile.write(tmp_path / label / f"{label}{number}.wav", audio, rate)
    paths, options = find_audio(tmp_path), {"labels": None, "keep_unsplit": False}
    with pytest.raises(InputError, match=r"expected .* of every clip: .*set data.convert: true"):
        index_clips(paths, None, samplerate=44100, channels=2, **options)
    found = index_clips(paths, None, samplerate=44100, channels=2, convert=True, **options)
    assert len(found.clips) == 16 and not found.dropped
    assert {(clip.samplerate, clip.channels) for clip in found.clips} == {(44100, 2)}
    assert {round(clip.duration_s, 3) for clip in found.clips} == {1.1}
    assert sum(clip.decoder == "libsndfile" for clip in found.clips) == 4
