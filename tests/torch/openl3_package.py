"""What the package openl3 makes of clips, for test_openl3.py; run with envs/tensorflow's Python.

Usage: openl3_package.py WEIGHTS CLIPS FOLDER; untrained WEIGHTS are made where there are none.
CLIPS and FOLDER/results.npz have ``audio_<i>`` (frames, channels) and ``samplerate_<i>``, and

windows_<i> : the package's input, (n, 48000) float32
log_mel_<i> : the package's spectrograms of them, (n, 128, 199) float32
frames_<i> : what its function returns for the clip, (n, 512) float32
exact_<i> : the same from spectrograms in float64 on, rounded to float32
cnn_<i> : the same from the package's spectrograms on
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


def main(weights: str, clips: str, folder: str) -> None:
    """Write the results."""
    if not Path(weights).exists():
        ours.N_PINK_CLIPS = 2  # of 64
        choose("openl3-untrained").write_initial(weights)
    load = openl3.models.load_audio_embedding_model_from_path
    whole = load(weights, "mel128", 512)
    from_spectrogram = load(weights, "mel128", 512, frontend="librosa")
    front_end = whole.layers[1]
    found = {"sha256": choose("openl3", {"backend": "upstream"}).load(weights).weights_sha256}
    with np.load(clips) as file:
        for index in range(len(file) // 2):
            audio, samplerate = file[f"audio_{index}"], int(file[f"samplerate_{index}"])
            windows = openl3.preprocess_audio(audio.astype(np.float64), samplerate)
            windows = windows.astype(np.float32)
            exact = [ours.spectrogram(window[0], "mel128") for window in windows]
            exact = np.stack(exact).astype(np.float32)
            log_mel = front_end(windows).numpy()
            frames, _ = openl3.get_audio_embedding(
                audio.astype(np.float64), samplerate, model=whole, verbose=False
            )
            found |= {
                f"windows_{index}": windows[:, 0],
                f"log_mel_{index}": log_mel[..., 0],
                f"frames_{index}": frames,
                f"exact_{index}": from_spectrogram(exact[..., None]).numpy(),
                f"cnn_{index}": from_spectrogram(log_mel).numpy(),
            }
    np.savez(Path(folder, "results.npz"), **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
