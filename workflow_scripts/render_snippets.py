"""Render what the explorer plays: a few test clips, without effect or at some levels of one."""

import json

from embedding_sensitivity.clips.clip import read_clips
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.page.snippets import choose_sounds, render_snippets


def main(snakemake) -> None:
    """Choose clips, render and encode them, and write all as JSON."""
    log = configure_logging(snakemake, packages=("numpy", "av", "soxr"))
    params, name = snakemake.params, snakemake.wildcards.sound
    clips = read_clips(snakemake.input.clips)
    chosen = choose_sounds(clips, params.labels, params.n_clips)
    levels = params.sound["levels"]
    effect = None if name == ORIGINAL else choose(name, params.sound["entry"])
    sounds = render_snippets(clips, chosen, effect, levels, params.audio)
    found = {
        "effect": name,
        "clips": {
            clip.clip: {"label": clip.label, "recording": clip.group, "seconds": clip.duration_s}
            for clip in chosen
        },
        "sounds": sounds,
    }
    with replacing(snakemake.output[0]) as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    log.info("%d clips at %d levels of %s", len(chosen), len(levels), name)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
