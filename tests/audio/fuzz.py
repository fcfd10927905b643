# environment: audio
"""Mutated audio files through the workflow's own indexing and rendering, each in bounds.

Each file is made from a seed and checked in a process of its own kind: it is a valid clip, and then
goes through all four effects, under both sample formats, and the log-mel control to finite numbers
of the right shape; or it is refused in one line that names it. Then all of them are indexed as one
folder, with ``on_bad_clip`` ``fail`` and ``drop``. A traceback, a crash, a hang, memory beyond the
limit or a word on stderr is a failure, and the exit status says so.

Run by ``make fuzz`` (COUNT files from SEED); tests/audio/test_fuzz.py runs a small part.
"""

import json
import logging
import os
import re
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from threading import local

import numpy as np
import soundfile

from embedding_sensitivity.clips.audio import AudioBatch, read_clip, to_pcm16
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.dataset import find_audio
from embedding_sensitivity.clips.index import index_clips
from embedding_sensitivity.clips.inspection import BadClip, inspect_file
from embedding_sensitivity.effects import EFFECTS, Effect
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import find_path_fault, printable
from embedding_sensitivity.models.logmel import LogMel
from support.audio import encode as encode_by_pyav

EXTENSIONS = ("wav", "flac", "aif", "aiff", "ogg", "mp3", "m4a", "aac")
RATES = (1, 2, 100, 999, 1000, 1001, 4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000,
         384000, 655350, 768000, 768001, 2**31 - 1)  # fmt: skip
# What fields of headers are overwritten with.
VALUES = (0, 1, 2, 3, 7, 8, 9, 255, 1000, 1024, 2**15, 2**16 - 1, 2**20, 2**24, 2**31 - 1, 2**31,
          2**32 - 1, 2**32, 2**36 - 1, 2**62, 2**63 - 1, 2**64 - 1)  # fmt: skip
MAGICS = (
    b"RIFF\x24\x10\x00\x00WAVEfmt ", b"RIFX", b"RF64\xff\xff\xff\xffWAVEds64",
    b"riff.\x91\xcf\x11", b"FORM\x00\x00\x10\x00AIFF", b"FORM\x00\x00\x10\x00AIFC",
    b".snd\x00\x00\x00\x18", b"caff\x00\x01\x00\x00desc", b"fLaC\x00\x00\x00\x22",
    b"OggS\x00\x02", b"ID3\x04\x00", b"\xff\xfb\x90\x64", b"NIST_1A\n",
)  # fmt: skip
# Address space of a process that checks files, beyond what it has with everything imported.
MEMORY = 2 * 2**30
# Effects that one clip is enough for.
ALONE = [effect for effect in EFFECTS.values() if not effect.needs_other]
# Why an effect may refuse a single clip: it changes nothing, a codec writes what it can,
# or the clip is too short or quiet.
OF_THIS_CLIP = "|".join(
    (
        "every clip comes back as it was", "kbit/s of this clip", "LUFS is defined from",
        "under -70 LUFS", "too short for Rubber Band",
    )
)  # fmt: skip
SECONDS = 120  # for one file, many times what the slowest takes: machines may be busy


def signal(rng: Random, frames: int, channels: int) -> np.ndarray:
    """Noise under an envelope, (frames, channels), well inside full scale."""
    generator = np.random.default_rng(rng.randrange(2**32))
    audio = generator.uniform(-0.8, 0.8, (frames, channels))
    return audio * np.linspace(1, 0.1, frames)[:, None] if frames else audio


def encode(audio: np.ndarray, rate: int, format: str, subtype: str | None = None) -> bytes | None:
    """The bytes of an audio file; None where libsndfile doesn't write that."""
    # Its encoders, which the workflow never calls, crash: Vorbis's at high rates, LAME at samples
    # that are no numbers or far too large.
    if format == "OGG" and rate > 96000:
        return None
    if format in ("OGG", "MP3"):
        audio = np.clip(np.nan_to_num(audio), -1, 1)
    file = BytesIO()
    try:
        soundfile.write(file, audio, rate, subtype, format=format)
    except (soundfile.SoundFileError, ValueError, TypeError, AssertionError):
        return None
    return file.getvalue()


