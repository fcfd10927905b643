# environment: torch
"""Clips a second of PANNs and CLAP: upstream's per-file API against ours; one process, one thread.

The clip is one of the demo's. Both read the file, and prepare, themselves. Runs alternate, and
times are the processor's, so that what else runs on the machine counts little. Weights are
untrained. Upstream's API is what the tests compare with (tests/torch/upstream.py): the package's
own code, msclap's without its text tower.
"""

import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and PyTorch are imported
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "torch"))

import librosa
import numpy as np
import soundfile
import torch
from material import describe_machine, list_clips, time_call
from upstream import audio_tagging_class, msclap_class

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.shared import torch_model
from support import relative

N_RUNS = 5
N_UPSTREAM = 4


def load_upstream_panns(weights: Path) -> Callable[[Path], np.ndarray]:
    """Return a function that embeds a file as the authors use panns-inference."""
    tagging = audio_tagging_class()(checkpoint_path=str(weights), device="cpu")

    def embed(path: Path) -> np.ndarray:
        signal, _ = librosa.load(path, sr=32000, mono=True)
        return tagging.inference(signal[None, :])[1][0]

    return embed


def load_upstream_clap(weights: Path, version: str) -> Callable[[Path], np.ndarray]:
    """Return a function that embeds a file as the authors use msclap."""
    wrapper = msclap_class()(str(weights), version=version, use_cuda=False)
    return lambda path: wrapper.get_audio_embeddings([str(path)]).numpy()[0]


def compare(name: str, upstream: Callable[[Path], np.ndarray], weights: Path, folder: Path) -> str:
    """Return the line on one model."""
    model = choose(name).load(weights, protocol={"clap_input": "concatenated"})
    torch.set_num_threads(1)
    clip, short = list_clips()[0], folder / "short.wav"
    # Of 2 s, so that CLAP 2022, too, repeats them and cuts nothing out at random.
    samples, samplerate = soundfile.read(clip, always_2d=True)
    soundfile.write(short, samples[: 2 * samplerate], samplerate, subtype="PCM_16")

    def embed(path: Path) -> np.ndarray:
        clips = (soundfile.read(path, dtype="float32") for _ in range(model.batch_size))
        return model.embed([model.prepare(audio, samplerate) for audio, samplerate in clips])

    difference = relative(embed(short)[0], upstream(short))
    times = []
    for _ in range(N_RUNS):
        package = time_call(lambda: [upstream(clip) for _ in range(N_UPSTREAM)]) / N_UPSTREAM
        ours = time_call(lambda: embed(clip)) / model.batch_size
        times.append((package, ours, package / ours))
    package, ours, ratio = map(statistics.median, zip(*times, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{name}: {1 / ours:.2f} clips/s in batches of {model.batch_size}, upstream's API "
        f"{1 / package:.2f}; {ratio:.2f} times ({min(t[2] for t in times):.2f} to "
        f"{max(t[2] for t in times):.2f} in {N_RUNS} runs); relative L2 difference "
        f"{difference:.1e}; peak memory so far, of both, {peak:.0f} MB ({describe_machine()})"
    )


def main() -> None:
    """Print one line for each model."""
    torch_model.N_PINK_CLIPS = 2  # statistics don't change the time
    upstreams = {
        "panns": load_upstream_panns,
        "clap": lambda weights: load_upstream_clap(weights, "2023"),
        "clap_2022": lambda weights: load_upstream_clap(weights, "2022"),
    }
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.pth")
        for name, upstream_of in upstreams.items():
            choose(f"{name}-untrained").write_initial(weights)
            print(compare(name, upstream_of(weights), weights, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
