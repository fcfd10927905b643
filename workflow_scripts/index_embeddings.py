"""Index the clips of embeddings made elsewhere, from the split."""

from dataclasses import asdict

from embedding_sensitivity.clips import clip_warnings, recordings
from embedding_sensitivity.clips.clip import write_clips
from embedding_sensitivity.clips.dataset import read_split
from embedding_sensitivity.experiment.embedding_files import clips_of
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the clip index (``clips.csv``) and its findings (``clips_report.csv``)."""
    log = configure_logging(snakemake)
    clips = clips_of(read_split(snakemake.input.split, keys=True), snakemake.params.labels)
    clip_warnings.write_findings(
        snakemake.output.report, clip_warnings.find([], clips, is_irmas=False)
    )
    counted = recordings.count_recordings(clips)
    write_table(snakemake.output.recordings, "recordings", map(asdict, counted))
    write_clips(snakemake.output.clips, clips)
    log.info("%d clips in the split %s", len(clips), snakemake.input.split)
    for fault in recordings.describe_faults(counted, snakemake.params.labels):
        log.warning("%s", fault)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
