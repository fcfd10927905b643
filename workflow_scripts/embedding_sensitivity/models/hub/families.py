"""The architectures of the package transformers that an entry can name, with their traps.

Layers are upstream's `hidden_states`: 0 is what enters the first block, the last is what leaves the
last one. ``last`` is upstream's own output, which is normalised once more in an AST.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# The files of a checkpoint beside its weights.
CONFIG, FRONT_END = "config.json", "preprocessor_config.json"


@dataclass(frozen=True)
class Family:
    """An architecture.

    Attributes
    ----------
    model, config, extractor : names of upstream's classes
    model_types : what `model_type` in a config.json is
    shape_of : from a config.json to the number of blocks (None: no layers) and the dimension
    seconds : of the longest window
    samples : of the shortest input; a shorter clip is followed by silence
    poolings : how frames can be joined, the first by default; empty: there is one embedding
    normalises : whether an entry has to say if samples are normalised
    prefix : of the encoder's tensors in a checkpoint of the whole model, if `model` is a part that
        upstream doesn't find in it
    unused : beginnings of the names of tensors that a whole checkpoint has and no embedding needs
    not_needed : tensors that only training reads, which a checkpoint may lack
    refused : values in a config.json that upstream's class doesn't compute, and why
    batch_size : the fastest number of clips on a CPU (`make bench-models`)
    """

    model: str
    config: str
    extractor: str
    model_types: tuple[str, ...]
    shape_of: Callable[[Mapping[str, Any]], tuple[int | None, int]]
    seconds: float = 30.0
    samples: int = 400
    poolings: tuple[str, ...] = ("mean", "max")
    normalises: bool = False
    prefix: str = ""
    unused: tuple[str, ...] = ()
    not_needed: tuple[str, ...] = ()
    refused: Mapping[str, tuple[Any, str]] | None = None
    batch_size: int = 4

    @property
    def has_layers(self) -> bool:
        """Whether it has layers by number."""
        return self.shape_of({})[0] is not None

    def find_refused(self, config: Mapping[str, Any]) -> str | None:
        """Say which value of a config.json isn't computed here; None if there is none."""
        audio = config.get("audio_config") or {}
        for key, (value, what) in (self.refused or {}).items():
            if value in (config.get(key), audio.get(key)):
                return f"{key}: {value!r}, and {what} isn't computed here"
        return None

    @property
    def facts(self) -> dict[str, Any]:
        """What embeddings depend on."""
        names = ("model", "config", "extractor", "samples", "prefix", "normalises")
        return {name: getattr(self, name) for name in names}


def _shape_of_transformer(config: Mapping[str, Any]) -> tuple[int, int]:
    return config.get("num_hidden_layers", 12), config.get("hidden_size", 768)


def _shape_of_whisper(config: Mapping[str, Any]) -> tuple[int, int]:
    return config.get("encoder_layers", 4), config.get("d_model", 384)


def _shape_of_clap(config: Mapping[str, Any]) -> tuple[None, int]:
    return None, config.get("projection_dim", 512)


def _shape_of_encodec(config: Mapping[str, Any]) -> tuple[None, int]:
    return None, config.get("hidden_size", 128)


def _shape_of_dac(config: Mapping[str, Any]) -> tuple[None, int]:
    halvings = len(config.get("downsampling_ratios", (2, 4, 8, 8)))
    return None, config.get("encoder_hidden_size", 64) * 2**halvings


# Of what follows or surrounds the encoder in training.
_OF_TRAINING = ("quantizer.", "project_q.", "project_hid.", "lm_head.", "classifier.", "projector.")


def _declare_speech(name: str, model_type: str, **more: Any) -> Family:
    """Declare an encoder of waveforms, `<name>Model`."""
    return Family(
        **{
            "model": f"{name}Model",
            "config": f"{name}Config",
            "extractor": "Wav2Vec2FeatureExtractor",
            "model_types": (model_type,),
            "shape_of": _shape_of_transformer,
            "normalises": True,
            "unused": _OF_TRAINING,
            "not_needed": ("masked_spec_embed",),
            **more,
        }
    )


FAMILIES = {
    "wav2vec2": _declare_speech("Wav2Vec2", "wav2vec2"),
    "hubert": _declare_speech("Hubert", "hubert"),
    # Its own class is code on the hub, which is never run; without the two switches it is HuBERT.
    "mert": _declare_speech(
        "Hubert",
        "mert_model",
        refused={
            "feature_extractor_cqt": (True, "a constant-Q front end"),
            "deepnorm": (True, "deep normalisation"),
        },
    ),
    "wavlm": _declare_speech("WavLM", "wavlm"),
    "data2vec": _declare_speech("Data2VecAudio", "data2vec-audio", batch_size=1),
    "whisper": Family(
        model="WhisperEncoder",
        config="WhisperConfig",
        extractor="WhisperFeatureExtractor",
        model_types=("whisper",),
        shape_of=_shape_of_whisper,
        prefix="model.encoder.",
        unused=("model.decoder.", "proj_out."),
    ),
    "ast": Family(
        model="ASTModel",
        config="ASTConfig",
        extractor="ASTFeatureExtractor",
        model_types=("audio-spectrogram-transformer",),
        shape_of=_shape_of_transformer,
        seconds=10.24,
        poolings=("mean", "cls", "max"),
        unused=("classifier.",),
        batch_size=2,
    ),
    "clap": Family(
        model="ClapAudioModelWithProjection",
        config="ClapConfig",
        extractor="ClapFeatureExtractor",
        model_types=("clap",),
        shape_of=_shape_of_clap,
        seconds=10.0,
        samples=480,
        poolings=(),
        unused=("text_model.", "text_projection.", "logit_scale_"),
        refused={"enable_fusion": (True, "fusion, which crops long clips at random")},
    ),
    "encodec": Family(
        model="EncodecModel",
        config="EncodecConfig",
        extractor="EncodecFeatureExtractor",
        model_types=("encodec",),
        shape_of=_shape_of_encodec,
        refused={
            "audio_channels": (2, "two channels"),
            "normalize": (True, "each window at its own scale"),
        },
    ),
    "dac": Family(
        model="DacModel",
        config="DacConfig",
        extractor="DacFeatureExtractor",
        model_types=("dac",),
        shape_of=_shape_of_dac,
    ),
}


def find_family(model_type: Any) -> str | None:
    """Return the family of a config.json's `model_type`; None if there is none."""
    for name, family in FAMILIES.items():
        if model_type in family.model_types:
            return name
    return None
