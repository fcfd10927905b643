# environment: transformers
"""Clips a second of encoders of the package transformers: its classes on a clip a call, and ours.

One process, one thread. The clip is one of the demo's; both read the file and resample by soxr.
Networks have the sizes of the published ones and are untrained.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and PyTorch are imported
os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import soundfile
import soxr
import torch
import transformers
from material import compare_in_turns, list_clips

from embedding_sensitivity.models import TRANSFORMERS, UNTRAINED, choose
from embedding_sensitivity.models.hub.families import FAMILIES
from embedding_sensitivity.models.hub.presets import PRESETS


def build_upstream(preset: str) -> Callable[[Path], np.ndarray]:
    """Return a function that embeds a file as the package's pages show it: a clip a call."""
    family = FAMILIES[PRESETS[preset].family]
    extractor = getattr(transformers, family.extractor)()
    config = getattr(transformers, family.config)()
    if family.model == "WhisperEncoder":
        network = transformers.WhisperModel(config).encoder
    else:
        network = getattr(transformers, family.model)(config)
    network = network.eval()

    def embed(path: Path) -> np.ndarray:
        audio, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
        rate = PRESETS[preset].samplerate
        samples = soxr.resample(audio.mean(axis=1), samplerate, rate)
        inputs = extractor(samples, sampling_rate=rate, return_tensors="pt")
        with torch.inference_mode():
            if family.model == "EncodecModel":
                return network.encoder(inputs["input_values"])[0].mean(1).numpy()
            return network(next(iter(inputs.values()))).last_hidden_state[0].mean(0).numpy()

    return embed


def compare(preset: str, folder: Path) -> str:
    """Return the line on one preset."""
    upstream = build_upstream(preset)
    options = {"normalise": False} if FAMILIES[PRESETS[preset].family].normalises else {}
    choice = choose(f"{preset}{UNTRAINED}", {TRANSFORMERS: preset, **options})
    weights = folder / f"{preset}.safetensors"
    choice.write_initial(weights)
    model = choice.load(weights)
    torch.set_num_threads(1)
    clip = list_clips()[0]

    def embed() -> np.ndarray:
        clips = [soundfile.read(clip, dtype="float32") for _ in range(model.batch_size)]
        return model.embed([model.prepare(audio, samplerate) for audio, samplerate in clips])

    return f"{preset}: {compare_in_turns(lambda: upstream(clip), embed, model.batch_size)}"


def main() -> None:
    """Print one line for each preset whose network needs no file to be built."""
    with tempfile.TemporaryDirectory() as folder:
        for name, preset in PRESETS.items():
            if preset.is_default:
                print(compare(name, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
