"""Download IRMAS's training set, or use a local copy of the archive, and unpack it."""

from pathlib import Path

from embedding_sensitivity.clips import irmas
from embedding_sensitivity.downloads.fetch import fetch
from embedding_sensitivity.downloads.published_files import SOURCES
from embedding_sensitivity.downloads.unpack import extract
from embedding_sensitivity.files.logs import NOTE, configure_logging


def main(snakemake) -> None:
    """Write the folder of IRMAS's clips, with a folder for each label."""
    log = configure_logging(snakemake)
    log.log(NOTE, "%s", irmas.LICENCE)
    folder = Path(snakemake.output[0])
    archive = fetch(
        SOURCES["irmas"],
        folder.parent / "downloads",
        url=snakemake.params.url,
        local=next(iter(snakemake.input.local), None),
    )
    left_out = extract(archive, folder, irmas.find_clip_path)
    if left_out:
        log.info("%d files of the archive are not clips: %s", len(left_out), ", ".join(left_out))
    log.info("%d clips", len(irmas.find_clips(folder)))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
