"""Embed clips in batches, and describe what made the embeddings."""

import hashlib
import json
import logging
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import islice
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from embedding_sensitivity.clips.audio import AudioBatch, read_clip
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.embeddings import devices
from embedding_sensitivity.files import kernels
from embedding_sensitivity.files.declarations import load_module
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.progress import progress
from embedding_sensitivity.files.workers import run_in_order
from embedding_sensitivity.models import FILE, Choice, EmbeddingModel


def data_sha256(clips: Sequence[Clip]) -> str:
    """Return a hash of the clips' names and audio, in this order."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.clip} {clip.sha256}\n".encode())
    return digest.hexdigest()


def store_attributes(
    model: EmbeddingModel,
    choice: Choice,
    clips: Sequence[Clip],
    protocol: dict,
    effect: str = "",
    unit: str = "",
    audio_package_versions: dict | None = None,
) -> dict:
    """Return a store's attributes, except those that `store.write_store` adds.

    ``config_sha256`` covers the part of the configuration that embeddings depend on: model, options
    and protocol.
    """
    configured = {**choice.identity, "protocol": protocol}
    text = json.dumps(configured, sort_keys=True)
    return {
        **configured,
        "control": choice.control,
        "weights_sha256": model.weights_sha256,
        "package_versions": {package: metadata.version(package) for package in choice.packages},
        "audio_package_versions": audio_package_versions or {},
        "effect": effect,
        "unit": unit,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "data_sha256": data_sha256(clips),
    }


class Preparation:
    """Reads a clip and prepares it for a model's ``embed``; picklable if its parts are.

    `read` returns the audio, (frames, channels) float32, at `samplerate` in Hz. If `prepare` is
    from a user's `file`, a process that unpickles it imports that file first.
    """

    def __init__(
        self, read: Callable, prepare: Callable, samplerate: int, file: str | None = None
    ) -> None:
        self.read, self.prepare, self.samplerate = read, prepare, samplerate
        self.file = file

    def __reduce__(self) -> tuple:
        return _restore, (self.file, pickle.dumps((self.read, self.prepare, self.samplerate)))

    def __call__(self, *which: Any) -> np.ndarray:
        return self.prepare(self.read(*which), self.samplerate)


def _restore(file: str | None, pickled: bytes) -> Preparation:
    if file:
        load_module(file)
    return Preparation(*pickle.loads(pickled), file)


def embed_each(
    model: EmbeddingModel, prepared: Iterable[np.ndarray], batch_size: int
) -> dict[str, np.ndarray]:
    """Embed prepared clips in their order: (n, d) float32 of each view.

    At most `batch_size` clips are embedded at a time; no row depends on its batch. If a GPU's
    memory is too small for a batch, this and all later batches are halved.
    """
    clips, batch, rows = iter(prepared), [], []
    while True:
        batch += islice(clips, max(0, batch_size - len(batch)))
        if not batch:
            return {view: np.concatenate([part[view] for part in rows]) for view in rows[0]}
        try:
            rows.append(model.embed(batch[:batch_size]))
        except Exception as error:
            if not devices.is_out_of_memory(error):
                raise
            if batch_size == 1:
                raise InputError(
                    "the GPU's memory is too small for one clip at a time: end other programs on "
                    "the GPU, or set device: cpu"
                ) from None
        else:
            del batch[:batch_size]
            continue
        # Outside of `except`: there the error still refers to the failed batch.
        devices.free_memory()
        batch_size //= 2
        logging.warning("the GPU's memory is full: continuing with %d clips at a time", batch_size)


@dataclass(frozen=True)
class Embedder:
    """A loaded model and how it is run; embeddings depend only on the model and its view.

    batch_size : clips in a batch
    n_processes : processes that read and prepare clips while the model works; 0 for none
    view : the layer that is embedded
    file : the user's file that declares the model, if any
    """

    model: EmbeddingModel
    batch_size: int
    n_processes: int = 0
    view: str = "embedding"
    file: str | None = None

    def embed(self, read: Callable, items: Sequence[tuple], samplerate: int) -> np.ndarray:
        """Embed ``read(*item)`` for each item: (n, d) float32."""
        prepared = run_in_order(
            Preparation(read, self.model.prepare, samplerate, self.file),
            items,
            self.n_processes,
            # Prepare the next batch while one is embedded.
            n_ahead=self.batch_size + self.n_processes,
        )
        shown = progress(prepared, total=len(items), unit="clip")
        return embed_each(self.model, shown, self.batch_size)[self.view]

    def embed_original(self, clips: Sequence[Clip]) -> np.ndarray:
        """Embed clips as they are: (N, d) float32."""
        return self.embed(read_clip, [(clip,) for clip in clips], clips[0].samplerate)

    def embed_levels(self, audio: AudioBatch, clips: Sequence[Clip]) -> np.ndarray:
        """Embed all clips at all levels of a file of effected audio: (P, N, d) float32."""
        names = [clip.clip for clip in clips]
        if list(audio.clips) != names:
            raise InputError(
                f"{audio.path}: has {len(audio.clips)} clips, which are not the {len(names)} of "
                "the clip index: delete it and run again"
            )
        counts = len(audio.levels), len(names)
        rows = self.embed(audio.clip, list(np.ndindex(counts)), audio.samplerate)
        return rows.reshape(*counts, -1)


@contextmanager
def load_embedder(
    choice: Choice,
    protocol: Mapping,
    weights: Sequence[str],
    *,
    device: str,
    batch_size: int | str,
    threads: int,
    longest_s: float,
) -> Iterator[Embedder]:
    """Load a model on a device, which is held until the context ends.

    Parameters
    ----------
    protocol : with the switches that the model depends on
    weights : files, may be none
    device : ``auto``, ``cpu`` or ``cuda``
    batch_size : clips, or ``auto``
    threads : of the network on a CPU; processes that prepare clips for a GPU
    longest_s : seconds of the longest clip, for which ``auto`` sizes batches
    """
    with devices.choose_device(device, choice.backend.gpu) as place, threadpool_limits(threads):
        first, *more = weights or [None]
        model = choice.load(first, threads, place, protocol, more)
        kernels.log_kernels()
        size = devices.choose_batch_size(batch_size, model, place, longest_s)
        logging.info(
            "%s on %s, %d clips at a time", choice.name, devices.describe_device(place), size
        )
        n_processes = 0 if place == devices.CPU else threads
        yield Embedder(model, size, n_processes, choice.view, choice.given.get(FILE))


def check_audio(audio: AudioBatch, effect: str, levels: Sequence[str], protocol: dict) -> None:
    """Raise `InputError` if effected audio is not what is expected.

    `protocol` may have more switches than the audio: those of the model.
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
                f"{audio.path}: {what} is {found}, expected {wanted}: delete it and run again"
            )
