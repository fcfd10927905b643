"""What every environment's BLAS has to be."""

from types import ModuleType

from embedding_sensitivity.files import kernels


def check_kernels(*packages: ModuleType) -> None:
    """Check that no BLAS of loaded packages, `packages` among them, is for older processors."""
    found = kernels.find_blas()
    names = {package.__name__.partition(".")[0] for package in packages}
    assert {blas.package for blas in found} >= names
    assert not [blas for blas in found if blas.is_old(kernels.has_avx2())]
    if "torch" in names:
        (own,) = [blas for blas in found if blas.package == "torch"]
        assert own.library != "unknown" and own.kernel
