"""CLAP (Elizalde et al., 2023): the audio encoders of the package msclap 1.3.4, 1024 values a clip.

Option `version` names the network: ``2023``, HTSAT, takes 7 s at 44.1 kHz, ``2022``, CNN14, 5 s.
As in the package, the embedding is not normalised.

The protocol's `clap_input` says how channels are joined. ``concatenated`` is the package's
``reshape(-1)``: first the whole left channel, then the right; from a stereo clip of 3 s the 2023
encoder gets left, right, and a second of left again. ``mono`` is their mean. A shorter signal is
repeated until it fills the input. From a longer one the package takes a part that starts at a
random place, different in each call. Here Python's generator is seeded with the option `crop_seed`
for each clip. So the place depends only on the clip's length, and a clip and its effected versions
are cut alike. An empty clip is silence. Each channel at another sample rate is resampled by soxr to
ceil(frames 44100 / rate) frames; the package uses torchaudio.

Only entries ``audio_encoder.`` of a checkpoint are used, and only the package's module of networks
is imported: the package itself needs transformers, torchaudio and a model hub.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import SEED, TORCH_STARTS, Backend, File, Initial, Model

PACKAGES = ("msclap", "torch", "torchlibrosa", "librosa", "numpy", "scipy", "soxr")


def declare_version(year: str, seconds: float, reported: str = "") -> Model:
    """Declare one of the package's networks; see `Model.seconds` and `File.reported`."""
    return Model(
        load=later(f"{__name__}.model", "load"),
        samplerate=44100,
        views={"embedding": 1024},
        backends={"torch": Backend("torch", PACKAGES, gpu=True)},
        files=(
            # What msclap's hf_hub_download gets; Zenodo record 8378278 has the same files.
            File(
                file_name=f"CLAP_weights_{year}.pth",
                url=f"https://huggingface.co/microsoft/msclap/resolve/main/CLAP_weights_{year}.pth",
                hash_kind="lock",
                digest="",
                licence="MS-PL",
                starts=TORCH_STARTS,
                reported=reported,
            ),
        ),
        options={"version": (year,), "crop_seed": SEED},
        initial=Initial(later(f"{__name__}.model", "write_initial"), "torch", PACKAGES, ".pth"),
        switches=("clap_input",),
        seconds=seconds,
        computes_with=(
            "embedding_sensitivity.models.clap.model",
            "embedding_sensitivity.models.shared.cnn14",
            "embedding_sensitivity.models.shared.frontend",
            "embedding_sensitivity.models.shared.initial",
            "embedding_sensitivity.models.shared.torch_model",
        ),
    )


# Several unrelated repositories on GitHub report this hash, for 689,950,036 bytes.
REPORTED = "2cef4016d47d00eb28d153d522f397222057f95000e9bad6b9583c631284a1e6"
MODEL = declare_version("2023", 0.2, REPORTED)
