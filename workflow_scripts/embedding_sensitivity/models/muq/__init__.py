"""MuQ (Zhu et al., 2025), trained on music without labels: MuQ-large-msd-iter, 1024 values a layer.

The network is the class ``MuQ`` of the package muq 0.1.0: convolutions, then a conformer of 12
blocks with 25 frames a second. Option `layers` says what is kept:

- `last` (default): what leaves the last block, upstream's ``last_hidden_state``.
- `all`: every layer in one pass, each analysed as a model of its own, `muq.00` to `muq.12`. Layer
  `00` is what enters the first block, and `12` is the last.

A clip is mixed to one channel and resampled to 24 kHz. A clip longer than 30 s is cut into windows
side by side; the last of them ends with the clip and overlaps the one before. (Upstream takes a
file whole.) Silence extends a clip to at least 50 ms, since the first frame of the spectrogram
reaches 43 ms far. A layer is the mean over frames, and a long clip's the mean over windows.

The input is a spectrogram of 128 mel bands in decibels. Two fixed numbers, of the Million Song
Dataset, shift and scale it; it isn't normalised by the clip. So gain is visible: it adds a constant
to each band, down to a floor of -100 dB.

Every tensor of the network must be in the file of weights, and no others but those that only
training needs: of the targets' codebooks, the classes, a positional convolution that isn't used.
Sizes and numbers of the published config.json are in the code, since the package's defaults have
none. A test writes that file again, with the SHA-256 that users of it report.

The hub couldn't be reached where this was written. Commit, file names and SHA-256 are what several
unrelated projects on GitHub report. A file with the network's tensors has exactly the size that
they report. The first file's hash is pinned, and a warning says if it is another than theirs.
`weights` may be safetensors of the same tensors, or a file of PyTorch's, which is read without
running its code.

An untrained control has the package's initialisation and its batch norms' statistics. The package
would seed PyTorch itself where it makes codebooks; none are made here, so that the option `seed`
counts. The code's licence is MIT, the weights' CC BY-NC 4.0.
"""

from collections.abc import Mapping
from typing import Any

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import TORCH_STARTS, Backend, File, Initial, Model, name_layers
from embedding_sensitivity.models.muq.constants import DEPTH, DIMENSION, SAMPLERATE

PACKAGES = ("muq", "torchaudio", "transformers", "torch", "einops", "numpy", "soxr")
HUB = "OpenMuQ/MuQ-large-msd-iter"
# Several unrelated repositories on GitHub report them, for 1,333,825,096 bytes.
COMMIT = "0562a57814f6f8bbd9fdea0a25921a2fce1a841a"
REPORTED = "273febab2be02872c37d2c37e48a9d6c52c1c9392f3eeeabd498efa281ccb7a6"
# Of a file of safetensors with this network's tensors: the number of its header's bytes, and `{"`.
START = (63280).to_bytes(8, "little") + b'{"'


def vary(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the option `layers` changes: the view, and the columns of each layer in it."""
    if options["layers"] == "last":
        return {}
    columns = name_layers(range(DEPTH + 1), DIMENSION)
    return {"views": {"embedding": len(columns) * DIMENSION}, "layers": columns}


MODEL = Model(
    load=later(f"{__name__}.model", "load"),
    samplerate=SAMPLERATE,
    views={"embedding": DIMENSION},
    backends={"torch": Backend("muq", PACKAGES, gpu=True)},
    files=(
        File(
            file_name=f"{HUB.replace('/', '--')}--{COMMIT[:8]}--model.safetensors",
            url=f"https://huggingface.co/{HUB}/resolve/{COMMIT}/model.safetensors",
            hash_kind="lock",
            digest="",
            licence="CC BY-NC 4.0",
            starts=(START, *TORCH_STARTS),
            reported=REPORTED,
        ),
    ),
    options={"layers": ("last", "all")},
    vary=vary,
    initial=Initial(later(f"{__name__}.model", "write_initial"), "muq", PACKAGES, ".safetensors"),
    seconds=1.1,
    computes_with=(
        "embedding_sensitivity.models.hub.families",
        "embedding_sensitivity.models.hub.network",
        "embedding_sensitivity.models.muq.constants",
        "embedding_sensitivity.models.muq.model",
        "embedding_sensitivity.models.shared.frontend",
        "embedding_sensitivity.models.shared.initial",
        "embedding_sensitivity.models.shared.torch_model",
    ),
)
