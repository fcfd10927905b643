"""From audio to embeddings, in batches, and to the attributes that say what made them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from itertools import islice

import numpy as np
from tqdm import tqdm

from sensitivity.audio import AudioBatch, read_clip
from sensitivity.clips import Clip
from sensitivity.errors import InputError
from sensitivity.models import EmbeddingModel, identity, resolve


def data_sha256(clips: Sequence[Clip]) -> str:
    """Hash of the clips' names and audio, in the order given."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.clip} {clip.sha256}\n".encode())
    return digest.hexdigest()


def store_attributes(
    model: EmbeddingModel,
    name: str,
    options: dict,
    clips: Sequence[Clip],
    protocol: dict,
    effect: str = "",
    unit: str = "",
    audio_package_versions: dict | None = None,
) -> dict:
    """All attributes of a store but those `sensitivity.store` adds; see spec section 8.

    ``config_sha256`` covers what of the configuration the embeddings depend on, and no more:
    model, options and protocol.
    """
    configured = {**identity(name, options), "protocol": protocol}
    text = json.dumps(configured, sort_keys=True)
    return {
        **configured,
        "weights_sha256": model.weights_sha256,
        "package_versions": {package: metadata.version(package) for package in model.packages},
        "audio_package_versions": audio_package_versions or {},
        "effect": effect,
        "unit": unit,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "data_sha256": data_sha256(clips),
    }


def batched(items: Iterable, size: int) -> Iterator[list]:
    """Successive lists of up to `size` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def embed_each(
    model: EmbeddingModel, audio: Iterable[np.ndarray], samplerate: int, batch_size: int
) -> np.ndarray:
    """Embed clips, (frames, channels) float32 each, in their order: (n, d) float32.

    At most `batch_size` clips are in memory. No row depends on the batch it was in.
    """
    prepared = (model.prepare(clip, samplerate) for clip in audio)
    return np.concatenate([model.embed(batch) for batch in batched(prepared, batch_size)])


def embed_original(model: EmbeddingModel, clips: Sequence[Clip], batch_size: int) -> np.ndarray:
    """Embed clips as they are: (N, d) float32."""
    audio = (read_clip(clip) for clip in _progress(clips, "original"))
    return embed_each(model, audio, clips[0].samplerate, batch_size)


def embed_levels(
    model: EmbeddingModel, audio: AudioBatch, clips: Sequence[Clip], batch_size: int
) -> np.ndarray:
    """Embed all clips at all levels of a file of effected audio: (P, N, d) float32."""
    names = [clip.clip for clip in clips]
    if list(audio.clips) != names:
        raise InputError(
            f"{audio.path}: holds {len(audio.clips)} clips that are not the {len(names)} of the "
            "clip index: delete it and run again"
        )
    levels = []
    for index, level in enumerate(audio.levels):
        order = _progress(range(len(names)), f"{audio.effect} {level}")
        clips_at_level = (audio.clip(index, clip) for clip in order)
        levels.append(embed_each(model, clips_at_level, audio.samplerate, batch_size))
    return np.stack(levels)


def check_audio(audio: AudioBatch, effect: str, levels: Sequence[str], protocol: dict) -> None:
    """Refuse effected audio that isn't what was asked for.

    `protocol` may say more than the audio does: a switch of the model's own.
    """
    pairs = [
        ("effect", audio.effect, effect),
        ("levels", list(audio.levels), list(levels)),
        *(
            (f"protocol {key}", value, protocol.get(key))
            for key, value in sorted(audio.protocol.items())
        ),
    ]
    for what, found, wanted in pairs:
        if found != wanted:
            raise InputError(
                f"{audio.path}: {what} is {found}, wanted {wanted}: delete it and run again"
            )


def batch_size_of(name: str, options: dict) -> int:
    """Clips in a batch."""
    return resolve(name, options)["batch_size"]


def _progress(items: Iterable, what: str) -> Iterable:
    return tqdm(items, desc=what, unit="clip", disable=None)  # None: on a terminal alone
