# environment: audio
"""Rendering against the bare libraries: clips a second of each effect, in a batch of levels.

"Raw" is the call that the authors make (scipy's sosfilt, pedalboard's process) on arrays that are
decoded already, with nothing around it: no file, no checksum, no quantising. What is compared is
processor time, which neighbours on the machine leave alone; wall time shows the scaling over cores.
"""

import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import pedalboard
import soundfile
from material import list_clips
from scipy.signal import cheb2ord, cheby2, sosfilt

from embedding_sensitivity.clips.audio import AudioBatch
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.files.atomic import sha256_of

N_CLIPS = 40
SAMPLERATE = 44100
SECONDS = 3
LEVELS = {
    "gain": ("-40.0", "-31.0", "-22.0", "-13.0", "-4.0", "5.0"),
    "lowpass": ("1600.000", "2605.850", "4244.029", "6912.060", "11257.373", "18333.333"),
    "reverb": ("0.01", "0.19", "0.40", "0.61", "0.82", "1.00"),
    "bitcrush": ("4", "6", "8", "10", "12", "15"),
}
PAPER = {"reverb_state": "carried", "audio": "pcm16"}


def make_clips() -> list[Clip]:
    """Return clips like the demo's, in the format of IRMAS."""
    return [
        Clip(path.stem, str(path), "cello", "", path.stem, "train", SECONDS, SAMPLERATE, 2,
             sha256_of(path), SECONDS * SAMPLERATE, index)
        for index, path in enumerate(list_clips()[:N_CLIPS])
    ]  # fmt: skip


def make_raw_call(effect: str, level: float):
    """Return the library's function alone, of planar float32, as in the authors' code."""
    if effect == "lowpass":
        order, edge = cheb2ord(level / 1.1, level * 1.1, 3, 80, fs=SAMPLERATE)
        sections = cheby2(order, 80, edge, output="sos", fs=SAMPLERATE)
        return lambda audio: sosfilt(sections, audio)
    plugin = {
        "gain": lambda: pedalboard.Gain(level),
        "reverb": lambda: pedalboard.Reverb(room_size=level),
        "bitcrush": lambda: pedalboard.Bitcrush(level),
    }[effect]()
    board = pedalboard.Pedalboard([plugin])
    return lambda audio: board.process(audio, SAMPLERATE, reset=False)


def run_raw(effect: str, decoded: list[np.ndarray], threads: int) -> None:
    """Process all clips at all levels, with the levels dealt out to `threads` threads."""

    def work(levels) -> None:
        for level in levels:
            call = make_raw_call(effect, float(level))
            for audio in decoded:
                call(audio)

    workers = [
        threading.Thread(target=work, args=(LEVELS[effect][first::threads],))
        for first in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def time_call(function) -> tuple[float, float]:
    """Return the wall and processor seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu


def find_best(functions: dict, outputs: Path, repeats: int = 5) -> dict[str, tuple[float, float]]:
    """Return the least wall and processor time of each function; call them in turn.

    After each call it empties `outputs`.
    """
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(time_call(function))
            # Outside the clock. Kept files would fill the page cache with memory never used before.
            for output in outputs.iterdir():
                output.unlink()
    return {name: tuple(np.min(pairs, axis=0)) for name, pairs in times.items()}


def copy_files(clips: list[Clip], folder: Path, copies: int) -> None:
    """Copy the clips' files, as often as the effect has levels."""
    for copy in range(copies):
        for clip in clips:
            shutil.copyfile(clip.path, folder / f"{copy}_{clip.clip}.wav")


def main() -> None:
    """Print one line for each effect."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clips = make_clips()
        decoded = [
            np.ascontiguousarray(soundfile.read(clip.path, dtype="float32")[0].T) for clip in clips
        ]
        outputs = folder / "outputs"
        outputs.mkdir()
        print(f"{N_CLIPS} clips of {SECONDS} s stereo at 6 levels, pcm16, reverb carried;")
        print("rates are clips x levels a second")
        copies = find_best({"copy": lambda: copy_files(clips, outputs, 6)}, outputs)["copy"]
        print(f"plain copy of the files: {6 * N_CLIPS / copies[0]:.0f}/s")
        print(
            f"{'effect':9}{'raw/s':>8}{'ours/s':>8}{'cpu raw/ours':>14}"
            f"{f'raw/s {cores} cores':>16}{f'ours/s {cores} cores':>17}{'wall':>8}"
        )
        for effect in LEVELS:

            def render(threads: int, effect: str = effect) -> None:
                path = outputs / "batch.h5"
                render_batch(clips, EFFECTS[effect], LEVELS[effect], PAPER, path, threads)

            times = find_best(
                {
                    "raw": lambda effect=effect: run_raw(effect, decoded, 1),
                    "ours": lambda: render(1),
                    "raw_all": lambda effect=effect: run_raw(effect, decoded, cores),
                    "ours_all": lambda: render(cores),
                },
                outputs,
            )
            rendered = N_CLIPS * len(LEVELS[effect])
            print(
                f"{effect:9}{rendered / times['raw'][1]:8.0f}{rendered / times['ours'][1]:8.0f}"
                f"{times['raw'][1] / times['ours'][1]:13.0%} "
                f"{rendered / times['raw_all'][0]:16.0f}{rendered / times['ours_all'][0]:17.0f}"
                f"{times['raw_all'][0] / times['ours_all'][0]:8.0%}",
                flush=True,
            )
        render(cores)
        batch = AudioBatch(outputs / "batch.h5")
        _, cpu = time_call(lambda: [batch.clip(p, i) for i in range(N_CLIPS) for p in range(6)])
        print(f"reading a batch back, level by level of a clip: {6 * N_CLIPS / cpu:.0f}/s")


if __name__ == "__main__":
    main()
