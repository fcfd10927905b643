"""aiSFX (Ma and Lerch, ISMIR 2022), trained on libraries of sound effects: 512 values a clip.

The network is that of the package aisfx 0.1.2, with the checkpoint inside it, X-Sequential-CE. Rule
`convert_weights` writes the network's tensors, without the classifiers that it was trained with.

A clip is mixed to one channel and resampled to 44.1 kHz. Its spectrogram is essentia's, as in the
package: 96 mel bands of frames of 2048 samples every 1024, as log10(10000 power + 1). It is cut
into blocks of 100 frames (2.3 s) every 50. Silence extends a shorter one to a block; frames after
the last whole block are dropped. So 3 s give one block. The embedding is the mean over blocks. The
package fails on a clip of 50 frames (1.2 s) or less, which here is one block too.

The package adds random noise to frames that are silent or nearly so. Here none is added, which
changes the embedding of noise at -120 dB by 1e-6 of its norm, and that of music not at all. The
package's other front end, `librosa`, is not offered: it gives the network a transposed spectrogram,
and divides by the clip's peak.

The weights' licence is CC BY 4.0, essentia's AGPL-3.0.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import Backend, Initial, Model, Packaged

PACKAGES = ("aisfx", "essentia", "torch", "numpy", "soxr")

MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=44100,
    views={"embedding": 512},
    backends={"torch": Backend("aisfx", PACKAGES)},
    packaged=Packaged(
        convert=later(f"{__name__}.model", "convert"),
        environment="aisfx",
        packages=("aisfx", "torch"),
        file_name="checkpoint.pth",
        sha256="499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5",
        licence="CC BY 4.0",
        ending=".pth",
    ),
    initial=Initial(later(f"{__name__}.model", "write_initial"), "aisfx", PACKAGES, ".pth"),
    seconds=0.06,
    computes_with=(
        "embedding_sensitivity.models.aisfx.model",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
        "embedding_sensitivity.models.shared.torch_model",
    ),
)
