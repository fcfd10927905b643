"""The public API: its examples run, and it gives what the workflow's tables have."""

import ast
import doctest
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import embedding_sensitivity as es
from embedding_sensitivity import api, cli
from embedding_sensitivity.analysis.cca import global_cca
from embedding_sensitivity.analysis.correlation import global_r2, project
from embedding_sensitivity.embeddings.store import assemble_model

ROOT = Path(__file__).resolve().parents[2]
# Run where their packages are: tests/audio/test_api.py.
ELSEWHERE = {"render", "load_model", "embed"}
PUBLIC = [name for name in es.__all__ if name != "InputError"]


def examples(name: str) -> doctest.DocTest:
    found = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name, api)
    return next(test for test in found if test.examples)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in ELSEWHERE])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.DocTestRunner().run(examples(name))
    assert result.attempted and not result.failed


def test_the_package_s_own_example_runs():
    result = doctest.testmod(es)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_say_what_is_needed(name):
    text = getattr(api, name).__doc__
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        if not (section == "Returns" and name == "write_store"):
            assert f"    {section}\n    {'-' * len(section)}\n" in text, section


def test_the_names_are_loaded_lazily():
    code = (
        "import sys, embedding_sensitivity as es\n"
        "assert 'numpy' not in sys.modules and set(es.__all__) <= set(dir(es))\n"
        "es.global_r2; assert 'numpy' in sys.modules and 'h5py' not in sys.modules\n"
        "es.nothing"
    )
    environment = {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1].startswith("AttributeError: module 'embedding_sensitivity'")


def test_global_r2_is_the_tables_own():
    X = np.random.default_rng(1).normal(size=(5, 30, 20))
    X[..., 3] += np.linspace(0, 2, 5)[:, None]
    u, _ = global_cca(X)
    assert es.global_r2(X) == global_r2(project(X, u), saturated=False)
    assert np.array_equal(es.global_direction(X), u)
    # Rows in any order, with a level each.
    order = np.random.default_rng(2).permutation(150)
    levels = np.repeat(["-40.0", "-30.5", "-2.0", "0.0", "7.0"], 30)
    mixed = es.global_r2(X.reshape(150, 20)[order], levels[order])
    assert mixed == pytest.approx(es.global_r2(X), abs=1e-6)
    # As many points as dimensions fit any levels.
    assert es.global_r2(X[:, :4]) == 1.0


def test_classifiers_of_several_conditions_are_those_of_each():
    random = np.random.default_rng(0)
    label = random.random(50) < 0.4
    X = random.normal(size=(3, 50, 6)) + label[:, None] * np.array([2.0, 0, 0, 0, 0, 0])
    together = es.classify_under_effect(X[:, :35], label[:35], X[:, 35:], label[35:])
    alone = [
        [es.classify_under_effect(a[:35], label[:35], b[35:], label[35:]).item() for b in X]
        for a in X
    ]
    assert together == pytest.approx(np.array(alone))
    debiased = es.classify_under_effect(
        X[0, :35], label[:35], X[0, 35:], label[35:], basis=np.eye(6)[:1]
    )
    assert debiased < together[0, 0]


X = np.zeros((3, 4, 2))
BAD = {
    "global_r2": [(np.zeros(3),), (np.zeros((4, 2)),), (X, [1, 2]), (X, [1, 1, 1]), (X + np.nan,)],
    "r2_along": [(X, [[1]])],
    "samplewise_r2": [(X[0],)],
    "null_r2": [(X[0],)],
    "r2_interval": [(X, [1, 0], ["a"])],
    "fit_directions": [(X, X), (X, X[0], [True]), (X, X[0], [True] * 3)],
    "project_out": [(X, [1.0, 0, 0]), (X, [[1, 0], [1, 0]])],
    "measure_displacement": [(X, X[0].T)],
    "classify_under_effect": [(X, [True] * 4, X, [True] * 4), (X, [True], X, [True])],
    "read_store": [("nothing.h5",)],
    "write_store": [("new.h5", X, ["a"], ["0"])],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments in BAD[name]:
        with pytest.raises(es.InputError, match=r"^[\w.]+: .+"):
            getattr(es, name)(*arguments)


def test_arithmetic_is_the_library_s_own():
    """The API composes: beyond comparing and reshaping it imports no numerical function."""
    tree = ast.parse((ROOT / "workflow_scripts/embedding_sensitivity/api.py").read_text("utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "scipy" not in {getattr(node, "module", "") or "" for node in imported}


def test_the_notebook_runs(tmp_path, monkeypatch):
    """Its cells as they are, on stores of the demo's layout."""
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    folder = Path("results/demo/embeddings/musicnn")
    (folder / "original").mkdir(parents=True)
    clips = [f"clip{index}" for index in range(12)]
    original = np.random.default_rng(0).normal(size=(12, 5))
    effected = original + np.arange(3)[:, None, None] * [1.0, 0, 0, 0, 0]
    es.write_store(folder / "original" / "0123abcd.h5", original, clips)
    es.write_store(folder / "gain.h5", effected, clips, ["-20.0", "-10.0", "0.0"])
    notebook = json.loads((ROOT / "docs" / "first_curve.ipynb").read_text(encoding="utf-8"))
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    assert sum(text.count("\n") + 1 for text in code) <= 20
    *cells, last = code
    names = {}
    for text in cells:
        exec(text, names)
    (line,) = names["plt"].gca().get_lines()
    assert list(line.get_xdata()) == [-20, -10, 0] and line.get_ydata()[0] == 0
    *statements, value = last.splitlines()
    exec("\n".join(statements), names)
    assert 0 < eval(value, names) <= 1


def test_the_command_exports_where_there_is_no_snakemake(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shared = {"model": "mine", "data_sha256": "0"}
    es.write_store("original.h5", np.eye(2), ["a", "b"], attributes=shared)
    es.write_store("gain.h5", np.ones((1, 2, 2)), ["a", "b"], ["-1.0"], shared)
    assemble_model("model.h5", "original.h5", {"gain": "gain.h5"})
    assert cli.main(["export", "model.h5", "copy.h5"]) == 0
    Path("gain.h5").unlink()
    with h5py.File("copy.h5") as copy:
        assert copy["gain/embeddings"][:].tolist() == [[[1, 1], [1, 1]]]
    assert cli.main(["export", "model.h5", "again.h5"]) == 1
    assert cli.main(["export", "model.h5"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and "gain.h5" in first
    assert "copy" in second and "--help" in second
