"""What a run would have to download, so that it can be brought where there is no network."""

import os
from collections.abc import Iterable
from pathlib import Path

from embedding_sensitivity.downloads.fetch import lack
from embedding_sensitivity.downloads.sources import SOURCES, Source, source_of
from embedding_sensitivity.experiment.settings import Settings


def missing_downloads(outputs: Iterable[str | os.PathLike], settings: Settings) -> list[str]:
    """One line on each download that isn't there, or isn't the right file, and what to do.

    `outputs` are the files and folders that are to be made, whatever they are;
    ``<resources>/downloads`` and ``<resources>/weights.lock`` are found beside them.
    """
    lines = {}
    for output in map(Path, outputs):
        if source := source_of(output.name):
            above = output.parents[1] if output.parent.name == "weights" else output.parent
            lines[source.name] = lack(
                source, above / "downloads", _local(source, settings), above / "weights.lock"
            )
    return [lines[name] for name in SOURCES if lines.get(name)]


def _local(source: Source, settings: Settings) -> str | None:
    """The file that the config names in place of a download."""
    if source.name == "irmas":
        return settings.data.local
    # Of the split none: where `data.split` names a file, the published one isn't made.
    return (settings.models.get(source.name) or {}).get("weights")
