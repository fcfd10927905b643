# environment: tensorflow
"""Clips a second of OpenL3: the package's function against both backends; one thread each.

The clip is one of the demo's. Times are the processor's, so that what else runs on the machine
doesn't count; the least of some turns in which the package and the backends alternate. The backend
`torch` runs in an environment of its own, where this file starts itself: for each line it is sent
it answers with the time of a clip.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from itertools import pairwise
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy, PyTorch and TensorFlow are imported
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
os.environ["TF_NUM_INTEROP_THREADS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import soundfile
from material import describe_machine, list_clips, time_call

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.openl3 import model as openl3

ROOT = Path(__file__).resolve().parents[1]
N_TURNS = 5
N_WINDOWS = 26  # of a clip of 3 s


def embed(model, path: str) -> None:
    """Embed a file."""
    audio, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
    model.embed([model.prepare(audio, samplerate)])


def count_operations() -> int:
    """Count the multiplications and additions in the convolutions of one clip."""
    shape, of_window = openl3.REPRESENTATIONS["mel128"], 0
    for layer, (n_in, n_out) in enumerate(pairwise(openl3.CHANNELS)):
        block = layer // 2
        n_positions = (shape.n_rows >> block) * (shape.n_frames >> block)
        of_window += 2 * 9 * n_in * n_out * n_positions
    return N_WINDOWS * of_window


def answer(weights: str, path: str) -> None:
    """Be the backend `torch`: a line with the time of a clip for each line of input."""
    model = choose("openl3", {"backend": "torch"}).load(weights)
    embed(model, path)
    print(describe_machine(), flush=True)
    for _ in sys.stdin:
        print(time_call(lambda: embed(model, path)), flush=True)


def main() -> None:
    """Print one line for the package and one for each backend."""
    stacks = [ROOT / ".venv" / "bin" / "python", ROOT / "tools" / "stacks.py"]
    pythons = dict(
        line.split("\t") for line in subprocess.check_output(stacks, text=True).splitlines()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import openl3 as package
    with tempfile.TemporaryDirectory() as folder:
        path, weights = str(list_clips()[0]), f"{folder}/weights.h5"
        package.models.AUDIO_MODELS["mel128"]().save_weights(weights)
        network = package.models.load_audio_embedding_model_from_path(weights, "mel128", 512)
        upstream = choose("openl3", {"backend": "upstream"}).load(weights)
        torch = subprocess.Popen(
            [pythons["torch"], __file__, weights, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

        places = {"backend torch": torch.stdout.readline().strip()}

        def ask_package() -> float:
            def call() -> None:
                samples, samplerate = soundfile.read(path)
                package.get_audio_embedding(samples, samplerate, model=network, verbose=False)

            return time_call(call)

        def ask_torch() -> float:
            torch.stdin.write("\n")
            return float(torch.stdout.readline())

        ask = {
            "package's get_audio_embedding": ask_package,
            "backend upstream": lambda: time_call(lambda: embed(upstream, path)),
            "backend torch": ask_torch,
        }
        turns = [{name: timed() for name, timed in ask.items()} for _ in range(N_TURNS + 1)]
        torch.stdin.close()
        torch.wait()
    best = {name: min(turn[name] for turn in turns[1:]) for name in ask}  # the first one warms up
    reference = next(iter(best.values()))
    giga = count_operations() / 1e9
    print(f"openl3: {giga:.0f} GFLOP a clip of 3 s in its convolutions")
    for name, clip in best.items():
        print(
            f"openl3 {name}: {1 / clip:.3f} clips/s, {clip:.2f} s a clip, "
            f"{giga / clip:.0f} GFLOP/s, {reference / clip:.2f} times the package "
            f"({places.get(name) or describe_machine()})"
        )


if __name__ == "__main__":
    answer(*sys.argv[1:]) if sys.argv[1:] else main()
