"""No BLAS of this environment uses kernels for older processors than this one."""

import numpy
import scipy.linalg
import torch

from embedding_sensitivity.files import kernels


def test_no_kernel_is_older_than_the_processor():
    found = kernels.find_blas()
    names = {numpy.__name__, scipy.__name__, torch.__name__}
    assert {blas.package for blas in found} >= names
    assert not [blas for blas in found if blas.is_old(kernels.has_avx2())]
    (own,) = [blas for blas in found if blas.package == "torch"]
    assert own.library != "unknown" and own.kernel
