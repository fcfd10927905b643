"""Render the demo's clips and write their split."""

import csv
from pathlib import Path

from embedding_sensitivity.clips.demo_music import compose, demo_clips
from embedding_sensitivity.clips.demo_synthesis import Player, find_soundfont, render, write_wav
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.cells import escaped
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.files.progress import progress

SPLIT_COLUMNS = ("instrument", "genre", "file_name", "split")


def main(snakemake) -> None:
    """Play every clip of the config's `data` section, then write the split."""
    log = configure_logging(snakemake, packages=("numpy", "tinysoundfont", "pretty_midi"))
    demo = snakemake.params.demo
    clips = demo_clips(
        demo["labels"], demo["train"], demo["test"], demo["parts_per_group"], demo["seed"]
    )
    paths = {Path(path).name: path for path in snakemake.output.clips}
    if set(paths) != {clip.file_name for clip in clips}:
        raise ValueError("the rule's output names other clips than the config's data section")

    soundfont = find_soundfont()
    player = Player(soundfont)
    for clip in progress(clips, desc="render demo clips", unit="clip"):
        music = compose(
            clip, demo["seed"], demo["accompaniment_db"], demo["accompaniment_spread_db"]
        )
        write_wav(paths[clip.file_name], render(player, music))
    log.info("%d clips played on %s", len(clips), soundfont)

    with (
        replacing(snakemake.output.split) as part,
        open(part, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SPLIT_COLUMNS)
        for clip in clips:
            writer.writerow(map(escaped, (clip.label, clip.genre, clip.clip, clip.split)))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821  (injected by Snakemake)
