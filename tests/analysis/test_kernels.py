"""Kernels of BLAS: what is logged, what is warned of, and that none here is an old one."""

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import scipy.linalg

from embedding_sensitivity.files import kernels
from embedding_sensitivity.files.kernels import Blas
from support.blas import check_kernels

ROOT = Path(__file__).resolve().parents[2]


def test_no_kernel_is_older_than_the_processor():
    check_kernels(numpy, scipy.linalg)


@pytest.mark.parametrize(
    ("kernel", "old"),
    [
        *((kernel, True) for kernel in ("Prescott", "Katmai", "Nehalem", "Core2", "Penryn")),
        *((kernel, True) for kernel in ("Dunnington", "Atom", "Sandybridge", "DEFAULT")),
        *((kernel, False) for kernel in ("Haswell", "Zen", "SkylakeX", "Cooperlake")),
        *((kernel, False) for kernel in ("SapphireRapids", "AVX2", "AVX512", "")),
    ],
)
def test_a_kernel_is_old_where_the_processor_has_avx2_and_it_has_not(kernel, old):
    blas = Blas("numpy", "openblas", "0.3.23.dev", kernel)
    assert blas.is_old(avx2=True) is old
    assert not blas.is_old(avx2=False)


@pytest.mark.parametrize(
    ("text", "avx2"),
    [
        ("flags\t\t: fpu sse2 avx avx2 bmi2\n", True),
        ("model name\t: says avx2\nflags\t\t: fpu sse2 avx\n", False),
        ("flags\t\t: fpu avx avx2_other\n", False),
        (None, False),
    ],
)
def test_avx2_is_read_from_the_processors_flags(monkeypatch, tmp_path, text, avx2):
    monkeypatch.setattr(kernels, "CPUINFO", tmp_path / "cpuinfo")
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert kernels.has_avx2() is avx2


def test_pytorchs_own_blas_is_read_from_what_it_says_of_itself(monkeypatch):
    said = (
        "  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605\n"
        "  - Build settings: BLAS_INFO=mkl, BUILD_TYPE=Release, LAPACK_INFO=mkl\n"
    )
    assert kernels._describe_torch(said, "AVX512") == Blas("torch", "mkl", "2024.2", "AVX512")
    built = kernels._describe_torch("  - Build settings: BLAS_INFO=open\n", "DEFAULT")
    assert built == Blas("torch", "open", "of unknown version", "DEFAULT")
    torch = SimpleNamespace(
        __config__=SimpleNamespace(show=lambda: said),
        backends=SimpleNamespace(cpu=SimpleNamespace(get_cpu_capability=lambda: "AVX512")),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert Blas("torch", "mkl", "2024.2", "AVX512") in kernels.find_blas()


def test_each_blas_is_logged_once_and_old_kernels_warned_of_once(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    found = [Blas("numpy", "openblas", "0.3.31", "SkylakeX")]
    monkeypatch.setattr(kernels, "_logged", set())
    monkeypatch.setattr(kernels, "find_blas", lambda: found)
    monkeypatch.setattr(kernels, "has_avx2", lambda: True)
    kernels.log_kernels()
    assert caplog.messages == ["BLAS of numpy: openblas 0.3.31, kernel SkylakeX"]
    caplog.clear()
    found += [Blas("scipy", "openblas", "0.3.23", "Prescott"), Blas("x", "mkl", "1", "")]
    kernels.log_kernels()
    assert caplog.messages == [
        "BLAS of scipy: openblas 0.3.23, kernel Prescott",
        "BLAS of x: mkl 1, kernel unknown",
        kernels.WARNING,
    ]
    assert caplog.records[-1].levelno == logging.WARNING and "\n" not in kernels.WARNING
    caplog.clear()
    found.append(Blas("torch", "mkl", "2024.2", "DEFAULT"))
    kernels.log_kernels()
    assert caplog.messages == ["BLAS of torch: mkl 2024.2, kernel DEFAULT"]


SCRIPT = """
import sys
from types import SimpleNamespace
from embedding_sensitivity.files.logs import configure_logging
job = SimpleNamespace(rule="test", wildcards={}, log=[sys.argv[1]])
if sys.argv[2] == "late":
    configure_logging(job)
    import numpy
else:
    import numpy
    configure_logging(job)
import scipy.linalg
if sys.argv[2] == "failing":
    raise MemoryError
"""


@pytest.mark.parametrize("how", ["early", "late", "failing"])
def test_a_jobs_log_names_what_was_loaded_before_and_since(tmp_path, how):
    log = tmp_path / "job.log"
    command = [sys.executable, "-c", SCRIPT, log, how]
    library = {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    done = subprocess.run(command, env=library, stderr=subprocess.PIPE, text=True)
    lines = log.read_text().splitlines()
    of = [line.partition("BLAS of ")[2].partition(":")[0] for line in lines if "BLAS of" in line]
    if how == "failing":
        # The reason is the last line; what was loaded since the start isn't named after it.
        assert of == ["numpy"] and "memory ran out" in lines[-1] and done.returncode == 1
    else:
        assert of == ["numpy", "scipy"] and done.returncode == 0
    assert not [line for line in lines if " WARNING " in line]
