"""Rendering: an effect at several levels, applied to every clip, into one file."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from embedding_sensitivity.clips.audio import (
    FULL_SCALE,
    PEDALBOARD_FULL_SCALE,
    read_clip,
    write_batch,
)
from embedding_sensitivity.clips.clip import Clip, in_split
from embedding_sensitivity.effects import Effect
from embedding_sensitivity.effects.chain import mix_seeds
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.progress import progress

# Clips are decoded this many samples at a time (8 MB of float32, 8 clips of IRMAS): what a task
# costs to schedule is then nothing beside its work, and memory stays bounded.
SAMPLES_PER_CHUNK = 2**21

# Distributions that render, whatever the effect.
RENDERED_WITH = ("numpy", "numba", "soundfile")


def render_batch(
    clips: Sequence[Clip],
    effect: Effect,
    levels: Sequence[str],
    protocol: dict,
    path: str | Path,
    threads: int = 1,
    samples_per_chunk: int = SAMPLES_PER_CHUNK,
) -> None:
    """Write the effected audio of the split's clips at `levels` to the batch file `path`.

    Parameters
    ----------
    clips : the whole index
    levels : level strings; the value applied is the string's
    protocol : `reverb_state` and `audio` as in the configuration
    threads : cores to use; the file's content does not depend on it

    With `reverb_state` ``carried``, an effect with a state is never reset and all clips of the
    index pass through it in the order of their paths (which is ``librosa.util.find_files``'s), as
    in the authors' code. With ``reset`` each clip starts from silence.

    With `audio` ``pcm16`` the effect gets what pedalboard reads from a 16-bit file (full scale is
    32767, not soundfile's 32768) and the result is quantised as pedalboard writes it: the authors'
    files, bit for bit.

    An effect that draws is built for each clip, with the clip's seed and, where it needs another
    clip, one of another recording: the same at all levels, whatever the order and the threads.

    Raises `InputError` for a level that is not accepted, or at which all clips come back as they
    were; for audio that isn't finite or of another shape; for a clip that is missing or has
    changed, and for a disk without room; then no file is left.
    """
    stored = in_split(clips)
    if not stored:
        raise InputError("the clip index has no clip in the train or test split: check `data`")
    samplerate, channels = stored[0].samplerate, stored[0].channels
    for level in levels:
        if reason := effect.find_fault(float(level), samplerate, channels):
            raise InputError(f"effects.{effect.name}: {reason}")
    carried = effect.stateful and protocol["reverb_state"] == "carried"
    played = sorted(clips, key=lambda clip: clip.path) if carried else stored
    rows = {clip.clip: row for row, clip in enumerate(stored)}
    full_scale = PEDALBOARD_FULL_SCALE if protocol["audio"] == "pcm16" else FULL_SCALE
    others = choose_others(stored, effect.other_seed) if effect.needs_other else {}

    def build(index: int, **drawn: Any) -> Callable:
        with _naming(effect, levels[index]):
            return effect.build(float(levels[index]), samplerate, **drawn)

    # Of an effect with a seed each clip has its own.
    shared = [None if effect.needs_seed else build(index) for index in range(len(levels))]
    changed = [float(level) == effect.neutral for level in levels]
    frames = np.array(
        [[effect.n_frames(float(level), clip.frames) for clip in stored] for level in levels]
    )

    def decode(chunk: list[Clip]) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        decoded = [(read_clip(clip, full_scale), decode_other(clip)) for clip in chunk]
        for samples, other in decoded:
            for array in (samples, *other.values()):
                array.setflags(write=False)  # all levels start from them
        return decoded

    def decode_other(clip: Clip) -> dict[str, np.ndarray]:
        return {"other": read_clip(others[clip.clip], full_scale)} if others else {}

    def apply(index: int, chunk: list[Clip], decoded: Future, before: Future | None) -> None:
        audio = decoded.result()
        process = shared[index]
        if carried and before:
            before.result()  # the state that this chunk starts from
        elif effect.stateful and not carried:
            # Its own, as other chunks of the level are being processed at the same time.
            process = build(index)
        for clip, (samples, other) in zip(chunk, audio, strict=True):
            if effect.stateful and not carried:
                process.reset()
            if effect.needs_seed:
                process = build(index, seed=seed_of(clip), **other)
            with _naming(effect, levels[index], clip):
                effected = process(samples)
                check_samples(effect, effected)
            if clip.split:
                changed[index] = changed[index] or not np.array_equal(effected, samples)
                row = rows[clip.clip]
                shape = int(frames[index, row]), channels
                writer.write(index, row, fit_shape(effect, effected, shape))

    with (
        write_batch(
            path,
            levels=levels,
            clips=stored,
            effect=effect.name,
            protocol=protocol,
            package_versions={
                package: metadata.version(package)
                for package in sorted({*RENDERED_WITH, *effect.packages})
            },
            frames=frames,
        ) as writer,
        ThreadPoolExecutor(threads) as pool,
        progress(
            total=len(played) * len(levels),
            desc=f"{effect.name} {levels[0]} to {levels[-1]}",
            unit="clip",
            mininterval=1,
        ) as shown,
    ):
        # Tasks start in the order they are submitted. What one waits for was submitted before it,
        # so it runs already: waiting inside the pool cannot lock it up, and at most a chunk for
        # each thread is in memory.
        tasks: list[tuple[int, Future]] = []
        last: list[Future | None] = [None] * len(levels)
        for chunk in _chunks(played, samples_per_chunk):
            decoded = pool.submit(decode, chunk)
            last = [
                pool.submit(apply, index, chunk, decoded, before)
                for index, before in enumerate(last)
            ]
            tasks += [(len(chunk), task) for task in last]
        del decoded
        try:
            for size, task in tasks:
                task.result()
                shown.update(size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        if False in changed:
            raise InputError(
                f"effects.{effect.name}: at level {levels[changed.index(False)]} every clip comes "
                "back as it was: leave the level out, or say that it is `neutral`"
            )


def seed_of(clip: Clip) -> int:
    """Return what an effect draws a clip's random numbers with: 32 bits of its id's hash."""
    return int(hashlib.sha256(clip.clip.encode()).hexdigest()[:8], 16)


def choose_others(clips: Sequence[Clip], number: int = 0) -> dict[str, Clip]:
    """Return for each clip, by its id, one of another recording that its seed picks.

    Another `number`, the config's, makes it another seed. Raises `InputError` where all clips are
    of one recording.
    """
    if len({clip.group for clip in clips}) < 2:
        raise InputError("all clips are of one recording, and each needs a clip of another one")
    found = {}
    for clip in clips:
        position = mix_seeds(seed_of(clip), number) % len(clips)
        while clips[position].group == clip.group:
            position = (position + 1) % len(clips)
        found[clip.clip] = clips[position]
    return found


@contextmanager
def _naming(effect: Effect, level: str, clip: Clip | None = None) -> Iterator[None]:
    """Say where an effect's `InputError` comes from."""
    try:
        yield
    except InputError as error:
        of_clip = f", clip {clip.clip}" if clip else ""
        raise InputError(f"effects.{effect.name}: at level {level}{of_clip}: {error}") from None


def check_samples(effect: Effect, effected: Any) -> None:
    """Raise `InputError` for what isn't an array of float32 or float64, or isn't finite in float32.

    Its shape is checked by `fit_shape`.
    """
    found = str(getattr(effected, "dtype", type(effected).__name__))
    if not isinstance(effected, np.ndarray) or found not in ("float32", "float64"):
        raise InputError(
            f"returns {found}, expected an array of float32 or float64: correct {effect.file}"
        )
    with np.errstate(over="ignore"):
        finite = np.isfinite(np.asarray(effected, np.float32)).all()
    if not finite:
        raise InputError(
            f"gives samples that are not finite: leave the level out, or correct {effect.file}"
        )


def fit_shape(effect: Effect, effected: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring what an effect made of a clip to the shape that it should have, where it may differ.

    Raises `InputError` for another shape of an effect that says that it keeps the length.
    """
    if effected.shape == shape:
        return effected
    n_frames, channels = shape
    if effect.keeps_length or effected.shape[1:] != (channels,):
        raise InputError(
            f"effects.{effect.name}: made {effected.shape}, expected {shape} (frames, channels): "
            f"correct {effect.file}, or declare keeps_length=False where frames differ"
        )
    return np.pad(effected[:n_frames], ((0, max(0, n_frames - len(effected))), (0, 0)))


def _chunks(clips: Sequence[Clip], samples: int) -> Iterator[list[Clip]]:
    """Consecutive clips, at least one at a time, at most `samples` samples in all."""
    chunk: list[Clip] = []
    size = 0
    for clip in clips:
        if chunk and size + clip.frames * clip.channels > samples:
            yield chunk
            chunk, size = [], 0
        chunk.append(clip)
        size += clip.frames * clip.channels
    if chunk:
        yield chunk
