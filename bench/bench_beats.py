# environment: beats
"""Clips a second of BEATs: the package's own call and ours; one process, one thread.

The clip is one of the demo's. Both read the file and resample it. Weights are untrained.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and PyTorch are imported
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "beats"))

import numpy as np
import soundfile
import torch
import upstream
from material import compare_in_turns, list_clips

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.shared.frontend import mono_at
from support import relative


def main() -> None:
    """Print one line."""
    clip = list_clips()[0]
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.pt")
        choose("beats-untrained").write_initial(weights)
        model = choose("beats-untrained").load(weights)
        whole = upstream.open_beats_class().from_pretrained(weights)
        torch.set_num_threads(1)

        def embed_by_upstream() -> np.ndarray:
            audio, samplerate = soundfile.read(clip, dtype="float32", always_2d=True)
            samples = mono_at(audio, samplerate, 16000)
            return upstream.embed(whole, samples)

        def embed() -> np.ndarray:
            clips = [soundfile.read(clip, dtype="float32") for _ in range(model.batch_size)]
            prepared = [model.prepare(audio, samplerate) for audio, samplerate in clips]
            return model.embed(prepared)["embedding"]

        difference = relative(embed()[0], embed_by_upstream())
        said = compare_in_turns(embed_by_upstream, embed, model.batch_size)
        print(f"beats: {said}; relative L2 {difference:.1e}")


if __name__ == "__main__":
    main()
