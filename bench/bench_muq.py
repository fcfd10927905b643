# environment: muq
"""Clips a second of MuQ: upstream's own class and ours; one process, one thread.

The clip is one of the demo's. Both read the file and resample it. Weights are untrained, seeded, in
upstream's format with the parts of training, as tests/muq makes them.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and PyTorch are imported
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "muq"))

import numpy as np
import published
import soundfile
import torch
import upstream
from material import compare_in_turns, list_clips
from safetensors.torch import save_file

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.shared.frontend import mono_at
from support import relative


def main() -> None:
    """Print one line for each choice of layers."""
    clip = list_clips()[0]
    torch.manual_seed(7)
    whole = upstream.load_class()(published.CONFIG).eval()

    def embed_by_upstream() -> np.ndarray:
        audio, samplerate = soundfile.read(clip, dtype="float32", always_2d=True)
        # What librosa.load, which upstream's README calls, gives.
        return upstream.embed(whole, mono_at(audio, samplerate, 24000))

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "model.safetensors")
        save_file({key: value.contiguous() for key, value in whole.state_dict().items()}, weights)
        for layers in ("last", "all"):
            model = choose("muq", {"layers": layers}).load(weights)
            torch.set_num_threads(1)

            def embed(model=model) -> np.ndarray:
                audio, samplerate = soundfile.read(clip, dtype="float32", always_2d=True)
                return model.embed([model.prepare(audio, samplerate)])["embedding"][0]

            expected = embed_by_upstream()
            wanted = expected[-1] if layers == "last" else expected.ravel()
            difference = relative(embed(), wanted)
            said = compare_in_turns(embed_by_upstream, embed)
            print(f"muq, layers {layers}: {said}; relative L2 {difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
