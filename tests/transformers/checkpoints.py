"""Small checkpoints as upstream's own classes write them: whole models, seeded, untrained.

Names of tensors are those of the published ones; sizes are smaller.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file

SPEECH = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "num_codevectors_per_group": 8,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
}
PATCHES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
WHISPER = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "vocab_size": 60,
    **{f"{token}_token_id": 1 for token in ("pad", "bos", "eos", "decoder_start")},
}
CLAP = {
    "projection_dim": 16,
    "audio_config": {
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "num_hidden_layers": 4,
    },
    "text_config": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "vocab_size": 50,
    },
}
ENCODEC = {
    "num_filters": 4,
    "hidden_size": 16,
    "codebook_dim": 16,
    "codebook_size": 16,
    "num_lstm_layers": 1,
}
DAC = {
    "encoder_hidden_size": 8,
    "decoder_hidden_size": 32,
    "n_codebooks": 2,
    "codebook_size": 16,
    "sampling_rate": 44100,
}


@dataclass(frozen=True)
class Kind:
    """A whole model of upstream's that a checkpoint is of, its sizes, and its front end."""

    whole: str
    config: str
    sizes: dict[str, Any]
    extractor: str = "Wav2Vec2FeatureExtractor"
    samplerate: int = 16000


KINDS = {
    "wav2vec2": Kind("Wav2Vec2ForPreTraining", "Wav2Vec2Config", SPEECH),
    "hubert": Kind("HubertForCTC", "HubertConfig", {**SPEECH, "vocab_size": 40}),
    "mert": Kind("HubertModel", "HubertConfig", SPEECH, samplerate=24000),
    "wavlm": Kind("WavLMModel", "WavLMConfig", SPEECH),
    "data2vec": Kind("Data2VecAudioForCTC", "Data2VecAudioConfig", {**SPEECH, "vocab_size": 40}),
    "whisper": Kind(
        "WhisperForConditionalGeneration", "WhisperConfig", WHISPER, "WhisperFeatureExtractor"
    ),
    "ast": Kind("ASTForAudioClassification", "ASTConfig", PATCHES, "ASTFeatureExtractor"),
    "clap": Kind("ClapModel", "ClapConfig", CLAP, "ClapFeatureExtractor", 48000),
    "encodec": Kind("EncodecModel", "EncodecConfig", ENCODEC, "EncodecFeatureExtractor", 24000),
    "dac": Kind("DacModel", "DacConfig", DAC, "DacFeatureExtractor", 44100),
}
# Parametrisations of weights in checkpoints of before PyTorch 2.1, MERT's among them.
OLD_NAMES = {"parametrizations.weight.original0": "weight_g",
             "parametrizations.weight.original1": "weight_v"}  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A folder as on the hub, with the very model of upstream's that it was written from."""

    folder: Path
    whole: torch.nn.Module
    extractor: Any
    kind: Kind

    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self.folder / "model.safetensors")

    def rewrite(self, tensors: dict[str, torch.Tensor]) -> None:
        save_file(tensors, self.folder / "model.safetensors", metadata={"format": "pt"})


def make(name: str, folder: Path, **sizes: Any) -> Checkpoint:
    """Write the checkpoint of a kind, seeded, with random biases and norms too."""
    kind = KINDS[name]
    config = getattr(transformers, kind.config)(**{**kind.sizes, **sizes})
    torch.manual_seed(7)
    whole = getattr(transformers, kind.whole)(config).eval()
    with torch.no_grad():
        for value in whole.parameters():
            # Zero biases would hide one that is lost.
            value += 0.05 * torch.randn_like(value) * (value == value.flatten()[0]).all()
            if name == "dac" and value.ndim == 3:
                value *= 5  # else its biases are all that is left of a clip
    extractor = getattr(transformers, kind.extractor)(sampling_rate=kind.samplerate)
    if name == "clap":
        extractor.truncation = "rand_trunc"  # as the unfused ones on the hub
    whole.save_pretrained(folder)
    extractor.save_pretrained(folder)
    made = Checkpoint(folder, whole, extractor, kind)
    if name == "mert":
        path = folder / "config.json"
        as_published = {"feature_extractor_cqt": False, "deepnorm": False, "attention_relax": -1}
        text = {**json.loads(path.read_text()), "model_type": "mert_model", **as_published}
        path.write_text(json.dumps(text), encoding="utf-8")
        made.rewrite({_old(key): value for key, value in made.tensors().items()})
    return made


def _old(name: str) -> str:
    for new, old in OLD_NAMES.items():
        name = name.replace(new, old)
    return name
