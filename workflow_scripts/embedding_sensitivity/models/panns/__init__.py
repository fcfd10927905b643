"""PANNs (Kong et al., 2020): CNN14 of the package panns-inference 0.1.1, 2048 values a clip.

A clip is mixed to one channel and resampled to 32 kHz, like ``librosa.load(path, sr=32000)`` before
the package's ``AudioTagging.inference``. The network takes whole clips of any length: its embedding
combines mean and maximum over time. Silence extends a clip to at least 31 hops (0.31 s), since
pooling leaves nothing of a shorter one.

The network is the package's own class. The package itself is never imported: it would download a
list of labels to the home folder by wget, and its ``AudioTagging`` overwrites a missing or small
checkpoint.

There is no other network to choose. The package has one class besides `Cnn14`,
`Cnn14_DecisionLevelMax`, which returns probabilities of a clip and its frames and no embedding.
It has no class for the other checkpoints of the paper, such as Cnn14_16k, Cnn10 or Cnn6.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import Backend, File, Initial, Model

PACKAGES = ("panns-inference", "torch", "torchlibrosa", "librosa", "numpy", "scipy", "soxr")

MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=32000,
    views={"embedding": 2048},
    backends={"torch": Backend("torch", PACKAGES, gpu=True)},
    files=(
        File(
            file_name="Cnn14_mAP=0.431.pth",
            url="https://zenodo.org/records/3987831/files/Cnn14_mAP%3D0.431.pth?download=1",
            hash_kind="sha256",
            digest="0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
            licence="CC BY 4.0",
            size=327_428_481,
        ),
    ),
    initial=Initial(later(f"{__name__}.model", "write_initial"), "torch", PACKAGES, ".pth"),
    seconds=0.13,
    computes_with=(
        "embedding_sensitivity.models.panns.model",
        "embedding_sensitivity.models.shared.cnn14",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
        "embedding_sensitivity.models.shared.torch_model",
    ),
)
