"""Which modules a script imports, by another implementation; and what of a module computes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from embedding_sensitivity.experiment import source_code
from embedding_sensitivity.experiment.source_code import (
    code_digest,
    find_code_files,
    find_imports,
    numeric_digest,
)

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflow_scripts"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def imported_modules(script: Path, functions: tuple[str, ...] | None = None) -> set[str]:
    """Names of the library's modules that a script imports, found by another implementation.

    With `functions`, of a copy of it whose other functions are empty, but for those they call.
    """
    folder = next(parent for parent in script.parents if parent.name == "workflow_scripts")
    if functions is not None:
        tree = ast.parse(script.read_text(encoding="utf-8"))
        kept = set(functions)
        for _ in tree.body:  # as many rounds as a chain of calls may be long
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.name in kept:
                    kept |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name not in kept:
                node.body = [ast.Pass()]
        script = script.with_name(f".{script.name}")
        script.write_text(ast.unparse(tree), encoding="utf-8")
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
    if functions is not None:
        script.unlink()
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
    assert find_code_files(FOLDER, script) == {FOLDER / f"{script}.py"} | expected


def test_what_a_script_chooses_is_added_with_what_that_imports():
    module = "embedding_sensitivity/models/logmel"
    expected = as_paths(imported_modules(FOLDER / f"{module}.py")) | {FOLDER / f"{module}.py"}
    assert (
        find_code_files(FOLDER, "measure", module) == find_code_files(FOLDER, "measure") | expected
    )


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
    assert find_imports(tmp_path, script) == {tmp_path / "embedding_sensitivity" / "x.py"}


def test_modules_of_others_are_none_of_the_librarys(tmp_path):
    (tmp_path / "numpy.py").touch()
    script = tmp_path / "script.py"
    script.write_text("import numpy\nfrom embedding_sensitivity import gone\nfrom . import near\n")
    assert find_imports(tmp_path, script) == set()


CODE = """
import logging

import numpy as np

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.progress import progress

log = logging.getLogger(__name__)
FLOOR = 1e-10


class Power:
    def mean(self, clips: list[np.ndarray]) -> np.ndarray:
        if not len(clips):
            raise InputError(f"{clips}: none: give some")
        rows = [np.maximum(clip, FLOOR).mean(axis=0) for clip in clips]
        return np.stack(rows)
