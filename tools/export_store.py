"""Copy a model's store (results/<experiment>/embeddings/<model>.h5) into one self-contained file.

Run with the Python of envs/analysis.yaml: export_store.py results/demo/embeddings/musicnn.h5 to.h5
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from embedding_sensitivity.embeddings.store import export_store
from embedding_sensitivity.files.errors import InputError


def main() -> int:
    """Export, or say in one line why not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path, help="the model's store")
    parser.add_argument("destination", type=Path, help="the file to write")
    arguments = parser.parse_args()
    try:
        export_store(arguments.store, arguments.destination)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
