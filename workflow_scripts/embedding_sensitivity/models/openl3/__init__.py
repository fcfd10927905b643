"""OpenL3 (Cramer et al., 2019), its audio network mel128, music, 512, of the package openl3 0.4.2.

A clip is mixed to one channel, resampled to 48 kHz and cut, as the package cuts it, into windows of
one second every 0.1 s, half a second of silence before it and at its end as much as completes the
last window: 26 windows for 3 s, one for a clip of half a second or none at all. The embedding is
the mean over windows.

Backend ``torch`` is `network.py`, on a GPU where there is one; ``upstream`` is the package's
own TensorFlow graph behind the package's own resampler. They differ, and must: the network looks
160 dB down, where every resampler and every float32 spectrum shows its rounding. Of one spectrogram
both make the same embedding, to 1e-6 of its norm. From audio on, the package is 1e-4 from its own
front end in exact arithmetic (1e-5 to 3e-4 with normalisations as they are initialised; 4e-4 to
3e-3 with the untrained control's, clip from clip being 1e-1): no other implementation can come
nearer to it. ``torch``, whose front end is in float64, is 1e-6 to 7e-5 from exact.
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
        # Where openl3's own setup.py gets it. The hash is of the packed file.
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
