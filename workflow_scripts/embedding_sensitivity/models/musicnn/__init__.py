"""MusiCNN (Pons and Serra, 2019), MTT_musicnn of the package musicnn 0.1.0.

A clip is mixed to one channel, resampled to 16 kHz and cut, as the package's extractor cuts it,
into patches of 187 spectrogram frames (3 s) end to end; the last, incomplete patch is left out. The
embedding is the mean over patches. A clip shorter than one patch, on which the package fails, is
followed by silence up to one patch. (For a clip of several patches the package's ``penultimate``
repeats the first patch's: a slip in its loop over batches, not followed here.)

Backend ``numpy`` is `musicnn_network`; ``upstream`` is the package's own TensorFlow graph, in one
session for all clips.
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
