"""Fetch a model's published weights, verify them and pin their hash."""

from pathlib import Path

from embedding_sensitivity.downloads.fetch import check_commits, fetch, gunzip, pin_unpacked, place
from embedding_sensitivity.downloads.published_files import find_source, list_sources
from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.models import Model, choose, find_model

HDF5 = b"\x89HDF\r\n\x1a\n"
# OpenL3's unpacked weights have 19 MB.
MAX_BYTES = 200_000_000


def main(snakemake) -> None:
    """Fetch the weights, or use the local file in the config, and unpack them."""
    log = configure_logging(snakemake)
    output = Path(snakemake.output[0])
    resources = output.parents[1]
    model = _find(snakemake.params.model, snakemake.params.declared_in)
    source, lock = find_source(output.name, list_sources([model])), resources / "weights.lock"
    path = fetch(
        source,
        resources / "downloads",
        url=snakemake.resources.url or None,
        local=next(iter(snakemake.input.local), None),
        lock=lock,
    )
    check_commits(source, lock)
    # By the published name: a local file may have another.
    if source.file_name == f"{output.name}.gz":
        gunzip(path, output, HDF5 if output.suffix == ".h5" else b"", MAX_BYTES)
        pin_unpacked(source, output, lock)
    elif source.is_pickled:
        from embedding_sensitivity.models.hub.network import convert

        convert(path, output)
        pin_unpacked(source, output, lock)
    else:
        place(path, output)
    log.info("%s: %d bytes from %s", output, output.stat().st_size, path)


def _find(name: str, declared_in: str | dict | None) -> Model:
    """Return a model of the library, of a user's file, or of an entry."""
    if declared_in is None or isinstance(declared_in, str):
        return find_model(name, declared_in)
    return choose(name, dict(declared_in)).model


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