def some_file(rng: Random) -> bytes:
    """An audio file as it should be: any format, subtype, rate and number of channels."""
    while True:
        format = rng.choice(sorted(set(soundfile.available_formats()) - {"RAW", "SD2"}))
        subtype = rng.choice(sorted(soundfile.available_subtypes(format)))
        rate = rng.choice(RATES[3:-2]) if rng.random() < 0.3 else 44100
        channels = rng.choice((1, 2, 2, 2, 3, 4, 6, 8))
        seconds = rng.choice((0.06, 0.1, 0.3))
        content = encode(signal(rng, int(rate * seconds), channels), rate, format, subtype)
        if content:
            return content


def common_file(rng: Random) -> bytes:
    """As `some_file`, of the formats that people have."""
    if rng.random() < 0.3:
        return by_pyav(rng)
    format, subtype = rng.choice(
        [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAVEX", "PCM_16"),
         ("WAV", "ULAW"), ("WAV", "MS_ADPCM"), ("WAV", "IMA_ADPCM"), ("FLAC", "PCM_16"),
         ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
         ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("CAF", "ALAC_16"), ("AU", "PCM_16"),
         ("W64", "PCM_16"), ("RF64", "PCM_16")]
    )  # fmt: skip
    rate = 48000 if subtype == "OPUS" else 44100
    content = encode(signal(rng, rng.choice((4000, 9000)), 2), rate, format, subtype)
    assert content, (format, subtype)
    return content


def by_pyav(rng: Random) -> bytes:
    """As `common_file`, of the formats that PyAV decodes."""
    codec, container, options = rng.choice(
        [("aac", "ipod", {}), ("aac", "adts", {}), ("alac", "ipod", {}), ("flac", "ogg", {}),
         ("aac", "mp4", {"muxing": {"movflags": "frag_keyframe+empty_moov"}}),
         ("libmp3lame", "mp3", {"q": "4"}), ("libmp3lame", "wav", {"bit_rate": 96000}),
         ("libmp3lame", "mp3", {"q": "6", "muxing": {"write_xing": "0"}}),
         ("mp2", "mp2", {"bit_rate": 128000})]
    )  # fmt: skip
    return encode_by_pyav(
        signal(rng, rng.choice((4000, 9000)), 2), 44100, codec, container, **options
    )


def wav(audio_bytes: bytes, form: bytes, *chunks: bytes, size: int | None = None) -> bytes:
    """A RIFF file of a ``fmt `` chunk's body, further chunks, and data said to be of `size`."""
    size = len(audio_bytes) if size is None else size
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"".join(chunks)
    body += b"data" + struct.pack("<I", size) + audio_bytes
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def pcm16_form(rate: int, channels: int, bits: int = 16, tag: int = 1) -> bytes:
    align = channels * bits // 8
    return struct.pack(
        "<HHIIHH", tag, channels & 0xFFFF, rate, (rate * align) & 0xFFFFFFFF, align & 0xFFFF, bits
    )


def pcm16(rng: Random, frames: int = 4000, channels: int = 2) -> bytes:
    return (signal(rng, frames, channels) * 32767).astype("<i2").tobytes()


def as_written(rng: Random) -> bytes:
    return some_file(rng)


def truncated(rng: Random) -> bytes:
    content = some_file(rng) if rng.random() < 0.5 else common_file(rng)
    end = rng.randrange(200) if rng.random() < 0.5 else rng.randrange(len(content))
    return content[:end]


def without_its_start(rng: Random) -> bytes:
    content = common_file(rng)
    return content[rng.randrange(1, 200) :]


