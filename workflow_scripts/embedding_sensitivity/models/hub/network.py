"""Compute embeddings with the encoders of the package transformers.

The classes of network and front end are upstream's own; code on a hub is never run.

A clip is mixed to one channel and resampled to the rate that the network was trained at. One longer
than the window is cut into windows side by side, the last of which ends with the clip and so
overlaps the one before; a clip's embedding is the mean of its windows'. Nothing is cut at random.
Frames are pooled within a window, over those that begin within the clip: where upstream fills its
input up (Whisper to 30 s, AST to 1024 frames), what it fills up with is left out.
"""

import inspect
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedding_sensitivity.files.atomic import replacing, sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import TORCH_STARTS, Setup
from embedding_sensitivity.models.hub.families import CONFIG, FAMILIES, FRONT_END, Family
from embedding_sensitivity.models.shared.frontend import mono_at
from embedding_sensitivity.models.shared.torch_model import (
    TorchModel,
    initial_network,
    read_checkpoint,
    weights_of,
)

if TYPE_CHECKING:
    import torch

# Samples of a frame that leaves Whisper's encoder: two of its spectrogram's.
WHISPER_HOP = 320
# Of an AST's spectrogram, in samples; and of its patches, in frames.
AST_FRAME, AST_HOP, AST_STRIDE = 400, 160, 10
# The tokens before an AST's patches: for the class and for distillation.
AST_TOKENS = 2


def prepare(
    audio: np.ndarray, samplerate: int, target: int, window: int, shortest: int
) -> np.ndarray:
    """Convert (frames, channels) float32 to windows of one channel, (n, samples) float32.

    Parameters
    ----------
    target : the network's sample rate
    window, shortest : samples, at that rate, of the longest and shortest input
    """
    signal = mono_at(audio, samplerate, target)
    if len(signal) <= window:
        return np.pad(signal, (0, max(0, shortest - len(signal))))[None]
    starts = [*range(0, len(signal) - window, window), len(signal) - window]
    return np.stack([signal[start : start + window] for start in starts])


@contextmanager
def _quiet() -> Iterator[Any]:
    """Import transformers without progress bars, advice and any use of the network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield transformers
    finally:
        transformers.logging.set_verbosity(before)


def _class_of(transformers: Any, name: str) -> type:
    if name == "WhisperEncoder":
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        return WhisperEncoder
    return getattr(transformers, name)


def _configure(transformers: Any, family: Family, config: Mapping[str, Any]) -> Any:
    """Make upstream's configuration; an encoder of a whole model has a part of it."""
    found = getattr(transformers, family.config).from_dict(dict(config))
    return found.audio_config if family.config == "ClapConfig" else found


def _extract_by(transformers: Any, family: Family, front_end: Mapping[str, Any]) -> Any:
    """Make upstream's front end with a checkpoint's parameters."""
    made = getattr(transformers, family.extractor)
    known = set(inspect.signature(made.__init__).parameters)
    return made(**{key: value for key, value in front_end.items() if key in known})


