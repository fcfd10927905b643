"""What the benchmarks share: clips as the demo's, and where a figure was measured.

As a program, in envs/audio: material.py FOLDER renders N_CLIPS clips into a folder.
"""

import os
import re
import sys
from pathlib import Path

N_CLIPS = 40
LABELS = ("cello", "flute", "piano", "trumpet", "violin")


def render_clips(folder: Path) -> None:
    """Render clips of the demo's, with its configuration's seed and loudness: WAV files."""
    from embedding_sensitivity.clips.demo_music import compose, demo_clips
    from embedding_sensitivity.clips.demo_synthesis import Player, find_soundfont, render, write_wav

    player, seed = Player(find_soundfont()), 20220419
    for clip in demo_clips(LABELS, N_CLIPS // len(LABELS), 1, 1, seed):
        if clip.split == "train":
            write_wav(folder / clip.file_name, render(player, compose(clip, seed, -7.0, 3.0)))


def clip_paths() -> list[Path]:
    """The rendered clips, 3 s of stereo at 44.1 kHz each, in the folder that $BENCH_CLIPS names."""
    return sorted(Path(os.environ["BENCH_CLIPS"]).glob("*.wav"))


def processor() -> str:
    """The processor's name, as Linux has it."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else "unknown processor"


def place() -> str:
    """The processor and the kernels of each BLAS in this process, for the end of a line."""
    from embedding_sensitivity.files import kernels

    names = [f"{blas.package} {blas.kernel or 'unknown'}" for blas in kernels.find_blas()]
    return f"{processor()}, kernels: {', '.join(names) or 'none'}"


if __name__ == "__main__":
    render_clips(Path(sys.argv[1]))
