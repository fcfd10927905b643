"""Make the weights of an untrained control, once for all jobs that use it."""

from threadpoolctl import threadpool_limits

from embedding_sensitivity.files.logs import configure_logging
from embedding_sensitivity.models import choose


def main(snakemake) -> None:
    """Write the seeded initial weights of a model."""
    configure_logging(snakemake, packages=("numpy", "scipy"))
    with threadpool_limits(snakemake.threads):
        choose(snakemake.params.model, snakemake.params.options).write_initial(snakemake.output[0])


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
