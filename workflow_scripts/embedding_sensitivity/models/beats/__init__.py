"""BEATs (Chen et al., 2023), trained on AudioSet without labels: 768 values a clip, 12 blocks.

The network and its front end are the class `BeatsEncoder` of the package openbeats 0.1.1, which
reads Microsoft's checkpoints. The weights are of the third iteration, `BEATs_iter3_plus_AS2M`.

Option `layers`:

- `last` (default): what leaves the last block, the mean over all patches.
- `all`: what enters the first block and what leaves each of the twelve, in one pass. They are
  models of their own, `beats.00` to `beats.12`; each is the mean over all patches.

A clip is mixed to one channel and resampled to 16 kHz. The front end is Kaldi's: the logarithms of
128 mel bands of 25 ms every 10 ms, shifted and scaled by constants. Nothing is normalised by the
clip, so gain is visible. A patch is 16 frames by 16 bands; frames after the last whole patch, 0.15
s at most, are dropped. So 3 s give 144 patches. A clip longer than 10 s, the length of the
training's clips, is cut into windows of 10 s side by side. The last of them ends with the clip and
overlaps the one before. The embedding is the mean of the windows'. A clip under 0.2 s is followed
by silence up to that; the package repeats it.

Every tensor of the network has to be in the file, in its shape. One that is left over is an error,
unless it is of what only training needs (`predictor.`, `decoder.`, `classifier.`). `weights` may
also name another checkpoint of 12 blocks of 768 values that has its configuration beside the
tensors (`cfg`, `model`): Microsoft's other iterations, or OpenBEATs' Base. The package's attention
for GPUs is off, since it drops values at random outside of training too.

Microsoft's links no longer work, users report. The address is of a copy on a model hub, and
untested. Several unrelated repositories report the same SHA-256 for 361,499,833 bytes of it; a file
with another is used with a warning.

The untrained control has the checkpoint's configuration, as other repositories print it. Of
torchaudio only the module `compliance.kaldi` is imported: the rest needs an older torch.
"""

from collections.abc import Mapping
from typing import Any

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import TORCH_STARTS, Backend, File, Initial, Model, name_layers

PACKAGES = ("openbeats", "torchaudio", "torch", "numpy", "soxr")
DIMENSION = 768
BLOCKS = 12


def vary(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the option `layers` changes: the view, and the columns of each layer in it."""
    if options["layers"] == "last":
        return {}
    columns = name_layers(range(BLOCKS + 1), DIMENSION)
    return {"views": {"embedding": len(columns) * DIMENSION}, "layers": columns}


MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=16000,
    views={"embedding": DIMENSION},
    backends={"torch": Backend("beats", PACKAGES, gpu=True)},
    files=(
        File(
            file_name="BEATs_iter3_plus_AS2M.pt",
            url="https://huggingface.co/lpepino/beats_ckpts/resolve/main/BEATs_iter3_plus_AS2M.pt",
            hash_kind="lock",
            digest="",
            licence="MIT",
            starts=TORCH_STARTS,
            reported="d43cbfad4d7b56381c061d7a24774f908d4d94c72961f6eb1d9090ff18cd8d34",
        ),
    ),
    options={"layers": ("last", "all")},
    vary=vary,
    initial=Initial(later(f"{__name__}.model", "write_initial"), "beats", PACKAGES, ".pt"),
    seconds=0.25,
    computes_with=(
        "embedding_sensitivity.models.beats.model",
        "embedding_sensitivity.models.hub.network",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
        "embedding_sensitivity.models.shared.kaldi",
        "embedding_sensitivity.models.shared.torch_model",
    ),
)
