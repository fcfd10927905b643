"""Render the demo's clips and write their split."""

from pathlib import Path

from embedding_sensitivity.clips.demo_music import compose, demo_clips
from embedding_sensitivity.clips.demo_synthesis import Player, find_soundfont, render, write_wav
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.csv_files import write_rows
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.files.progress import progress


def main(snakemake) -> None:
    """Play every clip of the config's `data` section, then write the split."""
    log = configure_logging(snakemake, packages=("numpy", "tinysoundfont", "pretty_midi"))
    demo = snakemake.params.demo
    clips = demo_clips(
        demo["labels"], demo["train"], demo["test"], demo["parts_per_group"], demo["seed"]
    )
    paths = {Path(path).name: path for path in snakemake.output.clips}
    if set(paths) != {clip.file_name for clip in clips}:
        raise ValueError("the rule's outputs are not the clips of the config's data section")

    soundfont = find_soundfont()
    player = Player(soundfont)
    for clip in progress(clips, desc="render demo clips", unit="clip"):
        music = compose(
            clip, demo["seed"], demo["accompaniment_db"], demo["accompaniment_spread_db"]
        )
        write_wav(paths[clip.file_name], render(player, music))
    log.info("%d clips played on %s", len(clips), soundfont)

    rows = [
        {
            "instrument": clip.label,
            "genre": clip.genre,
            "file_name": clip.clip,
            "split": clip.split,
        }
        for clip in clips
    ]
    write_rows(snakemake.output.split, tuple(rows[0]), rows)
    with replacing(snakemake.output.identity) as part:
        part.write_text(snakemake.params.identity, encoding="utf-8")


if __name__ == "__main__":
    main(snakemake)  # noqa: F821  (injected by Snakemake)