"""


def changed(*pairs: tuple[str, str]) -> str:
    code = CODE
    for old, new in pairs:
        assert old in code
        code = code.replace(old, new)
    return code


@pytest.mark.parametrize(
    "code",
    [
        changed(("FLOOR = 1e-10", "# of power\nFLOOR = 1.0e-10")),
        changed(("class Power:", 'class Power:\n    """Of a clip."""\n')),
        changed(("give some", "give one or more")),
        changed(("        rows =", '        log.info("%d clips", len(clips))\n        rows =')),
        changed(("in clips]", 'in progress(clips, desc="mean")]')),
        changed(("files.errors", "files.refusals")),
        changed((": list[np.ndarray]) -> np.ndarray", ")")),
        changed(("rows = [np", "rows = [\n            np"), ("in clips]", "in clips\n        ]")),
    ],
)
def test_what_computes_nothing_changes_no_digest(code):
    assert code_digest(code) == code_digest(CODE)


@pytest.mark.parametrize(
    "code",
    [
        changed(("1e-10", "2e-10")),
        changed(("axis=0", "axis=1")),
        changed(("maximum", "minimum")),
        changed(("if not len(clips)", "if len(clips) < 2")),
        changed(("import numpy as np", "import cupy as np")),
        changed(("FLOOR = 1e-10", 'FLOOR = "1e-10"')),
        changed(("1e-10", "1e-10\nFLOOR += 0")),
    ],
)
def test_what_computes_changes_the_digest(code):
    assert code_digest(code) != code_digest(CODE)


EFFECT = """
EFFECT = Effect(parameter="a", range=(0, 1), make=make, options={"wet": 0.5}, seconds=1 / 900)
"""
MODEL = """
MODEL = Model(load=load, views={"a": 2}, files=(File("a.pth", licence="MIT"),), seconds=0.2)
"""


@pytest.mark.parametrize(
    ("code", "old", "new", "same"),
    [
        (EFFECT, '"a"', '"b"', True),
        (EFFECT, "(0, 1)", "(0, 2)", True),
        (EFFECT, "900", "800", True),
        (EFFECT, ", seconds=1 / 900", "", True),
        (EFFECT, "make=make", "make=other", False),
        (EFFECT, "0.5", "0.6", False),
        (MODEL, '"MIT"', '"BSD"', True),
        (MODEL, '{"a": 2}', '{"a": 2, "b": 3}', True),
        (MODEL, "load=load", "load=other", False),
    ],
)
def test_of_a_declaration_what_computes_counts(code, old, new, same):
    assert old in code
    assert (code_digest(code.replace(old, new)) == code_digest(code)) == same


def test_a_digest_is_the_same_in_every_version_of_python():
    """Recorded with 3.11: a version whose syntax trees differ must give the same."""
    assert code_digest(CODE)[:16] == "47a662feb7e4ca12"


def test_a_module_of_the_library_may_be_renamed():
    code = "from embedding_sensitivity.clips import {0}\n\nx = {0}.FULL_SCALE * 2\n"
    assert code_digest(code.format("audio")) == code_digest(code.format("compiled_loops"))
    # Not another library's.
    assert code_digest("import a\nx = a.y\n") != code_digest("import b\nx = b.y\n")


def test_names_and_order_of_files_are_no_matter(tmp_path):
    for name, code in (("a", "x = 1\n"), ("b", "x = 2\n"), ("c", "x = 1  # one\n")):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    a, b, c = (tmp_path / f"{name}.py" for name in "abc")
    assert numeric_digest([a, b]) == numeric_digest([b, c]) != numeric_digest([a])


def test_of_a_file_the_functions_called_count_and_what_they_call(tmp_path):
    for name in ("top", "a", "b", "c"):
        (tmp_path / "embedding_sensitivity").mkdir(exist_ok=True)
        (tmp_path / "embedding_sensitivity" / f"{name}.py").touch()
    script = tmp_path / "script.py"
    script.touch()
    mine = tmp_path / "elsewhere" / "mine.py"
    mine.parent.mkdir()
    mine.write_text(
        "import embedding_sensitivity.top\n"
        "def measure():\n    import embedding_sensitivity.a\n    return helper()\n"
        "def helper():\n    import embedding_sensitivity.b\n    return measure\n"
        "def draw():\n    import embedding_sensitivity.c\n",
        encoding="utf-8",
    )

    def found(*functions):
        paths = find_code_files(tmp_path, "script", (mine, functions)) - {script, mine}
        return sorted(path.stem for path in paths)

    assert found("measure", "conclude") == ["a", "b", "top"]
    assert found("draw") == ["c", "top"]
    assert found() == ["top"]


def test_a_scripts_digest_is_read_anew_where_a_file_is_another(tmp_path, monkeypatch):
    library = tmp_path / source_code.LIBRARY
    library.mkdir()
    script, module = tmp_path / "script.py", library / "module.py"
    script.write_text(f"from {source_code.LIBRARY} import module\n", encoding="utf-8")
    module.write_text("NUMBER = 1\n", encoding="utf-8")
    read = []
    before = source_code.find_code_files
    monkeypatch.setattr(
        source_code, "find_code_files", lambda *names: read.append(1) or before(*names)
    )

    def digest() -> str:
        for found in (source_code._state_of, source_code._digest, source_code.find_imports):
            found.cache_clear()
        return source_code.script_digest(tmp_path, "script")

    first = digest()
    assert digest() == first and len(read) == 1
    module.write_text("NUMBER = 1  # as it was\n", encoding="utf-8")
    assert digest() == first and len(read) == 2
    module.write_text("NUMBER = 2\n", encoding="utf-8")
    assert digest() != first
