# environment: tensorflow
"""Clips a second of MusiCNN: the package's per-file extractor against ours; one process and thread.

Times are the processor's, so that what else runs on the machine doesn't count.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy and TensorFlow are imported
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
os.environ["TF_NUM_INTEROP_THREADS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import soundfile

from sensitivity.models import load_model

N_UPSTREAM = 5
N_OURS = 100


def seconds(function: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    """Print one line for each backend."""
    random = np.random.default_rng(0)
    audio = (0.1 * random.standard_normal((3 * 44100, 2))).astype(np.float32)
    models = {}

    def load() -> None:
        models["numpy"] = load_model("musicnn", {"backend": "numpy"})

    print(f"musicnn, import of modules and weights: {seconds(load):.2f} s")
    untrained = seconds(lambda: load_model("musicnn-untrained", {}))
    print(f"musicnn-untrained, from its seed: {untrained:.2f} s")
    models["upstream"] = load_model("musicnn", {"backend": "upstream"})
    from musicnn.extractor import extractor

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.wav")
        soundfile.write(path, audio, 44100, subtype="PCM_16")

        def extract() -> None:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                extractor(str(path), model="MTT_musicnn")

        def embed(model) -> None:
            samples, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
            model.embed([model.prepare(samples, samplerate)])

        extract()  # imports and caches
        package = seconds(lambda: [extract() for _ in range(N_UPSTREAM)]) / N_UPSTREAM
        print(f"musicnn package's extractor: {1 / package:.2f} clips/s, {package:.2f} s a clip")
        for backend, model in models.items():
            embed(model)
            clip = seconds(lambda m=model: [embed(m) for _ in range(N_OURS)]) / N_OURS
            prepared = [model.prepare(audio, 44100)]
            network = (
                seconds(lambda m=model, p=prepared: [m.embed(p) for _ in range(N_OURS)]) / N_OURS
            )
            print(
                f"musicnn {backend}: {1 / clip:.1f} clips/s, {1000 * clip:.1f} ms a clip "
                f"(network {1000 * network:.1f}), {package / clip:.0f} times the extractor"
            )


if __name__ == "__main__":
    main()