def flipped_bits(rng: Random) -> bytes:
    content = bytearray(common_file(rng) if rng.random() < 0.7 else some_file(rng))
    end = min(len(content), rng.choice((64, 512, len(content))))
    for _ in range(rng.choice((1, 3, 10, 100))):
        content[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(content)


def wrong_sizes(rng: Random) -> bytes:
    content = bytearray(common_file(rng) if rng.random() < 0.5 else some_file(rng))
    for _ in range(rng.choice((1, 1, 2, 4))):
        width = rng.choice((1, 2, 4, 4, 8))
        value = rng.choice(VALUES) % 2 ** (8 * width)
        place = rng.randrange(0, min(len(content) - width, 160))
        content[place : place + width] = value.to_bytes(width, rng.choice(("little", "big")))
    return bytes(content)


def random_bytes(rng: Random) -> bytes:
    start = rng.choice((*MAGICS, b""))
    return start + rng.randbytes(rng.choice((0, 1, 30, 1000, 20000)))


def spliced(rng: Random) -> bytes:
    first, second = common_file(rng), common_file(rng)
    cut = rng.randrange(4, min(len(first), 4000))
    return first[:cut] + second[rng.randrange(len(second)) :]


def overwritten(rng: Random) -> bytes:
    """A stretch of zeros, ones or noise in the middle, as a bad disk leaves it."""
    content = bytearray(common_file(rng))
    start = rng.randrange(len(content))
    length = min(rng.choice((16, 512, 4096)), len(content) - start)
    filling = rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length)))
    content[start : start + length] = filling
    return bytes(content)