class Encoder(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    # Of the largest, wav2vec2 with 24 blocks, as for a window of 30 s.
    clip_bytes = 400_000_000

    def __init__(
        self,
        network: "torch.nn.Module",
        extractor: Any,
        weights_sha256: str,
        setup: Setup,
    ) -> None:
        super().__init__(network, weights_sha256, setup)
        options = setup.options
        self.family = FAMILIES[options["like"]]
        self.batch_size = self.family.batch_size
        self.extractor, self.layers = extractor, options["layers"]
        self.pooling = options.get("pooling")
        self.rate = extractor.sampling_rate
        if self.family.normalises:
            extractor.do_normalize = options["normalise"]
        self.run = getattr(self, f"_run_{_KIND.get(options['like'], 'speech')}")
        self.prepare = partial(
            prepare,
            target=self.rate,
            window=int(options["window_s"] * self.rate),
            shortest=self.family.samples,
        )

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, windows, samples) float32: (n, d), one layer after another."""
        return sum(self.run(window) for window in batch.unbind(1)) / batch.shape[1]

    def _features(self, samples: "torch.Tensor", key: str, **options: Any) -> "torch.Tensor":
        """Run upstream's front end on windows of the same length."""
        found = self.extractor(
            list(samples.cpu().numpy()),
            sampling_rate=self.rate,
            return_tensors="pt",
            **options,
        )
        return found[key].to(self.device)

    def _pool(self, frames: "torch.Tensor") -> "torch.Tensor":
        """Join frames, (n, frames, d): (n, d)."""
        return frames.amax(1) if self.pooling == "max" else frames.mean(1)

    def _stack(self, output: Any, pool: Any) -> "torch.Tensor":
        """Pool the chosen layers of an output of upstream's, end to end."""
        import torch

        if self.layers == "last":
            return pool(output.last_hidden_state)
        states = output.hidden_states
        chosen = states if self.layers == "all" else [states[layer] for layer in self.layers]
        return torch.cat([pool(state) for state in chosen], 1)

    def _run_speech(self, samples: "torch.Tensor") -> "torch.Tensor":
        values = self._features(samples, "input_values")
        output = self.network(values, output_hidden_states=self.layers != "last")
        return self._stack(output, self._pool)

    def _run_whisper(self, samples: "torch.Tensor") -> "torch.Tensor":
        features = self._features(samples, "input_features")
        own = -(-samples.shape[1] // WHISPER_HOP)
        output = self.network(features, output_hidden_states=self.layers != "last")
        return self._stack(output, lambda frames: self._pool(frames[:, :own]))

    def _run_ast(self, samples: "torch.Tensor") -> "torch.Tensor":
        config = self.network.config
        n_frames = 1 + (samples.shape[1] - AST_FRAME) // AST_HOP
        times = 1 + (config.max_length - config.patch_size) // config.time_stride
        own = min(times, -(-n_frames // config.time_stride))

        def pool(tokens: "torch.Tensor") -> "torch.Tensor":
            if self.pooling == "cls":
                return tokens[:, 0]
            patches = tokens[:, AST_TOKENS:].unflatten(1, (-1, times))
            return self._pool(patches[:, :, :own].flatten(1, 2))

        values = self._features(samples, "input_values")
        output = self.network(values, output_hidden_states=self.layers != "last")
        return self._stack(output, pool)

    def _run_clap(self, samples: "torch.Tensor") -> "torch.Tensor":
        features = self._features(samples, "input_features")
        return self.network(features).audio_embeds

    def _run_codec(self, samples: "torch.Tensor") -> "torch.Tensor":
        values = self._features(samples, "input_values")
        return self._pool(self.network.encoder(values).transpose(1, 2))


_KIND = {
    "whisper": "whisper",
    "ast": "ast",
    "clap": "clap",
    "encodec": "codec",
    "dac": "codec",
}


def read_weights(path: str | os.PathLike) -> dict[str, "torch.Tensor"]:
    """Read a checkpoint's tensors by name: safetensors, or PyTorch's format without its code."""
    if _starts(path).startswith(TORCH_STARTS):
        found = read_checkpoint(path)
        found = found.get("state_dict", found) if isinstance(found, dict) else found
        import torch

        if not isinstance(found, dict) or not all(map(torch.is_tensor, found.values())):
            raise InputError(f"{path}: has more than tensors by name: put the published file there")
        return found
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: put the published weights there") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: is truncated or corrupt, or not safetensors ({error}): delete it and run "
            "again, or put the published weights there"
        ) from None


def _starts(path: str | os.PathLike) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(8)
    except OSError:
        return b""  # reading it says why


def convert(path: str | os.PathLike, target: str | os.PathLike) -> None:
    """Write PyTorch's file of weights as safetensors; the same file gives the same bytes.

    Names stay as they are; tensors that share memory are written once each.
    """
    from safetensors.torch import save_file

    tensors = {name: value.clone().contiguous() for name, value in read_weights(path).items()}
    with replacing(target) as part:
        save_file(tensors, part, metadata={"format": "pt"})


def fill(
    made: type, config: Any, weights: Mapping[str, "torch.Tensor"], family: Family, path: Any
) -> "torch.nn.Module":
    """Make upstream's class with a checkpoint's tensors, in float32.

    Raises `InputError` where a tensor of the encoder is missing, has another shape, or one is left
    over that `Family.unused` doesn't name. Upstream itself would warn, and go on with random ones.
    """
    if any(name.startswith(family.prefix) for name in weights) and family.prefix:
        inside = {n for n in weights if n.startswith(family.prefix)}
        left = [name for name in weights if name not in inside]
        used = {name.removeprefix(family.prefix): weights[name] for name in inside}
    else:
        left, used = [], dict(weights)
    try:
        network, said = made.from_pretrained(
            None, config=config, state_dict=used, output_loading_info=True, dtype="float32"
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: not the weights of a {made.__name__} with this {CONFIG} "
            f"({' '.join(str(error).split())[:300]}): put the published ones there"
        ) from None
    left += said["unexpected_keys"]
    extra = sorted(name for name in left if not name.startswith(family.unused or ("\0",)))
    missing = sorted(set(said["missing_keys"]) - set(family.not_needed))
    wrong = sorted(map(str, said["mismatched_keys"]))
    n_used, n_wanted = len(used) - len(said["unexpected_keys"]), len(network.state_dict())
    n_absent = n_wanted - len(set(said["missing_keys"])) - n_used
    for what, names in (("lacks", missing), ("has another shape of", wrong), ("has", extra)):
        if names:
            also = ", which no part of the model is known to need" if what == "has" else ""
            raise InputError(
                f"{path}: {what} {', '.join(names[:3])} ({len(names)} tensors){also}: not the "
                f"weights of a {made.__name__} with this {CONFIG}: put the published ones there"
            )
    if n_absent > 0:
        raise InputError(
            f"{path}: lacks {n_absent} of {n_wanted} tensors of a {made.__name__}: put the "
            "published weights there"
        )
    return network


def _read_texts(setup: Setup) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Read a checkpoint's config.json and preprocessor_config.json, of those there are."""
    found: dict[str, dict[str, Any]] = {}
    for path in setup.more:
        name = next((name for name in (FRONT_END, CONFIG) if str(path).endswith(name)), None)
        if name:
            try:
                found[name] = json.loads(Path(path).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise InputError(f"{path}: is not JSON ({error}): fetch it again") from None
    return found.get(CONFIG), found.get(FRONT_END, {})


def load(setup: Setup) -> Encoder:
    """Load a checkpoint with the front end that its preprocessor_config.json describes."""
    family = FAMILIES[setup.options["like"]]
    with (
        weights_of(setup, partial(write_initial, more=setup.more)) as path,
        _quiet() as transformers,
    ):
        config, front_end = _read_texts(setup)
        # Of a control without them, upstream's defaults.
        if "seed" not in setup.options and (config is None or not front_end):
            raise InputError(
                f"{path}: {CONFIG} or {FRONT_END} is missing: give a folder that has all three"
            )
        if refused := family.find_refused(config or {}):
            raise InputError(f"{path}: its {CONFIG} has {refused}: use another checkpoint")
        extractor = _extract_by(transformers, family, front_end)
        if family.extractor == "ClapFeatureExtractor":
            # Of clips of up to the window alone, so that neither crops; not the fused network's.
            extractor.truncation = "rand_trunc"
        made = _class_of(transformers, family.model)
        settings = _configure(transformers, family, config or {})
        network = fill(made, settings, read_weights(path), family, path)
        digest = sha256_of(path)
    layers = setup.options["layers"]
    depth = family.shape_of(config or {})[0]
    if isinstance(layers, list) and depth is not None and layers[-1] > depth:
        raise InputError(f"{path}: has {depth} blocks: layer {layers[-1]} is not among them")
    return Encoder(network, extractor, digest, setup)


def write_initial(
    path: str | os.PathLike, seed: int, options: Mapping[str, Any], more: Any = ()
) -> None:
    """Write an untrained encoder with upstream's initialisation; the file says that it is one."""
    from safetensors.torch import save_file

    family = FAMILIES[options["like"]]
    config, _ = _read_texts(Setup(more=more))
    with _quiet() as transformers:
        settings = _configure(transformers, family, config or {})
        made = _class_of(transformers, family.model)
        network = initial_network(lambda: made(settings), seed).float()
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    # One entry, since safetensors writes several in any order.
    with replacing(path) as part:
        save_file(tensors, part, metadata={"untrained": f"seed {seed}"})
