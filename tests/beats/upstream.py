"""The package openbeats as its authors call it: all of its code, over torchaudio's Python parts."""

import sys
import warnings
from types import ModuleType

import numpy as np


def _module(name: str, **contents) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(contents)
    return made


def open_beats_class() -> type:
    """The package's `OpenBeats`, imported over the whole of torchaudio but its compiled library."""
    library = _module(
        "torchaudio._extension",
        fail_if_no_align=lambda function: function,
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
    )
    before = set(sys.modules)
    sys.modules[library.__name__] = library
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from openbeats.model import OpenBeats
    finally:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("torchaudio", "openbeats"):
                del sys.modules[name]
    return OpenBeats


def embed(model, samples: np.ndarray) -> np.ndarray:
    """The mean over patches of what the package's own call returns: (768,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.encode(samples)["patch_embeddings"].mean(0)