def odd_samples(rng: Random) -> bytes:
    """Samples that are no numbers, too small, too large, all the same, or hardly there."""
    audio = signal(rng, rng.choice((1, 2, 100, 4000, 8192, 8193)), rng.choice((1, 2)))
    where = (rng.randrange(audio.shape[0]), rng.randrange(audio.shape[1]))
    kind = rng.randrange(10)
    if kind == 0:
        audio[where] = rng.choice((np.nan, np.inf, -np.inf))
    elif kind == 1:
        audio *= rng.choice((1e-320, 1e-45, 1e-40, 1e-38, 1e-20, 1e-8, 1e-6))
    elif kind == 2:
        audio *= rng.choice((2, 8, 10, 12, 32768, 2**31, 1e10, 1e19, 1e38, 4e38, 1e300))
    elif kind == 3:
        audio[where] = rng.choice((1e38, -3.4e38, 1e300, 8.0, 8.001, 1.0, -1.0))
    elif kind == 4:
        audio[:] = rng.choice((0.0, -0.0, 1.0, -1.0, 0.5, 1e-45))
    elif kind == 5:
        audio[:] = np.sign(audio)
    elif kind == 6:
        audio[:] = 0
        audio[where] = rng.choice((1.0, 1 / 32768, 1e-12))
    elif kind == 7:
        audio = audio[:0]
    elif kind == 8:
        audio[:, 0] = 0
    format, subtype = rng.choice(
        [("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("AIFF", "FLOAT"), ("CAF", "DOUBLE"),
         ("AU", "FLOAT"), ("W64", "FLOAT"), ("RF64", "FLOAT"), ("WAV", "PCM_16"),
         ("WAV", "PCM_U8"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
    )  # fmt: skip
    with np.errstate(over="ignore", invalid="ignore"):
        return encode(audio, 44100, format, subtype) or b""


def odd_rates(rng: Random) -> bytes:
    rate = rng.choice((*RATES, 0, 2**32 - 1))
    frames = rng.choice((1, 10, 1000, 40000))
    if rng.random() < 0.3 and 0 < rate <= 655350:
        content = encode(signal(rng, frames, 1), rate, rng.choice(("FLAC", "AIFF", "W64", "CAF")))
        if content:
            return content
    return wav(pcm16(rng, frames), pcm16_form(rate, 2))


def odd_channels(rng: Random) -> bytes:
    channels = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 255, 1000, 1024, 1025, 65535))
    if 1 <= channels <= 8 and rng.random() < 0.5:
        format = rng.choice(("WAV", "FLAC", "OGG", "AIFF", "CAF", "W64"))
        content = encode(signal(rng, 4000, channels), 44100, format)
        if content:
            return content
    return wav(pcm16(rng, 40000, 2), pcm16_form(44100, channels))


def long_claims(rng: Random) -> bytes:
    """Headers that promise up to 2**63 frames over a file of kilobytes."""
    frames = rng.choice((2**24, 2**25 + 1, 2**26, 2**26 + 1, 2**31 - 1, 2**31, 2**35, 2**63 - 1))
    kind = rng.randrange(7)
    if kind == 0:
        return wav(pcm16(rng), pcm16_form(44100, 2), size=min(frames * 4, 2**32 - 1))
    if kind == 1:  # the 36 bits of STREAMINFO
        content = bytearray(encode(signal(rng, 9000, 2), 44100, "FLAC"))
        total = min(frames, 2**36 - 1)
        content[21] = (content[21] & 0xF0) | (total >> 32)
        content[22:26] = (total & 0xFFFFFFFF).to_bytes(4, "big")
        return bytes(content)
    if kind == 2:  # the last page's position
        content = bytearray(encode(signal(rng, 9000, 2), 44100, "OGG", "VORBIS"))
        last = content.rindex(b"OggS")
        content[last + 6 : last + 14] = frames.to_bytes(8, "little")
        content[last + 22 : last + 26] = bytes(4)
        content[last + 22 : last + 26] = ogg_checksum(bytes(content[last:])).to_bytes(4, "little")
        return bytes(content)
    format, field, width, order = [
        ("AU", 8, 4, "big"),
        ("RF64", 28, 8, "little"),  # of chunk ds64
        ("W64", 16, 8, "little"),  # after the name of chunk data
        ("CAF", 4, 8, "big"),
    ][kind - 3]
    content = bytearray(encode(signal(rng, 9000, 2), 44100, format, "PCM_16"))
    if format in ("W64", "CAF"):
        field += content.index(b"data")
    content[field : field + width] = min(frames * 4, 256**width - 1).to_bytes(width, order)
    return bytes(content)


def ogg_checksum(page: bytes) -> int:
    """CRC-32 of an Ogg page (RFC 3533: polynomial 0x04c11db7, nothing reflected)."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x104C11DB7 if crc & 0x80000000 else 0)
    return crc


def bomb(rng: Random) -> bytes:
    """A FLAC of some 100 kB that unpacks to 70 million frames, all of one value."""
    file = BytesIO()
    with soundfile.SoundFile(file, "w", 44100, rng.choice((1, 2)), "PCM_16", format="FLAC") as flac:
        for _ in range(70):
            flac.write(np.full((1_000_000, flac.channels), rng.choice((0, 99)), np.int16))
    return file.getvalue()


def odd_chunks(rng: Random) -> bytes:
    """RIFF files that hold their parts in odd numbers, order or form."""
    form, audio = pcm16_form(44100, 2), pcm16(rng)
    kind = rng.randrange(9)
    if kind == 0:
        return wav(audio, form, b"LIST" + struct.pack("<I", 2**32 - 1))
    if kind == 1:
        return wav(audio, form, b"junk" + struct.pack("<I", 3) + b"abc\0")
    if kind == 2:  # two of data
        return wav(audio, form, b"data" + struct.pack("<I", 400) + bytes(400))
    if kind == 3:
        return wav(audio + b"\x01", form)
    if kind == 4:  # extensible: a subformat that nobody knows, or PCM with odd masks
        guid = rng.choice((rng.randbytes(16), b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"))
        mask = rng.choice((0, 3, 2**32 - 1))
        tail = struct.pack("<HHI", 22, rng.choice((0, 16, 24)), mask) + guid
        return wav(audio, pcm16_form(44100, 2, tag=0xFFFE) + tail)
    if kind == 5:  # another tag or another number of bits than the data has
        bits = rng.choice((0, 1, 4, 8, 12, 16, 20, 24, 32, 64, 65535))
        return wav(audio, pcm16_form(44100, 2)[:-2] + struct.pack("<H", bits))
    if kind == 6:
        return wav(audio, struct.pack("<H", rng.randrange(2**16)) + form[2:])
    if kind == 7:
        return b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + wav(audio, form)
    return wav(audio, form) + rng.randbytes(1000)


KINDS: dict[str, Callable[[Random], bytes]] = {
    function.__name__: function
    for function in (
        as_written, truncated, without_its_start, flipped_bits, wrong_sizes, random_bytes, spliced,
        overwritten, odd_samples, odd_rates, odd_channels, long_claims, odd_chunks,
    )
}  # fmt: skip


def fifo(path: Path, rng: Random) -> None:
    os.mkfifo(path)


def unix_socket(path: Path, rng: Random) -> None:
    # By a relative name: an absolute one may be longer than the 108 bytes a socket's can have.
    server = socket.socket(socket.AF_UNIX)
    folder = os.open(path.parent, os.O_RDONLY)
    server.bind(f"/proc/self/fd/{folder}/{path.name}")
    server.close()
    os.close(folder)


def sparse(path: Path, rng: Random) -> None:
    """A WAV header, and a terabyte of nothing behind it."""
    path.write_bytes(wav(b"", pcm16_form(44100, 2), size=2**32 - 1))
    os.truncate(path, 2 ** rng.choice((31, 40)))


def oddly_named(path: Path, rng: Random) -> None:
    """An audio file of which only the name is odd."""
    odd = rng.choice(
        (b"\xff\xfe", b"\xc3", b"a\nb", b"a\tb", b"'", b'"', b"{x}", b"$(id)", b"a b", b"%s", b"*",
         b"\x1b[31m", "\u202e".encode(), b"x" * 200, b"=1+1", b"<b>", b"#", b"\\")
    )  # fmt: skip
    name = os.fsencode(path.stem) + b"_" + odd + b".wav"
    with open(os.path.join(os.fsencode(path.parent), name), "wb") as file:
        file.write(common_file(rng))


# What is named like audio and is no plain file, or has another than a plain name.
PLACES: dict[str, Callable[[Path, Random], None]] = {
    "fifo": fifo,
    "unix_socket": unix_socket,
    "folder": lambda path, rng: path.mkdir(),
    "dangling_link": lambda path, rng: path.symlink_to("nowhere.wav"),
    "circular_link": lambda path, rng: path.symlink_to(path.name),
    "linked_device": lambda path, rng: path.symlink_to("/dev/zero"),
    "sparse": sparse,
    "oddly_named": oddly_named,
}


def make(seed: int, number: int, folder: Path) -> tuple[str, str]:
    """Make file `number` below `folder`: its kind and path.

    The same seed makes the same file, but for time stamps and serial numbers by libsndfile.
    """
    rng = Random(f"{seed} {number}")
    # A twentieth are of what can be written in a line; the others share the rest evenly.
    place = rng.choice(sorted(PLACES)) if number % 20 == 0 else None
    kind = place or ("bomb" if number % 400 == 1 else sorted(KINDS)[number % len(KINDS)])
    path = folder / f"{number:06d}_{kind}.{rng.choice(EXTENSIONS)}"
    if place:
        PLACES[place](path, rng)
        if place == "oddly_named":
            prefix = os.fsencode(path.stem)
            names = [name for name in os.listdir(os.fsencode(folder)) if name.startswith(prefix)]
            return kind, os.path.join(folder, os.fsdecode(names[0]))
    else:
        path.write_bytes(bomb(rng) if kind == "bomb" else KINDS[kind](rng))
    return kind, str(path)


def check(path: str, scratch: str) -> str:
    """``valid``, or why the file is refused; whatever else is found is raised."""
    try:
        found = inspect_file(path)
    except BadClip as error:
        line = str(error)
        assert "\n" not in line and line.startswith(f"{printable(path)}: {error.reason}: "), line
        return f"refused: {without_details(error.reason)}"
    frames, rate, channels = found.frames, found.samplerate, found.channels
    clip = Clip(
        Path(path).stem, path, "label", "", "group", "train", frames / rate, rate, channels,
        found.sha256, frames, 0, found.decoder,
    )  # fmt: skip
    check_embedding(read_clip(clip), rate)
    refused = [effect.name for effect in ALONE if not check_effect(clip, effect, scratch)]
    form = "" if (rate, channels) == (44100, 2) else " (of another form than 44.1 kHz, stereo)"
    return "valid" + form + "".join(f", not for {effect}" for effect in refused)


def without_details(reason: str) -> str:
    """A reason by which files can be counted: without its numbers and libsndfile's own words."""
    reason = re.sub(r"(can be read) \(.*", r"\1", reason)
    return re.sub(r"(?<![-\w])[0-9][0-9.]*(e[+-]?[0-9]+)?", "N", reason)


def check_effect(clip: Clip, effect: Effect, scratch: str) -> bool:
    """Render the ends of the range of levels that are accepted for the clip; False: there are none.

    Under both protocols the result is finite and of the clip's shape, and so is what log-mel makes
    of it.
    """
    low, high = effect.range
    edge = clip.samplerate / 2 / 1.1001
    tops = {"lowpass": edge, "highpass": edge, "resampling": clip.samplerate - 1}
    if effect.name == "mp3":  # which MPEG-1 and MPEG-2 have
        low, high = 32, 160
    if effect.name == "time_shift":
        low, high = -0.02, 0.02
    top = clip.samplerate / 2 - 1 if effect.below_nyquist else tops.get(effect.name, high)
    digits = ".10g" if effect.decimals is None else f".{effect.decimals}f"
    levels = [format(level, digits) for level in (low, min(high, top))]
    why = [effect.find_fault(float(level), clip.samplerate, clip.channels) for level in levels]
    for protocol in (
        {"reverb_state": "carried", "audio": "pcm16"},
        {"reverb_state": "reset", "audio": "float32"},
    ):
        try:
            render_batch([clip], effect, levels, protocol, scratch)
        except InputError as error:
            if re.search(OF_THIS_CLIP, str(error)):
                continue
            reason = next(filter(None, why), None)
            assert reason and str(error) == f"effects.{effect.name}: {reason}", str(error)
            return False
        assert not any(why), why
        batch = AudioBatch(scratch)
        for level in range(len(levels)):
            audio = batch.clip(level, 0)
            frames = effect.n_frames(float(levels[level]), clip.frames)
            assert_finite(audio, (frames, clip.channels))
            check_embedding(audio, clip.samplerate)
    return True


def check_embedding(audio: np.ndarray, samplerate: int) -> None:
    model = LogMel()
    embedding = model.embed([model.prepare(audio, samplerate)])["embedding"]
    assert_finite(embedding, (1, 256))


def assert_finite(numbers: np.ndarray, shape: tuple[int, ...]) -> None:
    assert numbers.shape == shape, f"shape {numbers.shape}, expected {shape}"
    assert np.isfinite(numbers).all(), "not finite"


def index(folder: str, good: list[str]) -> str:
    """Index a folder of files of all kinds both ways; `good` are the clips that should be left.

    Names that can't be used stop a run in both ways; then they are taken out.
    """
    options = {
        "split": None, "labels": None, "samplerate": 44100, "channels": 2, "keep_unsplit": True,
    }  # fmt: skip
    for path in unusable_names(folder):
        try:
            find_audio(folder)
        except InputError as error:
            assert ": rename it" in str(error), str(error)
        else:
            raise AssertionError(f"{path!r} was not refused")
        os.unlink(path)
    paths = find_audio(folder)
    good = [path for path in good if os.path.exists(path)]
    try:
        index_clips(paths, **options)
    except InputError as error:
        line = str(error)
        assert "\n" not in line and re.search(r"\(\d+ more bad clips, all named in", line), line
    else:
        raise AssertionError("no bad clip was refused")
    found = index_clips(paths, **options, on_bad_clip="drop")
    assert sorted(clip.path for clip in found.clips) == sorted(good)
    assert {bad.path for bad in found.dropped} == set(paths) - set(good)
    assert found.clips == index_clips(good, **options).clips, "the split depends on bad clips"
    return f"{len(found.clips)} clips, {len(found.dropped)} dropped"


def unusable_names(folder: str) -> list[str]:
    """Paths of the files whose names the workflow does not take."""
    files = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return [path for path in files if find_path_fault(path)]


def serve() -> None:
    """Answer requests, each a line of JSON, with a line of JSON; memory is limited."""
    logging.disable()  # where nobody set it up, warnings go to stderr
    to_pcm16(np.zeros((1, 1), np.float32))  # compiles it, for which LLVM wants room
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    tasks = {"check": check, "index": index}
    for line in sys.stdin:
        try:
            task, *arguments = json.loads(line)
            answer = [True, tasks[task](*arguments)]
        except BaseException:  # a memory error too: it is what is looked for
            answer = [False, traceback.format_exc()]
        print(json.dumps(answer), flush=True)


class Server:
    """A process that runs `serve`, and another one after it died or hung."""

    def __init__(self, folder: Path) -> None:
        path = folder / f"stderr{id(self)}"
        self.printed, self.read = open(path, "wb"), open(path, "rb")  # noqa: SIM115 (see `stop`)
        self.process = None

    def ask(self, *request: str | list[str]) -> tuple[bool, str]:
        """Whether it went as it should, and the answer, or what went wrong."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.printed,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                text=True,
            )
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
            answer = self.process.stdout.readline() if ready else None
        except BrokenPipeError:
            answer = ""
        if answer:
            well, text = json.loads(answer)
            words = self.words()
            return (well, text) if not words else (False, f"{text}\nand on stderr: {words}")
        self.process.kill()
        status = self.process.wait()
        words = self.words()
        self.process = None
        if answer is None:
            return False, f"hung: no answer in {SECONDS} s"
        return False, f"crashed: exit status {status}: {words}"

    def words(self) -> str:
        """What was printed on stderr since the last time."""
        return self.read.read().decode(errors="replace")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        self.printed.close()
        self.read.close()


@dataclass(frozen=True)
class Result:
    """How one file went."""

    number: int
    kind: str
    path: str
    well: bool
    outcome: str


def run(seed: int, count: int, folder: Path, processes: int) -> list[Result]:
    """Make and check `count` files below `folder`, then index them all together."""
    own = local()
    servers = []

    def server() -> Server:
        if not hasattr(own, "server"):
            own.server = Server(folder)
            servers.append(own.server)
        return own.server

    def one(number: int) -> Result:
        kind, path = make(seed, number, folder / "clips" / f"label{number % 2}")
        if os.path.isdir(path):  # is looked into, never read
            return Result(number, kind, path, True, "a folder")
        scratch = folder / f"effected{number}.h5"
        well, outcome = server().ask("check", path, str(scratch))
        scratch.unlink(missing_ok=True)
        return Result(number, kind, path, well, outcome)

    try:
        for label in range(2):
            parent = folder / "clips" / f"label{label}"
            parent.mkdir(parents=True)
            for number in range(8):
                audio = signal(Random(f"{label} {number}"), 4000, 2)
                soundfile.write(parent / f"good{label}{number}.wav", audio, 44100)
        good = [str(path) for path in (folder / "clips").glob("*/good*.wav")]
        with ThreadPoolExecutor(processes) as pool:
            results = list(pool.map(one, range(count)))
        good += [result.path for result in results if result.outcome == "valid"]
        servers[0].ask("check", good[0], str(folder / "effected.h5"))
        well, outcome = servers[0].ask("index", str(folder / "clips"), good)
        results.append(Result(count, "all of them", str(folder / "clips"), well, outcome))
    finally:
        for each in servers:
            each.stop()
    return results


def report(results: list[Result]) -> int:
    """Print how many files went how; return how many of them, or of the folder, went wrong."""
    *files, together = results
    print(f"{len(files)} files of {len({result.kind for result in files})} kinds")
    outcomes = Counter(result.outcome for result in files if result.well)
    for outcome, number in sorted(outcomes.items(), key=lambda item: (-item[1], item[0])):
        print(f"{number:6}  {outcome}")
    wrong = [result for result in results if not result.well]
    print(f"{len(wrong):6}  anything else: a traceback, crash, hang, memory, words on stderr")
    if together.well:
        print(f"all in one folder, on_bad_clip: drop: {together.outcome}")
    for result in wrong:
        print(f"\nnumber {result.number}, {result.kind}, {result.path}:\n{result.outcome}")
    return len(wrong)


def main() -> int:
    count, seed = int(os.environ.get("COUNT", 1000)), int(os.environ.get("SEED", 5))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        wrong = report(run(seed, count, Path(folder), os.cpu_count() or 1))
    print(f"seed {seed}, {time.monotonic() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(main())
