"""Log which BLAS a process uses, and warn if its kernels are older than the processor.

OpenBLAS picks its kernels by the processor's model number. A processor that is newer than the
library gets those of an old one, which computes the same, but up to 15 times as slowly.
"""

import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# OpenBLAS's names of its kernels for processors without AVX2, in lower case, and PyTorch's.
OLD_KERNELS = {
    *("katmai", "coppermine", "northwood", "prescott", "banias", "atom", "core2", "penryn"),
    *("dunnington", "nehalem", "sandybridge", "athlon", "opteron", "opteron_sse3", "barcelona"),
    *("bobcat", "bulldozer", "piledriver", "steamroller", "nano", "default"),
}
# The same text in every job, so that the screen shows it once.
WARNING = (
    "matrix products are slow here: a BLAS uses kernels for processors without AVX2, which this "
    "one has (the job's log names them). NumPy 1.26, which TensorFlow needs, doesn't know newer "
    "processors: use the model's other backend (musicnn: numpy, openl3: torch), or try "
    "OPENBLAS_CORETYPE=Haswell; where OPENBLAS_CORETYPE is set to an older processor, unset it"
)

_logged: set["Blas"] = set()


@dataclass(frozen=True)
class Blas:
    """A BLAS in this process.

    Attributes
    ----------
    package : whose it is, as far as its place says so
    library : openblas, mkl, ...
    version : of the library
    kernel : the processor, or the instruction set, whose kernels it uses; empty if it doesn't say
    """

    package: str
    library: str
    version: str
    kernel: str

    def is_old(self, avx2: bool) -> bool:
        """Whether the kernels are for processors without AVX2, on a processor that has it."""
        return avx2 and self.kernel.lower() in OLD_KERNELS


def find_blas() -> list[Blas]:
    """Return every BLAS loaded so far, ordered by package; none before NumPy is imported."""
    if "numpy" not in sys.modules:
        return []
    from threadpoolctl import threadpool_info  # in every environment that has NumPy

    found = [
        Blas(
            package=Path(entry["filepath"]).parent.name.removesuffix(".libs"),
            library=entry["internal_api"],
            version=entry["version"] or "of unknown version",
            kernel=entry.get("architecture") or "",
        )
        for entry in threadpool_info()
        if entry["user_api"] == "blas"
    ]
    if torch := sys.modules.get("torch"):
        found.append(
            _describe_torch(torch.__config__.show(), torch.backends.cpu.get_cpu_capability())
        )
    return sorted(found, key=lambda blas: blas.package)


def _describe_torch(built_with: str, capability: str) -> Blas:
    """Return PyTorch's BLAS, which may be linked statically and thus not be listed."""
    library = re.search(r"\bBLAS_INFO=(\w+)", built_with)
    version = re.search(r"Math Kernel Library Version ([\d.]+)", built_with)
    return Blas(
        package="torch",
        library=library[1] if library else "unknown",
        version=version[1] if version else "of unknown version",
        kernel=capability,
    )


def has_avx2() -> bool:
    """Whether the processor has AVX2, according to Linux."""
    try:
        return bool(re.search(r"^flags\s*:.*\bavx2\b", CPUINFO.read_text(), re.MULTILINE))
    except FileNotFoundError:
        return False


def log_kernels() -> None:
    """Log each BLAS loaded since the last call; warn of old kernels once a process."""
    new = [blas for blas in find_blas() if blas not in _logged]
    avx2 = has_avx2()
    for blas in new:
        logging.info(
            "BLAS of %s: %s %s, kernel %s",
            blas.package,
            blas.library,
            blas.version,
            blas.kernel or "unknown",
        )
    warned = any(blas.is_old(avx2) for blas in _logged)
    if not warned and any(blas.is_old(avx2) for blas in new):
        logging.warning(WARNING)
    _logged.update(new)
