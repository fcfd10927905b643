"""Golden audio and embeddings: stored results of each effect and model for a fixed clip.

Tests fail when numbers move. If that is intended, raise the declaration's `version` and run the
test with ``GOLDEN=record`` in the environment, which writes the files again.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

FOLDER = Path(__file__).resolve().parents[2] / "golden"
# Relative L2 distance; other processors differ by a hundredth of it.
TOLERANCE = 1e-5


def read_clip() -> tuple[np.ndarray, int]:
    """Read a second of the demo's music, (44100, 2) float32, and its sample rate."""
    audio, samplerate = soundfile.read(FOLDER / "clip.flac", dtype="float32", always_2d=True)
    return audio, samplerate


def check_golden(kind: str, name: str, version: int, found: dict[str, np.ndarray]) -> None:
    """Compare arrays with those of ``tests/golden/<kind>/<name>.npz``, by name.

    `version` is the declared one; it must be that of the file.
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
                "declaration's version and record it (GOLDEN=record), or fix the code"
            )


def check_golden_model(choice, weights=None, model=None) -> None:
    """Embed the fixed clip, at its rate and at half of it, and compare with the golden file.

    All backends have the same file. `model` is the loaded model, if it is loaded already.
    """
    model = model or choice.load(weights, protocol={"clap_input": "concatenated"})
    audio, samplerate = read_clip()
    clips = {"clip": (audio, samplerate), "slower": (audio, samplerate // 2)}
    found = {}
    for name, (samples, rate) in clips.items():
        views = model.embed([model.prepare(samples, rate)])
        found |= {f"{name} {view}": rows[0] for view, rows in views.items()}
    check_golden("models", choice.name, choice.model.version, found)
