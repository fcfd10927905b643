"""Audio files byte by byte: what they are, and whether all that they promise is there.

Decoders read what is left of a truncated file, and the first of two joined ones, without a word.
So the sizes that a container states are compared with what it holds. Nothing is decoded.
Standard library only: a plan looks at files too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Sizes from here on say that audio was written to a pipe, where its length isn't known: SoX writes
# 0x7FFFF000, arecord 0x80000000, FFmpeg 0xFFFFFFFF. No clip's file is as long.
MIN_UNKNOWN_SIZE = 0x7FFFF000
# Containers of chunks: where the first one starts; bytes of its name and size; byte order; what it
# is padded to; whether the size counts its own head.
CHUNKS = {
    b"RIFF": (12, 4, 4, "little", 2, False),
    b"RF64": (12, 4, 4, "little", 2, False),
    b"RIFX": (12, 4, 4, "big", 2, False),
    b"FORM": (12, 4, 4, "big", 2, False),
    b"riff": (40, 16, 8, "little", 8, True),
    b"caff": (8, 4, 8, "big", 1, False),
}
SOUND = (b"data", b"SSND")
MPEG_IN_RIFF = (0x50, 0x55)  # layers 1 and 2, and 3
FIRST_PAGE, LAST_PAGE = 2, 4  # of an Ogg stream, in its flags
OGG_AUDIO = {
    b"\x01vorbis": "Vorbis",
    b"OpusHead": "Opus",
    b"\x7fFLAC": "FLAC",
    b"Speex   ": "Speex",
}
# Starts of other files that libsndfile reads.
OTHER_STARTS = (b"NIST_1A", b"Creative Voice", b"Extended Instrument", b" paf", b"fap ", b"PVF1",
                b"2BIT", b"\x64\xa3\x01\x00", b"\x00\x01\xa3\x64", b"\xf0\x7e")  # fmt: skip

# ISO/IEC 11172-3 and 13818-3: kbit/s by the header's index, and frames of each layer.
_BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
# A first frame is looked for this far in, behind padding and odd tags.
MAX_LEAD = 2**16


@dataclass(frozen=True)
class MpegFrame:
    """The header of a frame of MPEG audio; `size` in bytes, 0 in free format."""

    version: int
    layer: int
    samplerate: int
    channels: int
    size: int
    tag_offset: int

    @property
    def form(self) -> tuple[int, int, int, int]:
        """What all frames of a file have in common."""
        return self.version, self.layer, self.samplerate, self.channels


@dataclass(frozen=True)
class Container:
    """What a file is.

    Attributes
    ----------
    kind : ``mpeg``, ``mp4``, ``adts``, ``ogg flac`` or ``flac`` (of unknown length), which PyAV
        decodes; empty for all that libsndfile does; None where nothing is recognised
    samplerate, channels : as the header says; None where only decoding tells
    fault : why it can't be read whole; empty if it may be
    payload : where the part that is decoded starts and ends
    frames : MPEG frames of audio
    timescale : units a second in which an MP4 states its length
    """

    kind: str | None
    samplerate: int | None = None
    channels: int | None = None
    fault: str = ""
    payload: tuple[int, int | None] = (0, None)
    frames: int = 0
    timescale: int = 1


def recognise(content: bytes) -> Container:
    """Say what an audio file's bytes are, and what is missing or too much of them.

    `content` may be a file mapped into memory: little of it is read then.
    """
    start = _behind_id3(content)
    head = content[start : start + 16]
    if head[:4] in CHUNKS:
        return _read_chunked(content, start)
    if head[:4] == b"fLaC":
        return _flac(content, start)
    if head[:4] == b"OggS":
        return _ogg(content)
    if head[:4] in (b".snd", b"dns."):
        return _au(content, start)
    if head[4:8] == b"ftyp":
        return _mp4(content)
    if head.startswith(OTHER_STARTS):
        return Container("")
    if len(head) > 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        following = start + ((head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5)
        if following == len(content) or content[following : following + 2] == head[:2]:
            return Container("adts")
    return _mpeg(content, start) or Container(None)


def _behind_id3(content: bytes) -> int:
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if content[at + 5] & 0x10 else 0)
    return at


def _chunks(content: bytes, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and stated size of each chunk."""
    at, n_name, n_size, order, padding, whole = CHUNKS[content[start : start + 4]]
    at += start
    while at + n_name + n_size <= len(content):
        name = content[at : at + 4]
        size = int.from_bytes(content[at + n_name : at + n_name + n_size], order)
        at += n_name + n_size
        size -= n_name + n_size if whole else 0
        yield name, at, size
        at += max(0, size) + -size % padding


