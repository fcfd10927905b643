"""What upstream's own classes make of samples at the network's rate, without the library."""

import numpy as np
import torch
from checkpoints import Checkpoint


def embed(made: Checkpoint, name: str, samples: np.ndarray, layer: int | str, pooling: str):
    """Embed one window, (n,) float32: (d,)."""
    kind, whole = made.kind, made.whole
    inputs = made.extractor(samples, sampling_rate=kind.samplerate, return_tensors="pt")
    with torch.inference_mode():
        if name == "clap":
            audio = whole.audio_model(**inputs).pooler_output
            return whole.audio_projection(audio)[0].numpy()
        if name in ("encodec", "dac"):
            frames = whole.encoder(inputs["input_values"])[0].T
        elif name == "whisper":
            output = whole.model.encoder(inputs["input_features"], output_hidden_states=True)
            # A frame of the encoder is 20 ms.
            frames = _layer(output, layer)[: int(np.ceil(len(samples) / kind.samplerate * 50))]
        elif name == "ast":
            output = whole.audio_spectrogram_transformer(**inputs, output_hidden_states=True)
            frames = _layer(output, layer)
            if pooling == "cls":
                return frames[0].numpy()
            # 12 rows of 101 patches, each of which begins 100 ms after the one before.
            n_frames = 1 + (len(samples) - 400) // 160
            frames = frames[2:].reshape(12, 101, -1)[:, : int(np.ceil(n_frames / 10))]
            frames = frames.reshape(-1, frames.shape[-1])
        else:
            encoder = getattr(whole, whole.base_model_prefix, whole)
            output = encoder(inputs["input_values"], output_hidden_states=True)
            frames = _layer(output, layer)
    return (frames.amax(0) if pooling == "max" else frames.mean(0)).numpy()


def _layer(output, layer: int | str) -> torch.Tensor:
    return (output.last_hidden_state if layer == "last" else output.hidden_states[layer])[0]
