"""OpenL3 (Cramer et al., 2019), the six audio networks of the package openl3 0.4.2.

Options have the package's names, and name a network and what is kept of it:

- `content_type`: the videos it was trained on, of `music` (default) or of the environment, `env`.
- `input_repr`: the spectrogram it takes, of 128 mel bands (`mel128`, default), 256 (`mel256`), or
  257 frequencies (`linear`).
- `embedding_size`: 512 (default), the maximum of each channel over a window's spectrogram. Or 6144,
  its maxima over twelve parts of it, four in frequency and three in time, channels together.

As in the package, a clip is mixed to one channel, resampled to 48 kHz and cut into windows of one
second every 0.1 s. Silence is added: half a second before the clip, and after it as much as
completes the last window. So 3 s give 26 windows, half a second or less gives one. The embedding is
the mean over windows.

Backend ``torch`` is `network.py`; ``upstream`` is the package's own TensorFlow graph and resampler.
Both give the same embedding of a spectrogram, to 1e-6 of its norm. Their embeddings of audio differ
because the network uses 160 dB of dynamic range, in which the rounding of every resampler and
float32 spectrum shows. Relative to exact arithmetic, the package is off by 1e-4 (1e-5 to 3e-4 with
initial normalisations; 4e-4 to 3e-3 with the untrained control's, where clips differ by 1e-1), so
no other implementation can be closer to it. ``torch``, whose front end is in float64, is off by
1e-6 to 7e-5. These numbers are of the default network. The other two, at 6144 and untrained, are
off by 3e-5 and 2e-4, the package by 2e-3 to 3e-3. Of noise at 96 kHz, which leaves no band empty,
both backends give the same from audio on: to 2e-6, and to 6e-6 with `linear`.

An untrained control has no `content_type`. All networks' weights have the same shapes, so only the
hash tells a file of another network. Files are known by git's blob ids, which branch `models` of
the repository marl/openl3 has (commit c2321e8c, "Models for v0.4.0").
"""

from collections.abc import Mapping
from typing import Any

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import Backend, File, Initial, Model
from embedding_sensitivity.models.openl3.constants import (
    CONTENT_TYPES,
    GRIDS,
    REPRESENTATIONS,
    name_weights,
)

UPSTREAM = ("openl3", "kapre", "resampy", "tensorflow-cpu", "keras", "librosa", "numpy")
# As in openl3's setup.py.
URL = "https://github.com/marl/openl3/raw/models/"
# Git's blob ids of the compressed files.
BLOBS = {
    "openl3_audio_linear_env-v0_4_0.h5.gz": "7837407f033f3564c7e8d53fc4a4241fe160478b",
    "openl3_audio_linear_music-v0_4_0.h5.gz": "4e2e61beb17865481c8b8791c72eac8307e2753a",
    "openl3_audio_mel128_env-v0_4_0.h5.gz": "8c3dfee140f7776373841e5938a3e76c54f28942",
    "openl3_audio_mel128_music-v0_4_0.h5.gz": "73ff29de441865318c4b3a3f98c40763c4773e7c",
    "openl3_audio_mel256_env-v0_4_0.h5.gz": "34dbd7a91cdd2de6a3d6d036ac0a24d27d78e3cc",
    "openl3_audio_mel256_music-v0_4_0.h5.gz": "15e483646fa3d4091a463f0affbb706e6bbbb098",
}
SECONDS = {"mel128": 2.5, "mel256": 4.5, "linear": 4.4}


def vary(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the embedding's dimension, the file of weights and the time of a network."""
    name = f"{name_weights(options)}.gz"
    return {
        "views": {"embedding": options["embedding_size"]},
        "files": (File(name, URL + name, "git_blob", BLOBS[name], "CC BY 4.0"),),
        "seconds": SECONDS[options["input_repr"]],
    }


OPTIONS = {
    "content_type": CONTENT_TYPES,
    "input_repr": tuple(REPRESENTATIONS),
    "embedding_size": tuple(GRIDS),
}
MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=48000,
    backends={
        "torch": Backend("torch", ("torch", "numpy", "scipy", "h5py"), gpu=True),
        "upstream": Backend("tensorflow", UPSTREAM),
    },
    options=OPTIONS,
    trained_options=("content_type",),
    vary=vary,
    **vary({key: values[0] for key, values in OPTIONS.items()}),
    initial=Initial(
        later(f"{__name__}.model", "write_initial"),
        "tensorflow",
        UPSTREAM,
        ".h5",
        options=("input_repr",),
    ),
    computes_with=(
        "embedding_sensitivity.models.openl3.constants",
        "embedding_sensitivity.models.openl3.model",
        "embedding_sensitivity.models.openl3.network",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
        "embedding_sensitivity.models.shared.kaiser_best",
        "embedding_sensitivity.models.shared.torch_model",
    ),
)
