"""Find what a script imports from the library, and hash what a module computes."""

import ast
import atexit
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.content import read_stat
from embedding_sensitivity.files.errors import InputError

LIBRARY = "embedding_sensitivity"
FOLDER = Path(__file__).resolve().parents[1]
# Fields of a syntax tree that differ between versions of Python, or compute nothing.
_SKIPPED = {"ctx", "kind", "type_params", "type_comment", "returns", "annotation"}
# Fields of a declaration that compute. Its version, packages and options are part of an identity by
# themselves; its parameter, range, cost or licence change no sample.
_COMPUTING = {"Effect": {"make", "options", "frames_at"}, "Model": {"load", "initial"}}
_LOGGERS = {"log", "logging", "logger", "warnings"}
# Parsing takes a third of a second of each plan, so digests and imports are cached beside Python's
# bytecode, under the hash of the parsed text.
_KEPT = FOLDER / "__pycache__" / "source_code.json"


def module_file(name: str) -> Path:
    """Return the file of a module of the library, from its dotted name."""
    path = FOLDER.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def numeric_digest(files: Iterable[Path]) -> str:
    """Return a SHA-256 of what Python files compute together, whatever their names and order."""
    digests = sorted({_digest(Path(file)) for file in files})
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


@functools.cache
def _digest(path: Path) -> str:
    return _remember("digest", path.read_text(encoding="utf-8"), code_digest)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _memory() -> dict[str, dict]:
    """Return the cache of earlier plans; it is written when this process ends."""
    of_this = _hash(Path(__file__).read_text(encoding="utf-8"))
    memory = {"of": of_this, "digest": {}, "imports": {}, "files": "", "scripts": {}}
    with suppress(OSError, ValueError):
        kept = json.loads(_KEPT.read_text(encoding="utf-8"))
        memory = kept if kept.get("of") == of_this else memory
    before = json.dumps(memory)

    def keep() -> None:
        text = json.dumps(memory)
        # In a read-only checkout each plan parses again.
        if text != before:
            with suppress(OSError, InputError), replacing(_KEPT, lasting=False) as part:
                part.write_text(text, encoding="utf-8")

    atexit.register(keep)
    return memory


def _remember(kind: str, text: str, find: Callable) -> str | list[str]:
    found = _memory()[kind]
    key = _hash(text)
    if key not in found:
        found[key] = find(text)
    return found[key]


def code_digest(code: str) -> str:
    """Return a SHA-256 of what a module's code computes.

    Comments, docstrings, annotations, imports from the library, error and log messages, and what a
    declaration says for people do not count; a progress bar counts as what it iterates over. The
    hash is the same under Python 3.11 and later.
    """
    tree = ast.parse(code)
    tree = _Numeric(_imported_modules(tree)).visit(tree)
    return hashlib.sha256(repr(_plain(tree)).encode()).hexdigest()


