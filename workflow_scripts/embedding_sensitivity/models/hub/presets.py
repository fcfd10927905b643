"""Published checkpoints by short names. Sizes are of the architectures, from their papers or pages.

The hub couldn't be reached where this was written, so no commit, size or hash is known: `pins` are
empty, and the first download records them in the lock file. Whoever adds one says where it is from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedding_sensitivity.files.errors import InputError


@dataclass(frozen=True)
class Pin:
    """What a file of a checkpoint is: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Preset:
    """A published checkpoint.

    Attributes
    ----------
    hub : its id
    family : one of `families.FAMILIES`
    samplerate : that it was trained at
    blocks : of the encoder; None: it has no layers
    dimension : of an embedding
    licence : of the weights
    about : a line for docs/models.md
    upstream_normalises : what the published front end does, where `normalise` has to be given;
        None: not known here, its preprocessor_config.json says it
    checkpoint : its file of weights, the likelier where it isn't known; an entry can name another
    is_default : whether the package documents that its default configuration is this architecture,
        so that the untrained control needs no config.json
    revision, pins : the commit, and each file's size and hash; empty: not known
    source : where these are from
    """

    hub: str
    family: str
    samplerate: int
    blocks: int | None
    dimension: int
    licence: str
    about: str
    upstream_normalises: bool | None = None
    checkpoint: str = "model.safetensors"
    is_default: bool = False
    revision: str = ""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        if (self.revision or self.pins) and not self.source:
            raise InputError(f"{self.hub}: has pins without a source: say where they are from")
        if self.pins and not self.revision:
            raise InputError(f"{self.hub}: has hashes of no commit: add the revision")


NC = "CC BY-NC 4.0"
BIN = "pytorch_model.bin"

PRESETS = {
    "mert_95m": Preset(
        "m-a-p/MERT-v1-95M", "mert", 24000, 12, 768, NC,
        "music, self-supervised; HuBERT at 24 kHz", True, BIN,
    ),
    "mert_330m": Preset(
        "m-a-p/MERT-v1-330M", "mert", 24000, 24, 1024, NC,
        "the larger MERT", None, BIN,
    ),
    "laion_clap": Preset(
        "laion/clap-htsat-unfused", "clap", 48000, None, 512, "Apache-2.0",
        "audio and text; HTSAT on 10 s, a shorter clip repeated",
    ),
    "laion_clap_music": Preset(
        "laion/larger_clap_music", "clap", 48000, None, 512, "Apache-2.0",
        "the same, trained on music",
    ),
    "wav2vec2": Preset(
        "facebook/wav2vec2-base", "wav2vec2", 16000, 12, 768, "Apache-2.0",
        "speech, self-supervised", None, BIN, is_default=True,
    ),
    "hubert": Preset(
        "facebook/hubert-base-ls960", "hubert", 16000, 12, 768, "Apache-2.0",
        "speech, self-supervised", None, BIN, is_default=True,
    ),
    "wavlm": Preset(
        "microsoft/wavlm-base-plus", "wavlm", 16000, 12, 768, "see its page",
        "speech, self-supervised", None, BIN, is_default=True,
    ),
    "data2vec": Preset(
        "facebook/data2vec-audio-base", "data2vec", 16000, 12, 768, "Apache-2.0",
        "speech, self-supervised", None, BIN, is_default=True,
    ),
    "whisper_tiny": Preset(
        "openai/whisper-tiny", "whisper", 16000, 4, 384, "Apache-2.0 / MIT",
        "speech recognition, its encoder", is_default=True,
    ),
    "whisper_base": Preset(
        "openai/whisper-base", "whisper", 16000, 6, 512, "Apache-2.0 / MIT",
        "speech recognition, its encoder",
    ),
    "ast": Preset(
        "MIT/ast-finetuned-audioset-10-10-0.4593", "ast", 16000, 12, 768,
        "Apache-2.0 / BSD-3-Clause", "AudioSet's classes, supervised; patches of a spectrogram",
        is_default=True,
    ),
    "encodec": Preset(
        "facebook/encodec_24khz", "encodec", 24000, None, 128, NC,
        "a codec; its encoder's output before quantisation", is_default=True,
    ),
    "dac": Preset(
        "descript/dac_44khz", "dac", 44100, None, 1024, "MIT",
        "a codec; its encoder's output before quantisation",
    ),
}  # fmt: skip
