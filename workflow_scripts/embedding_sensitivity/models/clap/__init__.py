"""CLAP (Elizalde et al., 2023): the audio encoders of the package msclap 1.3.4, 1024 values a clip.

Option `version` names the network: ``2023``, HTSAT, takes 7 s at 44.1 kHz, ``2022``, CNN14, 5 s.
The embedding is, as in the package, not of unit length.

`clap_input` of the protocol says what becomes of a clip's channels. ``concatenated`` is the
package's ``reshape(-1)``: all of the left before all of the right, so that from a stereo clip of
3 s the 2023 encoder sees left, right and a second of left again; ``mono`` is their mean. What then
is shorter than the input is repeated until it fills it. From what is longer the package takes a
stretch that starts at a random place, another at each call; here the place is what the package's
draw gives when Python's generator was seeded with the option `crop_seed` just before. It so depends
on the clip's length alone, and a clip and its effected versions are cut alike. An empty clip is
silence. Audio of another sample rate is resampled with soxr, each channel for itself, to
ceil(frames 44100 / rate) frames; the package does that with torchaudio.

Only what is below ``audio_encoder.`` in a checkpoint is used, and of the package only its networks:
the package itself is never imported, since it wants transformers, torchaudio and a model hub.
"""

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.models import SEED, TORCH_STARTS, Backend, File, Initial, Model

PACKAGES = ("msclap", "torch", "torchlibrosa", "librosa", "numpy", "scipy", "soxr")


def declare_version(year: str, seconds: float, reported: str = "") -> Model:
    """Declare one of the package's networks; for `seconds` and `reported` see `Model`, `File`."""
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


# The hash is reported by several unrelated repositories on GitHub, of 689,950,036 bytes.
REPORTED = "2cef4016d47d00eb28d153d522f397222057f95000e9bad6b9583c631284a1e6"
MODEL = declare_version("2023", 0.2, REPORTED)