def _read_chunked(content: bytes, start: int) -> Container:
    magic, order = content[start : start + 4], CHUNKS[content[start : start + 4]][3]
    form, sounds, size_64, fault, payload = (None, None, 0), 0, None, "", (0, None)
    for name, at, size in _chunks(content, start):
        if name in SOUND:
            sounds += 1
            # What RF64 has no room for stands in a chunk before.
            size = size_64 if size == 0xFFFFFFFF and size_64 is not None else size
            held = len(content) - at
            if sounds > 1:
                fault = fault or "has two chunks of audio, expected one"
            else:
                fault = _size_fault(size, held)
                if size == 0 < held and magic in (b"RIFF", b"RIFX", b"RF64"):
                    fault = f"its header tells of no audio, but {held} bytes follow (unfinished)"
            payload = (at, min(at + size, len(content)))
        elif name in CHUNKS and sounds:
            fault = fault or "another audio file is joined to its end"
        elif name == b"ds64":
            size_64 = int.from_bytes(content[at + 8 : at + 16], "little")
        else:
            form = _read_form(name, content[at : at + min(max(size, 0), 40)], order) or form
    samplerate, channels, tag = form
    if tag not in MPEG_IN_RIFF:
        return Container("", samplerate, channels, fault)
    found = _mpeg(content[slice(*payload)], 0) or Container(None, fault="no MPEG audio is in it")
    frames = found.frames
    return Container("mpeg", samplerate, channels, fault or found.fault, payload, frames)


def _read_form(name: bytes, body: bytes, order: str) -> tuple[int | None, int, int] | None:
    """Return sample rate, channels and RIFF's number of the codec from the chunk that has them."""
    if name == b"fmt " and len(body) >= 16:
        fields = body[4:8], body[2:4], body[:2]
        return tuple(int.from_bytes(field, order) for field in fields)
    if name == b"COMM" and len(body) >= 18:
        # An 80-bit float.
        shift = 63 - (int.from_bytes(body[8:10], "big") - 16383)
        rate = int.from_bytes(body[10:18], "big") >> shift if 32 <= shift <= 63 else None
        return rate, int.from_bytes(body[:2], "big"), 0
    if name == b"desc" and len(body) >= 32:
        rate = struct.unpack(">d", body[:8])[0]
        return int(rate) if 0 < rate < 2**32 else None, int.from_bytes(body[24:28], "big"), 0
    return None


def _size_fault(size: int, held: int) -> str:
    held = max(0, held)
    if held < size < MIN_UNKNOWN_SIZE:
        return f"is cut short: its header tells of {size} bytes of audio, {held} are there"
    return ""


def _au(content: bytes, start: int) -> Container:
    order = "big" if content[start : start + 4] == b".snd" else "little"
    fields = [int.from_bytes(content[at : at + 4], order) for at in range(start + 4, start + 24, 4)]
    offset, size, _, samplerate, channels = fields
    held = len(content) - start - offset
    fault = _size_fault(size, held)
    if content[start + offset + size :][:4] == content[start : start + 4]:
        fault = "another audio file is joined to its end"
    return Container("", samplerate, channels, fault)


def _flac(content: bytes, start: int) -> Container:
    info = int.from_bytes(content[start + 18 : start + 26], "big")
    samplerate, channels = info >> 44, (info >> 41 & 7) + 1
    joined = content.find(b"fLaC\0\0\0\x22", start + 4) >= 0
    fault = "another FLAC file is joined to its end" if joined else ""
    unknown = info & (2**36 - 1) == 0
    return Container("flac" if unknown else "", samplerate, channels, fault, (start, None))


def _ogg(content: bytes) -> Container:
    codecs: dict[bytes, str] = {}
    samplerate = channels = None
    beginning, ended, at = True, True, content.find(b"OggS")
    fault = ""
    while at >= 0 and not fault:
        table = at + 27  # of the sizes of the segments
        body = table + content[at + 26] if table <= len(content) else table
        end = body + sum(content[table:body])
        if max(body, end) > len(content):
            fault = "is cut short: its last page isn't whole"
            break
        flags, serial = content[at + 5], content[at + 14 : at + 18]
        if flags & FIRST_PAGE:
            start = content[body : body + 8]
            codec = next((OGG_AUDIO[magic] for magic in OGG_AUDIO if start.startswith(magic)), "")
            if not beginning:
                fault = (
                    "another stream is joined to its end (chained Ogg): decoders read one or both"
                )
            elif codec and codecs:
                both = " and ".join([*codecs.values(), codec])
                fault = f"has two streams of audio ({both}), expected one"
            elif codec:
                codecs[serial] = codec
            if codec == "Vorbis" and end - body >= 16:
                channels, samplerate = struct.unpack_from("<BI", content, body + 11)
        else:
            beginning = False
        if serial in codecs:
            ended = bool(flags & LAST_PAGE)
        at = content.find(b"OggS", end)
    if not fault and not ended:
        fault = "is cut short: the last page of its stream is missing"
    kind = "ogg flac" if "FLAC" in codecs.values() else ""
    return Container(kind, samplerate, channels, fault)


