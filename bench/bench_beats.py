# environment: beats
"""Clips a second of BEATs: the package's own call and ours; one process, one thread.

The clip is one of the demo's. Both read the file and resample it. Weights are untrained.
"""

import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and PyTorch are imported
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "beats"))

import upstream
from material import compare_untrained


def load_upstream(weights: Path):
    """Return the package's call on samples."""
    whole = upstream.open_beats_class().from_pretrained(weights)
    return lambda samples: upstream.embed(whole, samples)


if __name__ == "__main__":
    print(compare_untrained("beats", 16000, load_upstream))
