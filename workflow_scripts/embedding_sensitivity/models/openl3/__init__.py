"""OpenL3 (Cramer et al., 2019), its audio network mel128, music, 512, of the package openl3 0.4.2.

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
1e-6 to 7e-5.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import Backend, File, Initial, Model

UPSTREAM = ("openl3", "kapre", "resampy", "tensorflow-cpu", "keras", "librosa", "numpy")

MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=48000,
    views={"embedding": 512},
    backends={
        "torch": Backend("torch", ("torch", "numpy", "scipy", "h5py"), gpu=True),
        "upstream": Backend("tensorflow", UPSTREAM),
    },
    files=(
        # As in openl3's setup.py. The hash is of the compressed file.
        File(
            file_name="openl3_audio_mel128_music-v0_4_0.h5.gz",
            url="https://github.com/marl/openl3/raw/models/openl3_audio_mel128_music-v0_4_0.h5.gz",
            hash_kind="git_blob",
            digest="73ff29de441865318c4b3a3f98c40763c4773e7c",
            licence="CC BY 4.0",
        ),
    ),
    initial=Initial(later(f"{__name__}.model", "write_initial"), "tensorflow", UPSTREAM, ".h5"),
    seconds=2.5,
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