def _mp4(content: bytes) -> Container:
    at, seen = 0, set()
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        if size == 1 and at + 16 <= len(content):
            size = struct.unpack_from(">Q", content, at + 8)[0]
        size = size or len(content) - at  # 0: to the end
        if size < 8 or at + size > len(content):
            part = name.decode("latin-1")
            return Container("mp4", fault=f"is cut short or damaged: its part {part!r} isn't whole")
        if name in (b"ftyp", b"moov") and name in seen:
            return Container("mp4", fault="another MP4 file is joined to its end")
        seen.add(name)
        at += size
    if b"moov" not in seen:
        return Container("mp4", fault="is cut short: its index (moov) is missing")
    header = content.find(b"mvhd")
    place = header + (24 if content[header + 4 : header + 5] == b"\1" else 16)
    return Container("mp4", timescale=int.from_bytes(content[place : place + 4], "big") or 1)


def read_mpeg_header(content: bytes, at: int) -> MpegFrame | None:
    """Return the MPEG frame whose header is at a place; None where there is none."""
    if at + 4 > len(content) or content[at] != 0xFF or content[at + 1] & 0xE0 != 0xE0:
        return None
    word = int.from_bytes(content[at : at + 4], "big")
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    bitrate, rate, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    if version == 1 or layer == 4 or bitrate == 15 or rate == 3:
        return None
    mpeg_1 = version == 3
    samplerate = _RATES[rate] >> (0 if mpeg_1 else 1 if version == 2 else 2)
    channels = 1 if word >> 6 & 3 == 3 else 2
    size = 0
    if bitrate:
        bits = _BITRATES[1 if mpeg_1 else 2, layer][bitrate - 1] * 1000
        slots = (
            (12 if layer == 1 else 72 if layer == 3 and not mpeg_1 else 144) * bits // samplerate
        )
        size = (slots + padding) * (4 if layer == 1 else 1)
    side = (17 if channels == 1 else 32) if mpeg_1 else (9 if channels == 1 else 17)
    return MpegFrame(version, layer, samplerate, channels, size, 4 + side)


def _find_mpeg(content: bytes, start: int, end: int, n_following: int = 1) -> int | None:
    """Return where the first frame is that others follow up to their number, or the file's end."""
    at = content.find(b"\xff", start, end)
    while at >= 0:
        first = frame = read_mpeg_header(content, at)
        following = at
        for left in reversed(range(n_following + 1)):
            if not (frame and frame.size and frame.form == first.form):
                break
            following += frame.size
            if not left or following == len(content):
                return at
            frame = read_mpeg_header(content, following)
        at = content.find(b"\xff", at + 1, end)
    return None


def _read_tag(content: bytes, at: int, frame: MpegFrame) -> tuple[bool, int | None]:
    """Return whether a frame holds a Xing or VBRI header, and how many frames it tells of."""
    place = at + frame.tag_offset
    if frame.layer == 3 and content[place : place + 4] in (b"Xing", b"Info"):
        flags, count = struct.unpack_from(">II", content[place + 4 : place + 12].ljust(8, b"\0"))
        return True, count if flags & 1 else None
    return frame.layer == 3 and content[at + 36 : at + 40] == b"VBRI", None


def _mpeg(content: bytes, start: int) -> Container | None:
    """Walk through all frames; None where there is none."""
    if free := _free_format(content, start):
        return free
    begin = at = _find_mpeg(content, start, start + MAX_LEAD)
    if at is None:
        return None
    first, stated, n_frames, fault = read_mpeg_header(content, at), None, 0, ""
    while at < len(content) and not fault:
        frame = read_mpeg_header(content, at)
        if not (frame and frame.size and frame.form == first.form):
            again = _find_mpeg(content, at, len(content), n_following=3)
            if again == at:
                fault = "its frames change their rate or channels: two files are joined"
            elif again is not None:
                fault = (
                    f"{again - at} bytes inside it are no frames of MPEG audio: two files are "
                    "joined, or it is damaged"
                )
            break  # else what follows is a tag
        is_tag, count = _read_tag(content, at, frame)
        if at + frame.size > len(content):
            fault = "is cut short: its last frame isn't whole"
        elif is_tag and at > begin:
            fault = "a second header is inside it: two files are joined"
        elif is_tag:
            stated = count
        else:
            n_frames += 1
        at += frame.size
    if not fault and stated is not None and stated != n_frames:
        fault = f"its header tells of {stated} frames of MPEG audio, {n_frames} are there"
    return Container("mpeg", first.samplerate, first.channels, fault, (begin, None), n_frames)


def _free_format(content: bytes, start: int) -> Container | None:
    """MP3 whose frames don't tell their size; None if it isn't."""
    first = read_mpeg_header(content, start)
    if not first or first.size or first.layer != 3:
        return None
    following = read_mpeg_header(content, content.find(content[start : start + 3], start + 24))
    if not following or following.form != first.form:
        return None
    # libsndfile reads as many frames as such a header tells of, without one what it estimates.
    fault = "" if _read_tag(content, start, first)[1] else "is MP3 in free format without a header"
    return Container("", first.samplerate, first.channels, fault)
