# environment: workflow
"""Processor time a clip: MusiCNN, BirdNET, aiSFX, log-mel, and the extractor of MusiCNN's package.

Each runs in its own environment, on one thread, on clips rendered as the demo's are; the least of
some turns in which they alternate. Decoding counts for the package's extractor alone, which reads
files. `OPENBLAS_CORETYPE=Haswell make bench-models` has the figures with kernels for AVX2.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from material import describe_machine, list_clips, time_call

ROOT = Path(__file__).resolve().parents[1]
N_TURNS = 7
N_CLIPS = 20
# What is timed, and the stack it runs in.
TIMED = {
    "musicnn numpy": "musicnn",
    "musicnn upstream": "tensorflow",
    "musicnn extractor": "tensorflow",
    "logmel numpy": "audio",
    "birdnet litert": "litert",
    "aisfx torch": "aisfx",
}


def answer(what: str) -> None:
    """Be one of `TIMED`: for each line of input a line with the times, in seconds a clip."""
    paths = list_clips()[:N_CLIPS]
    if what == "musicnn extractor":
        from musicnn.extractor import extractor

        def extract() -> None:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                extractor(str(paths[0]), model="MTT_musicnn")

        ask, once = lambda: {"clip": time_call(extract)}, {}
        extract()  # imports and caches
    else:
        ask, once = prepare_backend(*what.split(), paths)
    print(json.dumps({"once": once, "place": describe_machine()}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(ask()), flush=True)


def prepare_backend(
    name: str, chosen: str, paths: list[Path]
) -> tuple[Callable[[], dict], dict[str, float]]:
    """What times a backend of ours, and the seconds of what is done once: importing, loading."""
    import soundfile

    from embedding_sensitivity.models import choose

    models = []
    once = {"loading": time_call(lambda: models.append(choose(name, {"backend": chosen}).load()))}
    (model,) = models
    if (name, chosen) == ("musicnn", "numpy"):
        once["untrained weights"] = time_call(lambda: choose("musicnn-untrained").load())
    clips = [soundfile.read(path, dtype="float32", always_2d=True) for path in paths]

    def ask() -> dict[str, float]:
        prepared = []
        front_end = time_call(lambda: prepared.extend(model.prepare(*clip) for clip in clips))
        network = time_call(lambda: model.embed(prepared))
        total = front_end + network
        times = {"clip": total, "front end": front_end, "network": network}
        return {key: value / len(clips) for key, value in times.items()}

    ask()
    return ask, once


def main() -> None:
    """Print one line for each."""
    own = [ROOT / ".venv" / "bin" / "python", ROOT / "tools" / "stacks.py"]
    said = subprocess.check_output(own, text=True)
    pythons = dict(line.split("\t") for line in said.splitlines())
    processes = {
        what: subprocess.Popen(
            [pythons[stack], __file__, what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for what, stack in TIMED.items()
    }
    started = {what: json.loads(process.stdout.readline()) for what, process in processes.items()}
    turns = {what: [] for what in TIMED}
    for _ in range(N_TURNS):
        for what, process in processes.items():
            process.stdin.write("\n")
            turns[what].append(json.loads(process.stdout.readline()))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    best = {what: min(found, key=lambda times: times["clip"]) for what, found in turns.items()}
    for what, times in best.items():
        parts = ", ".join(f"{key} {1000 * value:.1f}" for key, value in times.items())
        print(f"{what}: ms a clip: {parts} ({started[what]['place']})")
        for key, value in started[what]["once"].items():
            print(f"{what}: {key} {value:.2f} s")


if __name__ == "__main__":
    answer(*sys.argv[1:]) if sys.argv[1:] else main()
