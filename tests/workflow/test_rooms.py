"""The library's rooms: which may import which, how large they are, and what a plan needs."""

import ast
import functools
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "workflow_scripts" / "embedding_sensitivity"
# A room imports those before it alone; effects and models don't import each other.
FLOORS = (
    {"files"},
    {"clips"},
    {"effects", "models"},
    {"downloads"},
    {"experiment"},
    {"embeddings"},
    {"analysis"},
    {"figures"},
    {"measures"},
    {"page"},
    {"commands"},
)
# Above them all, beside the rooms: what people import and what they call.
TOP = {"api.py", "cli.py"}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# One file an entry, however many there are.
COLLECTIONS = {"effects", "models", "figures", "measures"}
MAX_FILES = 15
# What no environment of Snakemake's own has.
NOT_AT_PLAN_TIME = ("numpy", "scipy", "h5py", "soundfile")


def modules() -> list[Path]:
    return sorted(path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY)


def room_of(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0]


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a module imports from, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith(f"{LIBRARY.name}.")}
    return found


def test_every_folder_of_the_library_is_a_room():
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == set(FLOOR)
    assert {path.name for path in LIBRARY.glob("*.py")} == TOP | {"__init__.py"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_no_import_runs_upwards(path):
    room = room_of(path)
    for other in imported_rooms(path) - {room}:
        assert FLOOR[other] < FLOOR[room], f"{path.name} of {room} imports from {other}"


class Imports(ast.NodeVisitor):
    """Modules of the library that a module imports, inside functions too, but not for types."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}


def test_no_modules_import_each_other_in_a_circle():
    graph = {}
    for path in modules():
        name = ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
        imports = Imports()
        imports.visit(ast.parse(path.read_text(encoding="utf-8")))
        graph[name.removesuffix(".__init__")] = imports.found
    known = {name: imports & set(graph) - {name} for name, imports in graph.items()}
    list(TopologicalSorter(known).static_order())  # raises CycleError with the circle


def test_no_room_is_crowded():
    for room in set(FLOOR) - COLLECTIONS:
        files = list((LIBRARY / room).glob("*.py"))
        assert len(files) <= MAX_FILES, room


def configs() -> list[Path]:
    """The configs of runs from audio: that of embeddings needs the files (test_imports.py)."""
    found = sorted(ROOT.glob("config/*.yaml"))
    return [path for path in found if "data" in yaml.safe_load(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("config", configs(), ids=lambda path: path.stem)
def test_a_plan_needs_no_numerical_package(config, project):
    """Each config is planned where none of those packages can be imported."""
    name = config.name
    project.path(name).write_bytes(config.read_bytes())
    # What config/folder.yaml names: a plan lists files, and reads none.
    for label in ("flute", "violin"):
        folder = project.path(f"my_clips/{label}")
        folder.mkdir(parents=True)
        for number in range(8):
            (folder / f"rec{number // 2}_{label}{number}.wav").touch()
    code = (
        "import sys\n"
        "from snakemake.cli import get_argument_parser, main\n"
        "get_argument_parser()\n"  # imports the plugins: that for Slurm takes pandas along
        f"for name in {NOT_AT_PLAN_TIME}:\n"
        "    sys.modules[name] = None\n"
        "main(sys.argv[1:])\n"
    )
    arguments = project.arguments("--dry-run", "--quiet", configfile=name)
    options = {"cwd": project.folder, "env": project.environment, "text": True}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_functions_in_the_rules_are_few():
    """Adapters only: wildcards in, a call of the library out."""
    lines = 0
    for path in [ROOT / "Snakefile", *sorted(ROOT.glob("rules/*.smk"))]:
        depth = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            indent = len(line) - len(line.lstrip())
            if depth is not None and indent <= depth:
                depth = None
            if depth is None and line.lstrip().startswith(("def ", "async def ")):
                depth = indent
            lines += depth is not None
    assert 0 < lines < 150


def importing_files() -> list[Path]:
    """All Python files of the checkout that use the library, benchmarks and tools among them."""
    folders = ("workflow_scripts", "tests", "bench", "tools")
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [path for path in found if LIBRARY.name in path.read_text(encoding="utf-8")]


@functools.cache
def names_of(module: Path) -> set[str]:
    """Names that a module of the library has at its top, wherever they are from."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = {path.stem for path in module.parent.iterdir()} if module.stem == "__init__" else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # what is loaded lazily is named in `__all__`
    return found


def test_whatever_is_imported_from_the_library_is_there():
    """In files too that no suite imports, as the benchmarks."""
    files = importing_files()
    assert len(files) > 100
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.partition(".")[0] != LIBRARY.name:
                continue
            target = LIBRARY.parent.joinpath(*module.split("."))
            file = target / "__init__.py" if target.is_dir() else target.with_suffix(".py")
            assert file.exists(), f"{path.relative_to(ROOT)}: imports {module}"
            for alias in node.names:
                found = f"{path.relative_to(ROOT)}: imports {alias.name} of {module}"
                assert alias.name in names_of(file), found
