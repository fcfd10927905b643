"""Check and index all clips before anything is computed."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from embedding_sensitivity.clips import clip_warnings, irmas, recordings
from embedding_sensitivity.clips.clip import in_split, write_clips
from embedding_sensitivity.clips.dataset import Listing, list_folder, read_columns, read_split
from embedding_sensitivity.clips.index import index_clips
from embedding_sensitivity.experiment.clip_index import NAME, record_index
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.content import read_stat
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.logs import NOTE, configure_logging


def main(snakemake) -> None:
    """Write the clip index (``clips.csv``) and its findings (``clips_report.csv``)."""
    log = configure_logging(snakemake, packages=("soundfile", "av", "soxr", "scikit-learn"))
    params = snakemake.params
    paths, split_file = list(snakemake.input.audio), list(snakemake.input.split)
    if params.irmas:
        if params.local_folder:
            log.log(NOTE, "%s", irmas.LICENCE)
        paths = irmas.find_clips(paths[0])
    # A file put there by hand is not downloaded, so it is checked here.
    if params.split_sha256 and sha256_of(split_file[0]) != params.split_sha256:
        raise InputError(
            f"{split_file[0]}: not the authors' split, whose SHA-256 is {params.split_sha256}: "
            "delete it and run again, or name a split of your own in data.split"
        )
    paths += params.unreadable
    columns = read_columns(split_file[0]) if split_file else ()
    group = recordings.compile_group(params.group, columns)
    seen = {path: read_stat(path) for path in paths}  # before they are read
    clips, silent, dropped, copies, left_out = index_clips(
        paths=paths,
        # None if the split is generated.
        split=read_split(split_file[0], params.group) if split_file else None,
        labels=params.labels,
        samplerate=params.samplerate,
        channels=params.channels,
        keep_unsplit=params.keep_unsplit,
        irmas_folder=params.irmas and params.local_folder,
        on_bad_clip=params.on_bad_clip,
        convert=params.convert,
        analysed=params.analysed,
        folder=params.folder,
        group=group,
    )
    passed_over = (list_folder(params.folder) if params.folder else Listing()).passed_over
    found = clip_warnings.find(
        paths, clips, params.irmas, silent, dropped, copies, passed_over, left_out
    )
    counted = recordings.count_recordings(clips, all_named=params.group is not None)
    clip_warnings.write_findings(snakemake.output.report, found)
    write_table(snakemake.output.dropped, "dropped_clips", map(asdict, dropped))
    write_table(snakemake.output.recordings, "recordings", map(asdict, counted))
    write_clips(snakemake.output.clips, clips)
    record_index(
        Path(snakemake.output.clips).with_name(NAME),
        params.made_by,
        params.identity,
        params.decided,
        clips,
        {} if params.irmas else seen,
        params.rendered_by,
    )
    if dropped:
        log.warning(
            "%d bad clips of %d files were left out (data.on_bad_clip: drop): %s has the reasons",
            len(dropped),
            len(paths),
            snakemake.output.dropped,
        )
    if copies:
        log.warning(
            "%d test clips are lossless copies of training clips: %s names them",
            len({test.clip for _, test in copies}),
            snakemake.output.report,
        )
    n_embedded = len(in_split(clips))
    log.info(
        "%d files, %d in the split (%s)",
        len(paths),
        n_embedded,
        split_file[0] if split_file else "generated",
    )
    if params.folder:
        log.log(
            NOTE,
            "%d files below %s: %d embedded, %d of audio left out, %d bad clips, %d passed over as "
            "no audio (%s has the reasons)",
            len(paths) + len(passed_over),
            params.folder,
            n_embedded,
            len(left_out),
            len(dropped),
            len(passed_over),
            snakemake.output.report,
        )
    for fault in recordings.describe_faults(counted, params.analysed):
        log.warning("%s", fault)
    for finding, count in sorted(Counter(entry.finding for entry in found).items()):
        log.info("%s: %d clips (%s)", finding, count, clip_warnings.MEANINGS[finding])


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
