"""What the explorer plays: a few test clips at a few levels, as Opus in WebM, 64 kbit/s.

At 24 kbit/s one hears the codec, not a bit depth of 9. Gain isn't rendered: the page applies it.
WebM since `decodeAudioData` of Safari reads Opus in it since version 15, in MP4 only since 2026
(WebKit's pull request 58484).
"""

import base64
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from embedding_sensitivity.clips.clip import Clip, in_split
from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.measures.courses import choose_clips

KBIT_S = 64
OPTIONS = {"vbr": "constrained"}
# Without it, numbers of tracks are drawn at random: the same sound must be the same bytes.
CONTAINER = {"fflags": "+bitexact"}
SAMPLERATE = 48000  # Opus has no 44100 Hz
# Of an effected clip, at most its first seconds.
MAX_SECONDS = 3.0
# All sounds of a page together, at the nominal bit rate: base64 makes a third more of it.
MAX_BYTES = 12_000_000
# Levels of an effect that can be heard; a point between them plays the nearest.
MAX_LEVELS = 8


def count_clips(n_clips: int, n_labels: int, n_levels: Iterable[int]) -> int:
    """Return how many clips of a label there is room for, `n_clips` at most.

    `n_levels` are the numbers of levels heard, of each effect that is rendered.
    """
    a_clip = KBIT_S * 125 * MAX_SECONDS * (1 + sum(n_levels))
    room = int(MAX_BYTES / (a_clip * n_labels))
    return min(n_clips, max(1, room))


def choose_sounds(clips: Sequence[Clip], labels: Sequence[str], number: int) -> list[Clip]:
    """Choose each label's clips that can be heard: the first of those that have a course."""
    found = []
    for label in labels:
        own = sorted(
            (clip for clip in in_split(clips) if (clip.label, clip.split) == (label, "test")),
            key=lambda clip: clip.split_row,
        )
        names = choose_clips([clip.clip for clip in own], [clip.group for clip in own], number)
        by_name = {clip.clip: clip for clip in own}
        found += [by_name[name] for name in names]
    return found


def choose_levels(levels: Sequence[str], number: int = MAX_LEVELS) -> list[str]:
    """Choose levels that can be heard, both ends among them; all if there are no more."""
    if len(levels) <= number:
        return list(levels)
    last = len(levels) - 1
    return [levels[round(n * last / (number - 1))] for n in range(number)]


def render_snippets(
    clips: Sequence[Clip],
    chosen: Sequence[Clip],
    effect: Effect | None,
    levels: Sequence[str],
    audio: str,
) -> dict[str, dict[str, str]]:
    """Render the chosen clips at each level, by clip and level; base64.

    Parameters
    ----------
    clips : the whole index, which an effect that mixes in another clip draws from
    effect : None for the clips without effect, at the one level ``original``
    audio : the protocol's ``pcm16`` or ``float32``: the scale at which effects get samples

    A reverb starts from silence, whatever the protocol says of its state.
    """
    from embedding_sensitivity.clips.audio import FULL_SCALE, PEDALBOARD_FULL_SCALE, read_clip

    full_scale = PEDALBOARD_FULL_SCALE if audio == "pcm16" else FULL_SCALE
    found: dict[str, dict[str, str]] = {clip.clip: {} for clip in chosen}
    for level in levels:
        process = _build(effect, level, clips, full_scale)
        for clip in chosen:
            samples = process(clip, read_clip(clip, full_scale))
            content = encode_opus(samples[: round(MAX_SECONDS * clip.samplerate)], clip.samplerate)
            found[clip.clip][level] = base64.b64encode(content).decode()
    return found


def _build(effect: Effect | None, level: str, clips: Sequence[Clip], full_scale: int) -> Callable:
    """Return a function from a clip and its samples to the effected samples."""
    from embedding_sensitivity.clips.audio import read_clip
    from embedding_sensitivity.effects.rendering import choose_others, fit_shape, seed_of

    if effect is None:
        return lambda clip, audio: audio
    others = choose_others(in_split(clips), effect.other_seed) if effect.needs_other else {}
    value = float(level)

    def process(clip: Clip, audio):
        drawn: dict[str, Any] = {"seed": seed_of(clip)} if effect.needs_seed else {}
        if others:
            drawn["other"] = read_clip(others[clip.clip], full_scale)
        made = effect.build(value, clip.samplerate, **drawn)(audio)
        shape = effect.n_frames(value, clip.frames), clip.channels
        return fit_shape(effect, made, shape)

    return process


def encode_opus(audio, samplerate: int) -> bytes:
    """Encode samples (frames, channels) as Opus in WebM; more than two channels become their mean.

    Samples beyond full scale are clipped, as a loudspeaker's converter does.
    """
    import av
    import numpy as np
    import soxr

    if audio.shape[1] > 2:
        audio = audio.mean(axis=1, keepdims=True)
    audio = soxr.resample(np.asarray(audio, np.float32), samplerate, SAMPLERATE, quality="VHQ")
    audio = np.clip(audio, -1.0, 1.0).astype(np.float32)
    layout = "mono" if audio.shape[1] == 1 else "stereo"
    # Packed samples, the only float format that libopus takes.
    frame = av.AudioFrame.from_ndarray(audio.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts = SAMPLERATE, 0
    file = io.BytesIO()
    with av.open(file, "w", format="webm", options=CONTAINER) as opened:
        stream = opened.add_stream(
            "libopus", rate=SAMPLERATE, layout=layout, format="flt", options=OPTIONS
        )
        stream.bit_rate = KBIT_S * 1000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            opened.mux(packet)
    return file.getvalue()


def merge(paths: Iterable[str | Path], gains: Sequence[str]) -> dict[str, Any] | None:
    """Merge the files of `render_snippets`, of the originals and of each effect, for the page.

    Returns
    -------
    clips : labels and recordings by clip
    places : by effect, clip and level the position in `content`; the originals' effect is
        ``original``
    gains : effects that the page applies itself to the originals
    content : the sounds, base64
    """
    places: dict[str, dict[str, dict[str, int]]] = {}
    content: list[str] = []
    clips: dict[str, dict[str, str]] = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        clips |= found["clips"]
        of_effect = places.setdefault(found["effect"], {})
        for clip, levels in found["sounds"].items():
            of_clip = of_effect.setdefault(clip, {})
            for level, sound in levels.items():
                of_clip[level] = len(content)
                content.append(sound)
    if ORIGINAL not in places:
        return None
    return {"clips": clips, "places": places, "gains": list(gains), "content": content}
