"""NumPy 1.26, which TensorFlow needs, is warned of where its BLAS doesn't know the processor."""

import logging
from pathlib import Path

import numpy
import scipy.linalg
from threadpoolctl import threadpool_info

from embedding_sensitivity.files import kernels

# What OpenBLAS 0.3.23 takes where it doesn't know a processor: by its SSE, or by its AVX.
FALLBACKS = {"Prescott", "Core2", "Nehalem", "Sandybridge"}


def kernel_of(package: str) -> str:
    """What threadpoolctl reports of a package's OpenBLAS."""
    (kernel,) = [
        entry["architecture"]
        for entry in threadpool_info()
        if f"{package}.libs" in Path(entry["filepath"]).parts and entry["user_api"] == "blas"
    ]
    return kernel


def test_an_old_kernel_of_numpys_is_expected_and_warned_of(monkeypatch, caplog):
    """On a processor that OpenBLAS 0.3.23 knows (AMD's Zen, Intel's of 2017) there is none."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(kernels, "_logged", set())
    flags = kernels.CPUINFO.read_text().split()
    expected = "avx2" in flags and kernel_of("numpy") in FALLBACKS
    kernels.log_kernels()
    assert (kernels.WARNING in caplog.messages) is expected
    assert int(numpy.__version__.split(".")[0]) < 2


def test_no_kernel_of_scipys_is_older_than_the_processor():
    assert scipy.linalg
    (blas,) = [blas for blas in kernels.find_blas() if blas.package == "scipy"]
    assert not blas.is_old(kernels.has_avx2())
