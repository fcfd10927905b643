"""How far pre-trained audio embeddings move under audio effects, and what projecting that out does.

The public names are those of `__all__`, each described with an example in docs/api.md. They are
loaded when first used: a Snakemake plan imports this package, and has no NumPy.

>>> import numpy as np
>>> import embedding_sensitivity as es
>>> X = np.random.default_rng(0).normal(size=(5, 40, 8))  # 5 levels of 40 clips, 8 dimensions
>>> X[..., 0] += np.arange(5)[:, None]  # the effect moves every clip along the first
>>> round(es.global_r2(X), 2)
0.73
"""

import importlib

__version__ = "0.1.0"
__all__ = [  # noqa: RUF022  (in the order of docs/api.md: from arrays to files to audio)
    "global_direction",
    "global_r2",
    "r2_along",
    "samplewise_r2",
    "null_r2",
    "r2_interval",
    "fit_directions",
    "project_out",
    "measure_displacement",
    "classify_under_effect",
    "read_store",
    "write_store",
    "render",
    "load_model",
    "embed",
    "InputError",
]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
