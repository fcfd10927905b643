"""Compare an experiment's files, and those it was made from, with its manifest.

A change of code or config is a note, not a difference: the results are still the same. Nothing is
planned or run, and no environment is needed.
"""

import os
import sys
from collections import Counter
from pathlib import Path

from embedding_sensitivity.commands.checkout import MADE_LATER, find_root, format_size
from embedding_sensitivity.commands.config_file import read_config
from embedding_sensitivity.experiment import manifest
from embedding_sensitivity.experiment.data import ARCHIVE_FOLDER, PUBLISHED_SPLIT, source_of
from embedding_sensitivity.experiment.settings import dump_settings, load_settings
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import printable

LOCK = "resources/weights.lock"
DOWNLOADS = "resources/downloads/"
# Touching makes sure that a plan reads the file again.
GIVEN = "restore it, or touch it and run again to use it as it is"
WITHOUT = "restore it, or run again without it"


class Progress:
    """Shows on a terminal how much has been read."""

    def __init__(self, total: int) -> None:
        self.total, self.read = total, 0

    def __call__(self, n_bytes: int) -> None:
        self.read += n_bytes
        if sys.stderr.isatty():
            text = f"\r{format_size(self.read)} of {format_size(self.total)} read"
            print(text, end="\x1b[K", file=sys.stderr, flush=True)

    def close(self) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


def count_bytes(found: dict, folder: str) -> int:
    """Return the bytes of all existing files that a manifest names."""
    paths = [f"{folder}/{name}" for name in found["outputs"]]
    paths += [path for section in found["inputs"].values() for path in section]
    return sum(os.path.getsize(path) for path in paths if os.path.isfile(path))


def advise(difference: manifest.Difference, found: dict, config: str) -> str:
    """Say what to do about a difference; `config` is the experiment's config file."""
    path, role = difference.path, difference.role
    source = ((found["config"].get("settings") or {}).get("data") or {}).get("source")
    if difference.kind == "not in the manifest":
        if role == "outputs":
            return "left by an earlier config (see `make tidy`), or not the workflow's"
        return f"move it elsewhere{', or run again to add it' if source == 'folder' else ''}"
    if role == "pins":
        return f"{difference.entry}: restore the line or the file that this run was made with"
    if role == "published_numbers":
        return "restore it from git"
    if role == "downloads" and path.startswith(DOWNLOADS):
        return "delete it: it is fetched again when it is needed"
    # Folders that are a single output: Snakemake makes all of it or nothing.
    is_clip_of_irmas = source == "irmas" and path.startswith(f"{ARCHIVE_FOLDER}{os.sep}")
    is_kept_audio = path.split(os.sep)[2:3] == ["audio_kept"]
    folder = (is_clip_of_irmas and ARCHIVE_FOLDER) or (is_kept_audio and os.path.dirname(path))
    delete = "" if difference.kind == "missing" else "delete it and "
    delete = f"delete {printable(folder)} and " if folder else delete
    if role == "outputs" or (source == "demo" and role in ("clips", "other_audio", "split")):
        return f"{delete}run again"
    if role == "weights" or is_clip_of_irmas or path == PUBLISHED_SPLIT:
        # A run of everything does not need it again, since what was made from it exists.
        return f"{delete}run: snakemake --configfile {config} -- {printable(folder or path)}"
    # IRMAS's audio is known by its archive: its files are not compared by a run.
    if role == "downloads" or (source == "irmas" and role != "split"):
        return "restore it"
    return WITHOUT if difference.kind == "missing" else GIVEN


def list_notes(found: dict, config: dict | None, source: str) -> list[str]:
    """Return notes on code and config that have changed since the results were made."""
    lines = []
    root, before = find_root(), found["code"]["files"]
    # What else the manifest has are the user's own files, which may lie anywhere.
    own = {os.path.normpath(os.path.join(root, name)) for name in before}
    files = {*map(os.path.normpath, manifest.code_files(root)), *filter(os.path.isfile, own)}
    code = manifest.code_version(files, root)
    changed = sorted(name for name, _ in set(before.items()) ^ set(code["files"].items()))
    changed = list(dict.fromkeys(changed))
    if changed:
        some = ", ".join(map(printable, changed[:5])) + (", ..." if len(changed) > 5 else "")
        differ = "1 file differs" if len(changed) == 1 else f"{len(changed)} files differ"
        lines.append(
            f"the code has changed since, {differ} ({some}): a run may compute other results now"
        )
    if config is not None:
        try:
            # Snakemake has the config file's path from the working directory, and so own files'.
            settings = load_settings(config, os.path.relpath(source))
            settings = source_of(settings, source).complete()
            same = dump_settings(settings) == found["config"].get("settings")
        except InputError as error:
            lines.append(f"the config cannot be compared: {error}")
        else:
            if not same:
                lines.append(f"{source} is not the config that these results were made from")
    return lines


def find_experiment(given: str) -> tuple[str, dict | None]:
    """Return an experiment's folder and config, from a config file or results/EXPERIMENT.

    The folder is relative to the one above `results`, as in the manifest; the config is None where
    a folder is given.
    """
    config = None if os.path.isdir(given) else read_config(given)
    folder = os.path.join("results", config["experiment"]) if config else os.path.normpath(given)
    if not config and os.path.dirname(folder) != "results":
        raise InputError(f"{given}: expected results/EXPERIMENT, from the folder above `results`")
    return folder, config


def verify(given: str) -> int:
    """Verify the experiment of a config file, or of a folder results/EXPERIMENT.

    Prints a line for each difference, with what to do, and a line of counts. Returns the exit
    status: 1 if there is a difference.
    """
    folder, config = find_experiment(given)
    found = manifest.read(Path(folder, manifest.NAME))
    progress = Progress(count_bytes(found, folder))
    threads = min(8, os.cpu_count() or 1)
    differences = list(manifest.compare(found, folder, LOCK, MADE_LATER, threads, progress))
    progress.close()
    for each in differences:
        advice = advise(each, found, printable(given) if config else "CONFIG")
        print(f"{each.kind}: {printable(each.path)}: {advice}")
    for line in list_notes(found, config, given):
        print(f"note: {printable(line)}")
    counts = Counter(each.kind for each in differences)
    total = len(found["outputs"]) + sum(map(len, found["inputs"].values()))
    said = ", ".join(f"{counts[kind]} {kind}" for kind in manifest.KINDS)
    print(f"{folder}: {total} files in the manifest: {said}; {format_size(progress.read)} read")
    return int(bool(differences))
