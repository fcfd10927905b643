"""The console command ``embedding-sensitivity``; errors are one line, with exit status 1.

Each subcommand imports what it needs when it is called: `export` runs without Snakemake, the others
without NumPy.
"""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.machine_limits import use_writable_cache

CONFIG = "config.yaml"
# Modules of the extra `workflow`.
FROM_EXTRA = ("pydantic", "pydantic_core", "snakemake", "yaml")


class Parser(argparse.ArgumentParser):
    """Raises `InputError` for bad arguments."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}: {self.prog} --help lists what there is")


def print_plan(arguments: argparse.Namespace) -> int:
    """Estimate what a config costs in disk and time."""
    from embedding_sensitivity.commands.plan import estimate

    print("\n".join(estimate(arguments.config)))
    return 0


def print_missing(arguments: argparse.Namespace) -> int:
    """List downloads and environments that a config's run lacks, and where they belong."""
    from embedding_sensitivity.commands.missing import list_missing

    lines = list_missing(arguments.config)
    print("\n".join(lines) or "nothing is missing")
    return int(bool(lines))


def verify(arguments: argparse.Namespace) -> int:
    """Compare all files of a finished run with its manifest."""
    from embedding_sensitivity.commands.verify import verify

    return verify(arguments.given)


def tidy(arguments: argparse.Namespace) -> int:
    """List files that a config no longer needs, with sizes; --delete deletes only these."""
    from embedding_sensitivity.commands.tidy import tidy

    tidy(arguments.config, arguments.delete)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Copy a model's store, with the data it refers to, into one file."""
    if not importlib.util.find_spec("h5py"):
        use_analysis_stack("h5py", "stores", "export", arguments.store, arguments.copy)
    from embedding_sensitivity.embeddings.store import export_store

    export_store(arguments.store, arguments.copy)
    return 0


def crate(arguments: argparse.Namespace) -> int:
    """Describe a finished run as a Workflow Run RO-Crate, in its folder."""
    folder = arguments.given
    if not os.path.isdir(folder):
        from embedding_sensitivity.commands.verify import find_experiment

        folder, _ = find_experiment(folder)
    if not importlib.util.find_spec("rocrate"):
        use_analysis_stack("rocrate", "workflow", "crate", folder)
    from embedding_sensitivity.commands.crate import write_crate

    print(write_crate(folder))
    return 0


def card(arguments: argparse.Namespace) -> int:
    """Set response cards side by side, and rank models where their cards compare."""
    from embedding_sensitivity.commands.cards import compare_cards, read_card

    print("\n".join(compare_cards([read_card(path) for path in arguments.cards])))
    return 0


def use_analysis_stack(module: str, extra: str, *arguments: str) -> NoReturn:
    """Replace this process by one of the analysis stack's Python, which has a module."""
    from embedding_sensitivity.commands.checkout import find_environments, is_built

    has_snakemake = importlib.util.find_spec("snakemake")
    folder = find_environments()["analysis"] if has_snakemake else None
    if not (folder and is_built(folder)):
        raise InputError(
            f"{module} is not installed: install embedding-sensitivity[{extra}], or run `make "
            "envs` in the checkout"
        )
    python = folder / "bin" / "python"
    library = Path(__file__).resolve().parents[1]
    environment = os.environ | {"PYTHONPATH": str(library)}
    os.execve(python, [str(python), "-m", __spec__.name, *arguments], environment)


def compare(arguments: argparse.Namespace) -> int:
    """Compare two finished experiments in tables and figures."""
    folder = f"results/comparisons/{arguments.a}/{arguments.b}"
    files = [f"{folder}/{name}" for name in ("summary.csv", "r2.pdf", "auc.pdf")]
    given = ["--cores", arguments.cores, "--configfile", arguments.config, "--", *files]
    return run_snakemake(given)


def write_schema(arguments: argparse.Namespace) -> int:
    """Write the JSON schema of config files, or with --card that of response cards."""
    if arguments.card:
        from embedding_sensitivity.commands.cards import SCHEMA as found
    else:
        from embedding_sensitivity.experiment.settings import schema

        found = schema()
    from embedding_sensitivity.files.atomic import replacing

    with replacing(arguments.file) as part:
        Path(part).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def run_snakemake(given: Sequence[str]) -> NoReturn:
    """Replace this process by Snakemake, with this checkout's Snakefile and default profile."""
    from embedding_sensitivity.commands.checkout import find_root
    from embedding_sensitivity.files.machine_limits import make_environment

    root = find_root()  # first: without a checkout, nothing else may be installed
    from embedding_sensitivity.commands.config_file import give_all_to_snakemake

    given = give_all_to_snakemake(given)
    chosen = ["--snakefile", str(root / "Snakefile")]
    if not any(each.split("=")[0] == "--workflow-profile" for each in given):
        chosen += ["--workflow-profile", str(root / "profiles" / "default")]
    command = [sys.executable, "-m", "snakemake", *chosen, *given]
    os.execve(sys.executable, command, make_environment())


def make_parser() -> Parser:
    parser = Parser(prog="embedding-sensitivity", description="Plan, run and check an experiment.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog=parser.prog)

    def add(name: str, function) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        added.set_defaults(function=function)
        return added

    config = {"nargs": "?", "default": CONFIG, "help": f"a config file, by default {CONFIG}"}
    add("plan", print_plan).add_argument("config", **config)
    add("missing", print_missing).add_argument("config", **config)
    help_text = "a config file, or the folder results/EXPERIMENT"
    add("verify", verify).add_argument("given", metavar="CONFIG", help=help_text)
    command = add("tidy", tidy)
    command.add_argument("config", metavar="CONFIG", help="a config file")
    command.add_argument("--delete", action="store_true", help="delete exactly what is listed")
    command = add("export", export)
    command.add_argument("store", help="results/EXPERIMENT/embeddings/MODEL.h5")
    command.add_argument("copy", help="the file to write")
    command = add("compare", compare)
    command.add_argument("a", help="an experiment's name")
    command.add_argument("b", help="the name of the one set beside it")
    command.add_argument("--config", default=CONFIG, help="any config of the checkout")
    command.add_argument("--cores", default="all")
    add("crate", crate).add_argument("given", metavar="CONFIG", help=help_text)
    help_text = "results/EXPERIMENT/cards/MODEL.json"
    add("card", card).add_argument("cards", metavar="CARD", nargs="+", help=help_text)
    command = add("schema", write_schema)
    command.add_argument("file", help="the file to write")
    command.add_argument("--card", action="store_true", help="of response cards")
    text = "Run Snakemake with this checkout's Snakefile and profile, and all arguments."
    commands.add_parser("run", help=text, add_help=False)
    return parser


def main(given: Sequence[str] | None = None) -> int:
    """Run the subcommand named first; return the exit status."""
    given = sys.argv[1:] if given is None else given
    use_writable_cache()
    try:
        if given[:1] == ["run"]:
            run_snakemake(given[1:])
        arguments = make_parser().parse_args(given)
        return arguments.function(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        if error.name not in FROM_EXTRA:
            raise
        print(
            f"error: {error.name} is not installed: install embedding-sensitivity[workflow], or "
            "use .venv/bin/embedding-sensitivity of a checkout",
            file=sys.stderr,
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
