"""What networks of the package openl3 make of a clip, for test_openl3.py; run as openl3_package.py.

Usage: openl3_networks.py FOLDER. FOLDER/clip.npz has `audio` (frames, channels) and `samplerate`.
Untrained weights become FOLDER/<input_repr>.h5; FOLDER/results.npz has

<input_repr> spectrograms : the package's, (n, rows, frames) float32
<input_repr> <size> : what its network makes of the audio, (n, size) float32
"""

import sys
import warnings
from pathlib import Path

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import openl3

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.openl3 import model as ours


def main(folder: Path) -> None:
    """Write the weights and the results."""
    ours.N_PINK_CLIPS = 1  # of 64
    with np.load(folder / "clip.npz") as file:
        audio, samplerate = file["audio"].astype(np.float64), int(file["samplerate"])
    windows = openl3.preprocess_audio(audio, samplerate).astype(np.float32)
    found = {}
    for input_repr in openl3.models.VALID_INPUT_REPRS:
        weights = folder / f"{input_repr}.h5"
        choose("openl3-untrained", {"input_repr": input_repr}).write_initial(weights)
        for size in openl3.models.VALID_AUDIO_EMBEDDING_SIZES:
            network = openl3.models.load_audio_embedding_model_from_path(weights, input_repr, size)
            found[f"{input_repr} {size}"] = network(windows).numpy()
        found[f"{input_repr} spectrograms"] = network.layers[1](windows).numpy()[..., 0]
    np.savez(folder / "results.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
