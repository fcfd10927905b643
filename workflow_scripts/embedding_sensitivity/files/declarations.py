"""Load declarations: an effect or model is one file, found by its folder or named in a config."""

import hashlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from embedding_sensitivity.files.errors import InputError

T = TypeVar("T")

# UTF-8 copies of config files that Snakemake cannot read, each in a folder named by its own folder.
COPIES = Path(".snakemake", "configs")
# Names of the modules that users' files were imported as.
_OWN: set[str] = set()


def discover(package: str, attribute: str, leave_out: Collection[str] = ()) -> dict:
    """Return what each module of a package declares as `attribute`, by the modules' names.

    `leave_out` names the package's modules that declare nothing. The declarations, dataclasses,
    get their `name` and `file` here.
    """
    found = {}
    for _, name, _ in pkgutil.iter_modules(sys.modules[package].__path__):
        if name not in leave_out:
            module = importlib.import_module(f"{package}.{name}")
            declared = getattr(module, attribute)
            found[name] = replace(declared, name=name, file=Path(module.__file__))
    return found


def load_declaration(name: str, file: str, key: str, attribute: str, kind: type[T]) -> T:
    """Return what a user's Python file declares as `attribute`, an instance of `kind`.

    Parameters
    ----------
    name : that the config gives it
    file : path, relative to the working directory
    key : of the config, to blame

    Raises
    ------
    InputError
        in one line: no such file, it cannot be imported, or it declares no such thing
    """
    if not Path(file).is_file():
        raise InputError(f"{key}: {file} does not exist: give a Python file that has {attribute}")
    if Path(file).suffix != ".py":
        raise InputError(f"{key}: {file} does not end in .py: give a Python file with {attribute}")
    try:
        module = load_module(file)
    except Exception as error:
        line = f", line {number}" if (number := _line(error, file)) else ""
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{key}: {file}{line} cannot be imported ({reason}): correct it; at its top it may "
            "import the standard library and this library's contract alone"
        ) from error
    declared = getattr(module, attribute, None)
    if not isinstance(declared, kind):
        raise InputError(
            f"{key}: {file} has no {attribute} = {kind.__name__}(...): declare it there "
            "(CONTRIBUTING.md has a whole file)"
        )
    return replace(declared, name=name, file=Path(file))


def locate_config_copy(path: str) -> Path:
    """Return where the UTF-8 copy of a config file is written."""
    # Points too, since `.` and `..` are no names.
    folder = quote(os.path.dirname(path) or ".", safe="").replace(".", "%2E")
    return COPIES / folder / os.path.basename(path)


def find_config_folder(path: str) -> str:
    """Return the folder of a config file or, of a UTF-8 copy, of what it is a copy of.

    Empty for the working directory.
    """
    folder = os.path.dirname(path)
    if os.path.dirname(folder) == str(COPIES):
        folder = unquote(os.path.basename(folder))
    return "" if folder == "." else folder


def locate_own_files(entry: Any, folder: str) -> Any:
    """Return an entry of a config whose `file`, `environment` and `onnx` start at a `folder`.

    In the result they are named from the working directory; those of effects `before` and `after`
    too. Whatever isn't a path stays, for others to check.
    """
    if isinstance(entry, list):
        return [locate_own_files(each, folder) for each in entry]
    if not isinstance(entry, dict):
        return entry
    found = dict(entry)
    for key in ("before", "after"):
        if key in entry:
            found[key] = locate_own_files(entry[key], folder)
    own = {key: entry.get(key) for key in ("file", "environment", "onnx")}
    if not is_own_environment(own["environment"]):
        del own["environment"]  # the stem of one of the workflow's
    for key, path in own.items():
        if isinstance(path, str) and path:
            found[key] = os.path.join(folder, path)
    return found


def is_own_environment(environment: Any) -> bool:
    """Whether an environment is a user's YAML, not a stem of the folder ``envs``."""
    return isinstance(environment, str) and environment.endswith((".yaml", ".yml"))


def find_environment_file(environment: str, root: str | os.PathLike) -> Path:
    """Return the YAML of an environment: the path of a user's, or a stem of ``root/envs``."""
    if is_own_environment(environment):
        return Path(environment)
    return Path(root, "envs", f"{environment}.yaml")


def load_module(file: str) -> ModuleType:
    """Import a Python file by its path, once in a process."""
    path = Path(file).resolve()
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        _OWN.add(name)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _line(error: Exception, file: str) -> int | None:
    """The line of a file at which an error was raised, or that a syntax error names."""
    if isinstance(error, SyntaxError):
        return error.lineno
    path, line = str(Path(file).resolve()), None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = number
    return line


def find_own_line(error: BaseException) -> str | None:
    """Return the last line of a user's file that an error came through; None if of none."""
    found = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") in _OWN:
            found = f"{os.path.relpath(frame.f_code.co_filename)}, line {number}"
    return found


def later(module: str, function: str) -> Callable:
    """Return a function of a module that is imported when it is called."""

    def call(*arguments: Any) -> Any:
        return getattr(importlib.import_module(module), function)(*arguments)

    return call
