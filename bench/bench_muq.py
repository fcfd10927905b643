# environment: muq
"""Seconds of MuQ for a clip of the demo: upstream's own class against ours; one process and thread.

Both read the file and resample it. Runs alternate, and times are the processor's. Weights are
untrained, seeded, in upstream's format with the parts of training, as tests/muq makes them.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
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
from material import describe_machine, list_clips
from safetensors.torch import save_file

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.shared.frontend import mono_at
from support import relative

N_RUNS = 5


def time_call(function: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


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
            start = time.process_time()
            model = choose("muq", {"layers": layers}).load(weights)
            loading = time.process_time() - start
            torch.set_num_threads(1)

            def embed(model=model) -> np.ndarray:
                audio, samplerate = soundfile.read(clip, dtype="float32", always_2d=True)
                return model.embed([model.prepare(audio, samplerate)])["embedding"][0]

            expected = embed_by_upstream()
            wanted = expected[-1] if layers == "last" else expected.ravel()
            difference = relative(embed(), wanted)
            times = [(time_call(embed_by_upstream), time_call(embed)) for _ in range(N_RUNS)]
            package, ours = map(statistics.median, zip(*times, strict=True))
            ratios = sorted(one / other for one, other in times)
            print(
                f"muq, layers {layers}: {ours:.2f} s, upstream's class {package:.2f} s; "
                f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f} in "
                f"{N_RUNS} runs); relative L2 difference {difference:.1e}; loading {loading:.1f} s "
                f"({describe_machine()})",
                flush=True,
            )


if __name__ == "__main__":
    main()
