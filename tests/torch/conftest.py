"""Audio, checkpoints and the upstream packages for the tests of the models on PyTorch."""

import ast
import os
import random
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from sensitivity.models import model_info, torch_model, write_initial

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "audio"
# Where the published weights are, under their published names.
PUBLISHED = Path(os.environ.get("SENSITIVITY_WEIGHTS", ROOT / "resources" / "weights"))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Relative L2 difference."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def chord(seconds: float, samplerate: int = 44100, seed: int = 0, channels: int = 2) -> np.ndarray:
    """A decaying chord over noise, another in each channel: (frames, channels) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * samplerate)) / samplerate
    tones = rng.uniform(100, 3000, (6, channels))
    audio = np.sin(2 * np.pi * tones * time[:, None, None]).mean(axis=1) * np.exp(-time)[:, None]
    return (0.5 * audio + 0.01 * rng.standard_normal(audio.shape)).astype(np.float32)


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
        path = folder / model_info(model).weights_file
        if not path.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch_model, "N_PINK_CLIPS", 2)
                write_initial(f"{model}-untrained", {}, path)
        return path

    return path_of


@pytest.fixture(params=["untrained", "published"])
def checkpoint(request, untrained):
    """Function from a model to a checkpoint; where the published one is absent, a skip."""

    def path_of(model: str) -> Path:
        if request.param == "untrained":
            return untrained(model)
        path = PUBLISHED / model_info(model).weights_file
        if not path.exists():
            pytest.skip(f"no {path.name} in resources/weights or the folder $SENSITIVITY_WEIGHTS")
        return path

    return path_of


def forbidden(*args, **options):
    raise AssertionError(f"upstream's own download was called: {args}")


def module(name: str, **contents) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(contents)
    return made


def imported_over(name: str, stand_ins: list[ModuleType]) -> ModuleType:
    """A package, whole, imported over stand-ins; neither stays imported."""
    with pytest.MonkeyPatch.context() as patch:
        for stand_in in stand_ins:
            patch.setitem(sys.modules, stand_in.__name__, stand_in)
        try:
            return __import__(name)
        finally:
            for imported in [n for n in sys.modules if n.partition(".")[0] == name]:
                del sys.modules[imported]


@pytest.fixture
def audio_tagging(monkeypatch):
    """PANNs' ``AudioTagging``: all of it the package's but the labels that it would download."""
    monkeypatch.setattr(os, "system", forbidden)
    labels = module("panns_inference.config", labels=[""] * 527, classes_num=527)
    drawing = [module("matplotlib"), module("matplotlib.pyplot")]
    return imported_over("panns_inference", [labels, *drawing]).AudioTagging


def _read_flat_yaml(text: str, Loader=None) -> dict:
    """``yaml.load`` of msclap's configs, lines of ``key: value  # comment``."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    pairs = (line.split(": ", 1) for line in lines if line)
    return {key: ast.literal_eval(value.strip()) for key, value in pairs}


def _load_audio(path: str) -> tuple[torch.Tensor, int]:
    audio, samplerate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(audio.T.copy()), samplerate


@pytest.fixture
def msclap_of():
    """msclap's ``CLAP`` of a checkpoint and version, its ``__init__`` and ``load_clap`` included.

    Stand-ins are: torchaudio, whose ``load`` here is soundfile's; the text tower and its tokeniser,
    which are empty; the hub, which refuses; PyYAML.
    """
    empty = SimpleNamespace(from_pretrained=lambda name: torch.nn.Identity())
    tokeniser = SimpleNamespace(add_special_tokens=lambda tokens: None)
    torchaudio = module("torchaudio", load=_load_audio)
    torchaudio.transforms = module("torchaudio.transforms", Resample=forbidden)
    stand_ins = [
        torchaudio,
        torchaudio.transforms,
        module(
            "transformers",
            AutoModel=empty,
            AutoTokenizer=SimpleNamespace(from_pretrained=lambda name: tokeniser),
            GPT2LMHeadModel=None,
            logging=SimpleNamespace(set_verbosity_error=lambda: None),
        ),
        module("huggingface_hub"),
        module("huggingface_hub.file_download", hf_hub_download=forbidden),
        module("yaml", load=_read_flat_yaml, FullLoader=None),
    ]

    def build(path: Path, version: str):
        return imported_over("msclap", stand_ins).CLAP(str(path), version=version, use_cuda=False)

    state = random.getstate()
    yield build
    random.setstate(state)
