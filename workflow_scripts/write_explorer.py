"""Write the explorer: the page of a run's answers."""

import json
from pathlib import Path

from plotly.offline import get_plotlyjs

from embedding_sensitivity.experiment.tables import find_table, read_table
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.page import contents, document, snippets


def main(snakemake) -> None:
    """Read tables, snippets and figures; write the page."""
    log = configure_logging(snakemake, packages=("plotly",))
    given, params = snakemake.input, snakemake.params
    declared = {name: find_table(name) for name in contents.SHOWN}
    tables = {
        name: [row for path in _list(given[name]) for row in read_table(path, declared[name])]
        for name in contents.SHOWN
        if given.get(name)
    }
    dropped = [row for path in _list(given.dropped) for row in read_table(path, "dropped_clips")]
    run = contents.Run(
        **{key: params.run[key] for key in ("experiment", "clips", "labels", "protocol")},
        models=[contents.ModelInfo(**model) for model in params.run["models"]],
        effects=[contents.EffectInfo(**effect) for effect in params.run["effects"]],
        n_dropped=len(dropped),
    )
    provenance = json.loads(Path(given.provenance).read_text(encoding="utf-8"))
    page = document.write_document(
        contents.gather(run, tables, declared, provenance),
        get_plotlyjs(),
        snippets.merge(given.snippets, params.gains) if given.snippets else None,
        {Path(path).stem: Path(path).read_bytes() for path in given.figures},
    )
    with replacing(snakemake.output[0]) as part:
        part.write_text(page, encoding="utf-8")
    log.info("%.1f MB", len(page.encode()) / 1e6)


def _list(paths) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