def _imported_modules(tree: ast.AST) -> set[str]:
    """Return the names under which a module imports modules of the library."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _of_library(node.module or ""):
            for alias in node.names:
                if module_file(f"{node.module}.{alias.name}").exists():
                    names.add(alias.asname or alias.name)
    return names


def _of_library(name: str) -> bool:
    return name.partition(".")[0] == LIBRARY


class _Numeric(ast.NodeTransformer):
    """Removes from a syntax tree what no number depends on."""

    def __init__(self, modules: set[str]) -> None:
        self.modules = modules

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if _of_library(node.module or "") else node

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        node.names = [alias for alias in node.names if not _of_library(alias.name)]
        return node if node.names else None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):  # a docstring
            return None
        call = node.value.func if isinstance(node.value, ast.Call) else None
        owner = call.value if isinstance(call, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id in _LOGGERS:
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=raised if isinstance(raised, ast.Name) else None, cause=None)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "progress" and node.args:
            return self.visit(node.args[0])
        if isinstance(node.func, ast.Name) and node.func.id in _COMPUTING:
            kept = _COMPUTING[node.func.id]
            node.keywords = [keyword for keyword in node.keywords if keyword.arg in kept]
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        # `module.name` counts as `name`, so that a module can be renamed.
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return ast.Name(id=node.attr, ctx=node.ctx)
        return self.generic_visit(node)


def _plain(node: object) -> object:
    """Return a syntax tree as tuples, without empty fields: Python versions differ in these."""
    if isinstance(node, ast.Constant):
        return "Constant", type(node.value).__name__, repr(node.value)
    if isinstance(node, ast.AST):
        fields = (
            (name, _plain(value))
            for name, value in ast.iter_fields(node)
            if name not in _SKIPPED and value not in (None, [])
        )
        return type(node).__name__, *fields
    if isinstance(node, list):
        return tuple(_plain(each) for each in node)
    return node


# The path of a file, and the names of its functions that are called.
Called = tuple[Path, tuple[str, ...]]


def find_code_files(folder: Path, script: str, *chosen: str | Called) -> set[Path]:
    """Return a script and all library modules that it depends on.

    Parameters
    ----------
    folder : folder of the scripts, with the library below it
    script : a file in `folder`, without ending
    chosen : modules that the script picks by name when it runs, as
        ``embedding_sensitivity/models/logmel``; or a file and the functions in it that the script
        calls: what only its other functions import is left out
    """
    called = [name for name in chosen if isinstance(name, tuple)]
    found = {folder / f"{name}.py" for name in (script, *chosen) if isinstance(name, str)}
    waiting = list(found)
    for path, functions in called:
        waiting += find_imports(folder, path, functions) - found
        found |= {path, *waiting}
    while waiting:
        new = find_imports(folder, waiting.pop()) - found
        found |= new
        waiting += new
    return found


def script_digest(folder: Path, script: str, *chosen: str | Called) -> str:
    """Return a SHA-256 of what a script computes with all modules of `find_code_files`.

    The cached hash is used as long as no file of the library has changed.
    """
    memory, files = _memory(), _state_of(folder)
    if memory["files"] != files:
        memory["files"], memory["scripts"] = files, {}
    named = [(*each, read_stat(each[0])) if isinstance(each, tuple) else each for each in chosen]
    key = _hash(repr((script, named)))
    if key not in memory["scripts"]:
        memory["scripts"][key] = numeric_digest(find_code_files(folder, script, *chosen))
    return memory["scripts"][key]


@functools.cache
def _state_of(folder: Path) -> str:
    paths = map(str, sorted(folder.rglob("*.py")))
    return _hash(repr([(path, read_stat(path)) for path in paths]))


@functools.cache
def find_imports(
    folder: Path, path: Path, functions: tuple[str, ...] | None = None
) -> frozenset[Path]:
    """Return the library modules below `folder` that a Python file imports.

    With `functions`, leave out what only other functions import.
    """
    code = path.read_text(encoding="utf-8")
    if functions is None:
        names = _remember("imports", code, _imported_names)
    else:
        of_functions = f"# {functions}\n{code}"
        names = _remember("imports", of_functions, lambda _: _imported_names(code, functions))
    return frozenset().union(*(_files_of(folder, name) for name in names))


@functools.cache
def _files_of(folder: Path, name: str) -> frozenset[Path]:
    """Return the files that run when a dotted name is imported: its module and packages."""
    target = folder.joinpath(*name.split("."))
    # Without the library's own package, which imports lazily.
    packages = {above for above in (target, *target.parents) if folder / LIBRARY in above.parents}
    files = {target.with_suffix(".py"), *(package / "__init__.py" for package in packages)}
    return frozenset(file for file in files if file.exists())


def _imported_names(code: str, functions: tuple[str, ...] | None = None) -> list[str]:
    """Return the dotted names of modules or their attributes that code imports from the library."""
    names = set()
    body = ast.parse(code).body
    for node in _statements(body if functions is None else _find_reached(body, functions)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return sorted(name for name in names if name.startswith(f"{LIBRARY}."))


def _find_reached(body: list[ast.AST], functions: tuple[str, ...]) -> list[ast.AST]:
    """Return a module's statements without functions that `functions` never call."""
    defined = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    kept = [node for node in body if not isinstance(node, ast.FunctionDef)]
    waiting = [name for name in functions if name in defined]
    while waiting:
        node = defined.pop(waiting.pop(), None)
        if node is not None:
            kept.append(node)
            waiting += [
                name.id
                for name in ast.walk(node)
                if isinstance(name, ast.Name) and name.id in defined
            ]
    return kept


def _statements(body: list[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements and those inside them, but no expressions, which hold no import."""
    for node in body:
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, block, []))
