"""Benchmarks of the analysis run: nothing else notices when what they time has another form."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


SIZES = {
    "bench_analysis": {"N_MODELS_BY_DIMENSION": {16: 1}, "COMPARED": 1},
    "bench_paper": {
        "MODELS": {"m": 12},
        "EFFECT_LEVELS": (6,),
        "N_LABELS": 3,
        "N_TRAIN": 24,
        "N_NEGATIVES": 12,
        "N_TEST_CLIPS": 72,
        "N_LEVELS": 6,
        "TRAINED_LEVELS": (1, 2, 3),
    },
    "bench_memory": {
        "N_LABELS": 3,
        "N_TRAIN": 12,
        "N_CLIPS": 72,
        "N_LEVELS": 6,
        "DIMENSION": 8,
        "PROCESSES": 1,
    },
}


@pytest.fixture
def bench(request, monkeypatch):
    """A benchmark's module, of few clips."""
    name = request.param
    spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for constant, value in SIZES[name].items():
        assert hasattr(module, constant)
        monkeypatch.setattr(module, constant, value)
    return module


@pytest.mark.parametrize("bench", ["bench_analysis", "bench_paper"], indirect=True)
def test_a_benchmark_prints_what_each_takes(bench, capsys):
    bench.main()
    said = capsys.readouterr().out
    assert "classifier" in said and "Traceback" not in said


@pytest.mark.parametrize("bench", ["bench_memory"], indirect=True)
def test_jobs_whose_memory_is_measured_write_their_tables(bench, tmp_path):
    bench.write(tmp_path)
    for name, methods in bench.JOBS.values():
        bench.run_group(name, methods, tmp_path)
        tables = [tmp_path / f"{table.name}.csv" for table in bench.find_job(name).tables]
        assert all(path.stat().st_size for path in tables)
