"""Write the attributes of all stores: what their embeddings were made from."""

import json

from embedding_sensitivity.embeddings.store import read_header
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.logs import configure_logging


def provenance(store: str) -> dict:
    """Return a store's attributes, decoded from JSON."""
    attributes = read_header(store).attributes
    return {
        key: json.loads(value) if value.startswith("{") else value
        for key, value in attributes.items()
    }


def main(snakemake) -> None:
    """Write the attributes of all stores."""
    configure_logging(snakemake)
    stores = [provenance(path) for path in snakemake.input.stores]
    with replacing(snakemake.output[0]) as part:
        part.write_text(json.dumps(stores, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
