"""Index the experiment's clips and check every one of them before anything is computed."""

from sensitivity.clips import write_clips
from sensitivity.dataset import read_split
from sensitivity.index import index_clips
from sensitivity.logs import configure_logging


def main(snakemake) -> None:
    """Write the clip index (``clips.csv``)."""
    log = configure_logging(snakemake, packages=("soundfile", "scikit-learn"))
    split_file = list(snakemake.input.split)  # empty where the split is generated
    clips = index_clips(
        paths=list(snakemake.input.audio),
        split=read_split(split_file[0]) if split_file else None,
        labels=snakemake.params.labels,
        samplerate=snakemake.params.samplerate,
        channels=snakemake.params.channels,
        keep_unsplit=snakemake.params.keep_unsplit,
    )
    write_clips(snakemake.output[0], clips)
    log.info("%d clips, %d in the split", len(clips), sum(bool(clip.split) for clip in clips))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
