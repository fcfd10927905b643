"""MusiCNN (Pons and Serra, 2019), MTT_musicnn of the package musicnn 0.1.0.

As in the package, a clip is mixed to one channel, resampled to 16 kHz and cut into adjacent patches
of 187 spectrogram frames (3 s); an incomplete last patch is dropped. The embedding is the mean over
patches. Silence extends a shorter clip, on which the package fails, to one patch. (For several
patches the package's ``penultimate`` repeats that of the first, a bug that is not copied here.)

Backend ``numpy`` is `network.py`; ``upstream`` is the package's own TensorFlow graph.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import Backend, Initial, Model

PACKAGES = ("musicnn", "numpy", "scipy", "soxr")

MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=16000,
    views={"mean_pool": 753, "penultimate": 200},
    backends={
        "numpy": Backend("musicnn", PACKAGES),
        "upstream": Backend("tensorflow", (*PACKAGES, "tensorflow-cpu")),
    },
    initial=Initial(later(f"{__name__}.model", "write_initial"), "musicnn", ("numpy", "scipy")),
    seconds=0.025,
    computes_with=(
        "embedding_sensitivity.models.musicnn.model",
        "embedding_sensitivity.models.musicnn.network",
        "embedding_sensitivity.models.shared.checkpoint",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
    ),
)
