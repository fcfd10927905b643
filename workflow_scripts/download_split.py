"""Download the authors' split of IRMAS."""

from pathlib import Path

from embedding_sensitivity.downloads.fetch import fetch, place
from embedding_sensitivity.downloads.published_files import SOURCES
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Write the split file as it was published."""
    configure_logging(snakemake)
    output = Path(snakemake.output[0])
    place(fetch(SOURCES["split"], output.parent / "downloads", snakemake.params.url), output)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
