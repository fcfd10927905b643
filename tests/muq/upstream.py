"""Upstream's own class of MuQ, whole, without the library, and its spectrogram by its formula."""

import importlib
import importlib.util
import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
import torch
import transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer  # noqa: F401


def mel_filters(samplerate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Triangles of height 1 on the mel scale 2595 log10(1 + f / 700): (n_mels, 1 + n_fft // 2)."""
    mels = np.linspace(0, 2595 * math.log10(1 + samplerate / 2 / 700), n_mels + 2)
    low, middle, high = (
        700 * (10 ** (mels[start : start + n_mels, None] / 2595) - 1) for start in range(3)
    )
    frequencies = np.fft.rfftfreq(n_fft, 1 / samplerate)
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling))


class MelSpectrogram:
    """Power in mel bands of frames about multiples of the hop; the ends are mirrored."""

    def __init__(self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int) -> None:
        self.n_fft, self.hop = n_fft, hop_length
        self.filters = torch.from_numpy(mel_filters(sample_rate, n_fft, n_mels)).float()

    def __call__(self, waves: torch.Tensor) -> torch.Tensor:
        window = torch.hann_window(self.n_fft)
        spectrum = torch.stft(
            waves, self.n_fft, self.hop, window=window, pad_mode="reflect", return_complex=True
        )
        return self.filters @ spectrum.abs() ** 2

    def to(self, device: Any) -> "MelSpectrogram":
        return self


class AmplitudeToDB:
    """Decibels of power, not below -100."""

    def __call__(self, power: torch.Tensor) -> torch.Tensor:
        return 10 * torch.log10(power.clamp(min=1e-10))

    def to(self, device: Any) -> "AmplitudeToDB":
        return self


def load_class() -> type:
    """Import the package's `MuQ`; its ``__init__`` would need x_clip."""
    if "muq" not in sys.modules:
        muq, torchaudio = ModuleType("muq"), ModuleType("torchaudio")
        muq.__spec__ = importlib.util.find_spec("muq")
        muq.__path__ = list(muq.__spec__.submodule_search_locations)
        torchaudio.transforms = ModuleType("torchaudio.transforms")
        torchaudio.transforms.MelSpectrogram = MelSpectrogram
        torchaudio.transforms.AmplitudeToDB = AmplitudeToDB
        sys.modules |= {"muq": muq, "torchaudio": torchaudio}
        importlib.import_module("muq.muq.muq")
        importlib.import_module("muq.muq.modules.rvq")
        del sys.modules["torchaudio"]
    return sys.modules["muq.muq.muq"].MuQ


def embed(whole: torch.nn.Module, samples: np.ndarray) -> np.ndarray:
    """Embed (n,) float32 at 24 kHz by all layers: (layers, d)."""
    with torch.inference_mode():
        output = whole(torch.from_numpy(samples)[None], output_hidden_states=True)
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)
    return np.stack([state[0].mean(0).numpy() for state in output.hidden_states])
