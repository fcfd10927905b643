"""Golden audio and embeddings: what each effect and model made of a fixed clip, kept in files.

They fail when numbers move. Where that is meant, the declaration's `version` goes up, and
``GOLDEN=record`` in the environment of a test run writes the files anew.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

FOLDER = Path(__file__).resolve().parents[2] / "golden"
# Relative L2 distance; another processor's last bits are two orders below.
TOLERANCE = 1e-5


def read_clip() -> tuple[np.ndarray, int]:
    """A second of the demo's music, (44100, 2) float32, and its sample rate."""
    audio, samplerate = soundfile.read(FOLDER / "clip.flac", dtype="float32", always_2d=True)
    return audio, samplerate


def check_golden(kind: str, name: str, version: int, found: dict[str, np.ndarray]) -> None:
    """Compare arrays with those of ``tests/golden/<kind>/<name>.npz``, by their names.

    Parameters
    ----------
    version : as declared; the file has the one that it was recorded with
    """
    path = FOLDER / kind / f"{name}.npz"
    if os.environ.get("GOLDEN") == "record":
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, version=version, **found)
    if not path.exists():
        pytest.fail(f"no golden file of {name}: run this test once with GOLDEN=record, commit it")
    with np.load(path) as golden:
        assert golden["version"] == version, f"{name}: record version {version}: GOLDEN=record"
        assert set(golden.files) - {"version"} == set(found)
        for key, array in found.items():
            expected = golden[key].astype(np.float64)
            distance = np.linalg.norm(array - expected) / np.linalg.norm(expected)
            assert array.shape == expected.shape and distance <= TOLERANCE, (
                f"{name}, {key}: {distance:.1e} from what version {version} gave: raise the "
                "declaration's version and record it (GOLDEN=record), or mend the code"
            )


def check_golden_model(choice, weights=None, model=None) -> None:
    """Embed the fixed clip with a model, as it is and at half its rate, and compare.

    Every backend is compared with the same file. `model` is the loaded one, where it is.
    """
    model = model or choice.load(weights, protocol={"clap_input": "concatenated"})
    audio, samplerate = read_clip()
    clips = {"clip": (audio, samplerate), "slower": (audio, samplerate // 2)}
    found = {}
    for name, (samples, rate) in clips.items():
        views = model.embed([model.prepare(samples, rate)])
        found |= {f"{name} {view}": rows[0] for view, rows in views.items()}
    check_golden("models", choice.name, choice.model.version, found)
