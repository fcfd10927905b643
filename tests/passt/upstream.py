"""The package hear21passt as its authors call it, over the Python parts of torchaudio."""

import io
import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

import numpy as np
import torch


def _module(name: str, **contents) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(contents)
    return made


@contextmanager
def _quiet():
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def scene_embeddings(weights: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The package's `get_scene_embeddings` without logits, of samples (n, samples) at 32 kHz.

    Stand-ins are: torchaudio's compiled library; timm, whose download here is a file.
    """
    library = _module(
        "torchaudio._extension",
        fail_if_no_align=lambda function: function,
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
    )
    hub = _module("timm.models._hub", download_cached_file=lambda *a, **k: str(weights))
    stand_ins = [library, _module("timm"), _module("timm.models"), hub]
    before = set(sys.modules)
    sys.modules.update({each.__name__: each for each in stand_ins})
    try:
        with _quiet():
            import hear21passt.base as package

            model = package.load_model(mode="embed_only")
    finally:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("torchaudio", "timm", "hear21passt"):
                del sys.modules[name]

    def embed(samples: np.ndarray) -> np.ndarray:
        with _quiet():
            return package.get_scene_embeddings(torch.from_numpy(samples), model).numpy()

    return embed
