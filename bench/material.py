"""What the benchmarks share: clips as the demo's, and where a figure was measured.

As a program, in envs/audio: material.py FOLDER renders N_CLIPS clips into a folder.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

N_CLIPS = 40
LABELS = ("cello", "flute", "piano", "trumpet", "violin")


def render_clips(folder: Path) -> None:
    """Render some of the demo's clips as WAV files, with its configuration's seed and loudness."""
    from embedding_sensitivity.clips.demo_music import compose, demo_clips
    from embedding_sensitivity.clips.demo_synthesis import Player, find_soundfont, render, write_wav

    player, seed = Player(find_soundfont()), 20220419
    for clip in demo_clips(LABELS, N_CLIPS // len(LABELS), 1, 1, seed):
        if clip.split == "train":
            write_wav(folder / clip.file_name, render(player, compose(clip, seed, -7.0, 3.0)))


def list_clips() -> list[Path]:
    """Return the clips, 3 s of stereo at 44.1 kHz each, in the folder that $BENCH_CLIPS names."""
    return sorted(Path(os.environ["BENCH_CLIPS"]).glob("*.wav"))


def time_call(function: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def compare_in_turns(
    upstream: Callable[[], object], ours: Callable[[], object], n_clips: int = 1, n_runs: int = 5
) -> str:
    """Return clips a second of a call of upstream's for a clip, and of ours for `n_clips`.

    They run in turns, and times are the processor's, so that what else runs counts little.
    """
    for function in (upstream, ours):
        function()  # what the first call alone does
    times = [(time_call(upstream), time_call(ours) / n_clips) for _ in range(n_runs)]
    package, own = map(statistics.median, zip(*times, strict=True))
    ratios = sorted(one / other for one, other in times)
    return (
        f"{1 / own:.2f} clips/s in batches of {n_clips}, upstream's {1 / package:.2f}; "
        f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f} in {n_runs} "
        f"runs) ({describe_machine()})"
    )


def compare_untrained(
    name: str, target: int, load_upstream: Callable[[Path], Callable[["np.ndarray"], object]]
) -> str:
    """Return the line on a model's untrained control, in one thread.

    `load_upstream(weights)` returns the package's own call on samples at the rate `target`.
    """
    import soundfile
    import torch

    from embedding_sensitivity.models import choose
    from embedding_sensitivity.models.shared.frontend import mono_at
    from support import relative

    clip, choice = list_clips()[0], choose(f"{name}-untrained")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.pt")
        choice.write_initial(weights)
        model, package = choice.load(weights), load_upstream(weights)
        torch.set_num_threads(1)

        def embed_by_package() -> object:
            audio, samplerate = soundfile.read(clip, dtype="float32", always_2d=True)
            return package(mono_at(audio, samplerate, target))

        def embed() -> "np.ndarray":
            clips = [soundfile.read(clip, dtype="float32") for _ in range(model.batch_size)]
            prepared = [model.prepare(audio, samplerate) for audio, samplerate in clips]
            return model.embed(prepared)["embedding"]

        difference = relative(embed()[0], embed_by_package())
        said = compare_in_turns(embed_by_package, embed, model.batch_size)
    return f"{name}: {said}; relative L2 {difference:.1e}"


def read_processor() -> str:
    """Return the processor's name, as Linux has it."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else "unknown processor"


def describe_machine() -> str:
    """Return the processor and each BLAS's kernels in this process, for the end of a line."""
    from embedding_sensitivity.files import kernels

    names = [f"{blas.package} {blas.kernel or 'unknown'}" for blas in kernels.find_blas()]
    return f"{read_processor()}, kernels: {', '.join(names) or 'none'}"


if __name__ == "__main__":
    render_clips(Path(sys.argv[1]))
