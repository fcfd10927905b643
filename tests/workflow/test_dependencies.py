"""Which library modules a script imports, compared with the standard library's module finder."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedding_sensitivity.experiment.dependencies import imported_by, library_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflow_scripts"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def imported_modules(script: Path) -> set[str]:
    """Names of the library's modules that a script imports, found by another implementation."""
    folder = next(parent for parent in script.parents if parent.name == "workflow_scripts")
    code = (
        "import modulefinder, sys\n"
        "finder = modulefinder.ModuleFinder(path=[sys.argv[1]])\n"
        "finder.run_script(sys.argv[2])\n"
        "print(*(name for name in finder.modules if name.startswith('embedding_sensitivity.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def as_paths(names: set[str]) -> set[Path]:
    targets = [FOLDER.joinpath(*name.split(".")) for name in names]
    return {
        target / "__init__.py" if target.is_dir() else target.with_suffix(".py")
        for target in targets
    }


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_depends_on_the_modules_that_it_imports(script):
    expected = as_paths(imported_modules(FOLDER / f"{script}.py"))
    assert library_of(FOLDER, script) == {FOLDER / f"{script}.py"} | expected


def test_what_a_script_chooses_is_added_with_what_that_imports():
    module = "embedding_sensitivity/models/logmel"
    expected = as_paths(imported_modules(FOLDER / f"{module}.py")) | {FOLDER / f"{module}.py"}
    assert library_of(FOLDER, "classify", module) == library_of(FOLDER, "classify") | expected


@pytest.mark.parametrize(
    "code",
    [
        "import embedding_sensitivity.x",
        "from embedding_sensitivity.x import y",
        "from embedding_sensitivity import x",
        "import os, embedding_sensitivity.x as z",
        "def f():\n    if True:\n        import embedding_sensitivity.x",
        "try:\n    pass\nexcept OSError:\n    from embedding_sensitivity import x\nelse:\n    pass",
        "try:\n    pass\nfinally:\n    with f() as g:\n        from embedding_sensitivity import x",
        "class A:\n    async def f(self):\n        for _ in ():\n"
        "            import embedding_sensitivity.x",
        "match 1:\n    case _:\n        import embedding_sensitivity.x",
    ],
)
def test_an_import_is_found_wherever_it_stands(tmp_path, code):
    (tmp_path / "embedding_sensitivity").mkdir()
    (tmp_path / "embedding_sensitivity" / "x.py").touch()
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    assert imported_by(tmp_path, script) == {tmp_path / "embedding_sensitivity" / "x.py"}


def test_modules_of_others_are_none_of_the_librarys(tmp_path):
    (tmp_path / "numpy.py").touch()
    script = tmp_path / "script.py"
    script.write_text("import numpy\nfrom embedding_sensitivity import gone\nfrom . import near\n")
    assert imported_by(tmp_path, script) == set()
