"""PaSST (Koutini et al., 2022), trained on AudioSet's classes: 768 values a clip.

The network and its front end are those of the package hear21passt 0.0.26, with the weights that its
module `hear21passt.base` downloads, `passt_s_swa_p16_128_ap476`. The embedding is what its HEAR
interface, `get_scene_embeddings`, returns with `mode="embed_only"`: the mean of the last block's
tokens of the class and of distillation, after the last norm. The 527 logits of classes, which its
default mode puts before it, are left out.

A clip is mixed to one channel and resampled to 32 kHz. The front end is the package's: logarithms
of 128 mel bands of 25 ms every 10 ms, shifted and scaled by constants. Nothing is normalised by the
clip, so gain is visible. A clip longer than 10 s, the longest that the network takes, is cut into
windows of 10 s side by side. The last of them ends with the clip and overlaps the one before. The
embedding is the mean of the windows'. (The package takes a window every 2.5 s, of a clip that it
mirrors at both ends.) A clip under 0.16 s, 16 frames, is followed by silence up to that.

Every tensor of the network has to be in the file, in its shape, and no other. The address is that
in the package's code, and untested. No hash is published; several unrelated repositories report the
same SHA-256, and a file with another is used with a warning.

Of torchaudio only the module `compliance.kaldi` is imported: the rest needs an older torch. The
package timm isn't there: hear21passt would download with it.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import TORCH_STARTS, Backend, File, Initial, Model

PACKAGES = ("hear21passt", "torchaudio", "torch", "numpy", "soxr")

MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=32000,
    views={"embedding": 768},
    backends={"torch": Backend("passt", PACKAGES, gpu=True)},
    files=(
        File(
            file_name="passt-s-f128-p16-s10-ap.476-swa.pt",
            url="https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset/"
            "passt-s-f128-p16-s10-ap.476-swa.pt",
            hash_kind="lock",
            digest="",
            licence="Apache-2.0",
            starts=TORCH_STARTS,
            reported="302903fa8c4aee817b11dc982da0b29aaf8d11a3e722420476d0a12c9db70c2c",
        ),
    ),
    initial=Initial(later(f"{__name__}.model", "write_initial"), "passt", PACKAGES, ".pt"),
    seconds=0.5,
    computes_with=(
        "embedding_sensitivity.models.hub.network",
        "embedding_sensitivity.models.passt.model",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
        "embedding_sensitivity.models.shared.kaldi",
        "embedding_sensitivity.models.shared.torch_model",
    ),
)
