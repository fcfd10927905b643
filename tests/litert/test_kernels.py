"""No BLAS of this environment uses kernels for older processors than this one."""

import numpy
import scipy.linalg

from support.blas import check_kernels


def test_no_kernel_is_older_than_the_processor():
    check_kernels(numpy, scipy.linalg)
