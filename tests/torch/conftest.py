"""Audio, checkpoints and the upstream packages for the tests of the models on PyTorch."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
from upstream import audio_tagging_class, forbidden, msclap_class

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.shared import torch_model
from support import chord

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "audio"
# Where the published weights are, under their published names.
PUBLISHED = Path(os.environ.get("SENSITIVITY_WEIGHTS", ROOT / "resources" / "weights"))


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> list[Path]:
    """WAV files: made up, and 3 s of recordings where there are any beside the checkout."""
    folder = tmp_path_factory.mktemp("clips")
    made_up = {
        "stereo": (chord(3), 44100),
        "short_mono": (chord(1.3, seed=1, channels=1), 44100),
    }
    for name in ("medley_solos_validation_3", "Fl-ord-C4-mf-N-T14d"):
        if (RECORDINGS / f"{name}.wav").exists():
            audio, samplerate = soundfile.read(RECORDINGS / f"{name}.wav", always_2d=True)
            clip = np.resize(audio, (3 * samplerate, audio.shape[1])).astype(np.float32)
            made_up[name] = clip, samplerate
    for name, (audio, samplerate) in made_up.items():
        soundfile.write(folder / f"{name}.wav", audio, samplerate, subtype="FLOAT")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """Function from a model to its untrained checkpoint, calibrated on 2 clips instead of 64."""
    folder = tmp_path_factory.mktemp("weights")

    def path_of(model: str) -> Path:
        path = folder / choose(model).weights_file
        if not path.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch_model, "N_PINK_CLIPS", 2)
                choose(f"{model}-untrained").write_initial(path)
        return path

    return path_of


@pytest.fixture(params=["untrained", "published"])
def checkpoint(request, untrained):
    """Function from a model to a checkpoint; where the published one is absent, a skip."""

    def path_of(model: str) -> Path:
        if request.param == "untrained":
            return untrained(model)
        path = PUBLISHED / choose(model).weights_file
        if not path.exists():
            pytest.skip(f"no {path.name} in resources/weights or the folder $SENSITIVITY_WEIGHTS")
        return path

    return path_of


@pytest.fixture
def audio_tagging(monkeypatch):
    """PANNs' ``AudioTagging`` where it can't download."""
    monkeypatch.setattr(os, "system", forbidden)
    return audio_tagging_class()


@pytest.fixture
def msclap():
    """msclap's ``CLAP``; Python's generator, which it draws from, is put back."""
    state = random.getstate()
    yield msclap_class()
    random.setstate(state)
