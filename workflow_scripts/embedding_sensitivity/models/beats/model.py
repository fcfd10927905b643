"""Compute BEATs' embeddings."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Setup
from embedding_sensitivity.models.beats import BLOCKS, DIMENSION
from embedding_sensitivity.models.hub.network import prepare
from embedding_sensitivity.models.shared.kaldi import import_with_kaldi
from embedding_sensitivity.models.shared.torch_model import (
    TorchModel,
    initial_network,
    load_weights,
    read_checkpoint,
    weights_of,
    write_checkpoint,
)

if TYPE_CHECKING:
    import torch

SAMPLERATE = 16000
WINDOW = 10 * SAMPLERATE
# The package repeats a shorter clip.
SHORTEST = 3200
# `cfg` in BEATs_iter3_plus_AS2M.pt, as far as the network follows from it.
CONFIG = {
    "encoder_layers": BLOCKS,
    "encoder_embed_dim": DIMENSION,
    "encoder_ffn_embed_dim": 3072,
    "encoder_attention_heads": 12,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "input_patch_size": 16,
    "embed_dim": 512,
    "conv_bias": False,
    "conv_pos": 128,
    "conv_pos_groups": 16,
    "relative_position_embedding": True,
    "num_buckets": 320,
    "max_distance": 800,
    "gru_rel_pos": True,
}
# What a checkpoint has to say, if it says anything, for an embedding to be as declared.
DECLARED = ("encoder_layers", "encoder_embed_dim", "input_patch_size")
# Of the front end, and the package's values where a checkpoint has none.
FRONT_END = {"fbank_mean": 15.41663, "fbank_std": 6.55582}
# In a checkpoint of ESPnet's, which has the encoder below `encoder.`.
NESTED = "encoder.patch_embedding.weight"
# Parts that only training needs.
UNUSED = ("predictor.", "decoder.", "classifier.")
# Of ones, which mark samples that fill a batch up; Microsoft's checkpoints don't have them.
MARKING = ("patch_embedding_pad.weight", "raw2fbank_pad.weight")


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out PyTorch's advice to the authors of the package."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        yield


def network(config: Mapping[str, Any]) -> "torch.nn.Module":
    """Build the package's encoder as its `OpenBeats.from_pretrained` does."""
    with _quiet():
        package = import_with_kaldi("openbeats.beats_encoder")
        # Its other attention drops values at random outside of training too.
        built = {**config, "use_flash_attn": False}
        scaling = {key: config.get(key, value) for key, value in FRONT_END.items()}
        return package.BeatsEncoder(input_size=0, beats_config=built, **scaling)


class BEATs(TorchModel):
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    prepare = staticmethod(partial(prepare, target=SAMPLERATE, window=WINDOW, shortest=SHORTEST))
    batch_size = 4
    clip_bytes = 60_000_000

    def __init__(self, encoder: "torch.nn.Module", weights_sha256: str, setup: Setup) -> None:
        super().__init__(encoder, weights_sha256, setup)
        self.states = None
        if setup.options["layers"] == "all":
            blocks = encoder.encoder.layers
            blocks[0].register_forward_pre_hook(lambda block, given: self._keep(given[0]))
            for block in blocks:
                block.register_forward_hook(lambda block, given, left: self._keep(left[0]))
            self.states = []

    def _keep(self, state: "torch.Tensor") -> None:
        """Keep the mean over patches of a layer, (patches, n, 768)."""
        self.states.append(state.mean(0))

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embed (n, windows, samples) float32: (n, d), one layer after another."""
        with _quiet():
            return sum(self._embed(window) for window in batch.unbind(1)) / batch.shape[1]

    def _embed(self, samples: "torch.Tensor") -> "torch.Tensor":
        import torch

        lengths = torch.full((len(samples),), samples.shape[1], device=samples.device)
        if self.states is None:
            return self.network(samples, lengths)[0].mean(1)
        self.states.clear()
        self.network(samples, lengths)
        return torch.cat(self.states, 1)


def build(config: Mapping[str, Any], path: str | os.PathLike) -> "torch.nn.Module":
    """Build the network of a checkpoint's configuration.

    Raises `InputError` for one whose embeddings are not those declared, or that is none.
    """
    for key in DECLARED:
        if (value := config.get(key, CONFIG[key])) != CONFIG[key]:
            raise InputError(
                f"{path}: its cfg has {key}: {value!r}, expected {CONFIG[key]}: put the published "
                "weights there"
            )
    try:
        return network(config)
    except Exception as error:  # a value of another kind can raise anything
        raise InputError(
            f"{path}: no network has its cfg ({' '.join(str(error).split())[:300]}): put the "
            "published weights there"
        ) from None


def fill(encoder: "torch.nn.Module", weights: Mapping[str, Any], path: str | os.PathLike) -> None:
    """Load a checkpoint's tensors, in the names of Microsoft's or of ESPnet's.

    Raises `InputError` where a tensor is missing, has another shape, or one is left over that
    `UNUSED` doesn't name. Upstream itself would warn, and go on with random ones.
    """
    used = {str(name): value for name, value in weights.items()}
    if NESTED in used:
        inside = {name.removeprefix("encoder."): name for name in used if name[:8] == "encoder."}
        left = set(used) - set(inside.values())
        used = {name: used[nested] for name, nested in inside.items()}
    else:
        left = set()
    wanted = encoder.state_dict().keys()
    extra = [name for name in left | (set(used) - wanted) if not name.startswith(UNUSED)]
    for what, names, also in (
        ("lacks", wanted - set(used) - set(MARKING), ""),
        ("has", extra, ", which no part of the model is known to need"),
    ):
        if names:
            raise InputError(
                f"{path}: {what} {', '.join(sorted(names)[:3])} ({len(names)} tensors){also}: not "
                "the weights of BEATs: put the published ones there"
            )
    found = {name: used[name] for name in wanted if name in used}
    load_weights(encoder, found, path, "BEATs", strict=False)


def load(setup: Setup) -> BEATs:
    """Load a checkpoint, ``{"cfg": configuration, "model": weights}``."""
    with weights_of(setup, write_initial) as path:
        checkpoint = read_checkpoint(path)
        parts = ("cfg", "model")
        if not isinstance(checkpoint, dict) or not all(
            isinstance(checkpoint.get(part), dict) for part in parts
        ):
            raise InputError(
                f"{path}: has no entries `cfg` and `model`: put the published weights there"
            )
        encoder = build(checkpoint["cfg"], path)
        fill(encoder, checkpoint["model"], path)
        digest = sha256_of(path)
    return BEATs(encoder, digest, setup)


def write_initial(path: str | os.PathLike, seed: int, options: Mapping) -> None:
    """Write an untrained encoder in the layout of the published checkpoint."""
    untrained = initial_network(lambda: network(CONFIG), seed).float()
    write_checkpoint(path, {"cfg": CONFIG, "model": dict(untrained.state_dict())})
