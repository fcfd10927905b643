"""Write each model's response card, and draw its page."""

import json
from pathlib import Path

import matplotlib

from embedding_sensitivity import __version__
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.commands.cards import build_card, format_threshold
from embedding_sensitivity.experiment.manifest import hash_text
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.card import FONT, draw_card
from embedding_sensitivity.figures.style import rc_of, save_figure, use_titles
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the card of each model as JSON, PDF and PNG."""
    log = configure_logging(snakemake, packages=("matplotlib",))
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    tables = {name: read_table(given[name], name) for name in params.tables}
    stores = json.loads(Path(given.provenance).read_text(encoding="utf-8"))
    clips = [clip for clip in in_split(read_clips(given.clips)) if clip.label in params.labels]
    rows = [(c.clip, c.label, c.group, c.split, c.sha256, c.split_row) for c in clips]
    about = {**params.about, "clips_sha256": hash_text(rows), "workflow_version": __version__}
    for model, *files in zip(params.models, made.cards, made.pdf, made.png, strict=True):
        card = build_card(model, tables, stores, about)
        with replacing(files[0]) as part:
            part.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        thresholds = {
            name: [format_threshold(each, effect["unit"]) for each in effect["retrieval_threshold"]]
            for name, effect in card["effects"].items()
        }
        with use_titles(params.titles), matplotlib.rc_context(rc_of({"font_size": FONT})):
            save_figure(draw_card(card, thresholds, params.titles[model]), files[1:])
    log.info("%d cards", len(params.models))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
