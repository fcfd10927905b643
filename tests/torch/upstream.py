"""The upstream packages as their authors call them, for tests and bench/bench_torch.py.

All of their code runs that audio goes through; what stands in for the rest is said where it does.
"""

import ast
import sys
from types import ModuleType, SimpleNamespace

import soundfile
import torch


def forbidden(*args, **options):
    raise AssertionError(f"upstream's own download was called: {args}")


def module(name: str, **contents) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(contents)
    return made


def imported_over(name: str, stand_ins: list[ModuleType]) -> ModuleType:
    """A package, whole, imported over stand-ins; neither stays imported."""
    over = {stand_in.__name__: stand_in for stand_in in stand_ins}
    before = {key: sys.modules[key] for key in over if key in sys.modules}
    sys.modules.update(over)
    try:
        return __import__(name)
    finally:
        for key in [k for k in sys.modules if k in over or k.partition(".")[0] == name]:
            del sys.modules[key]
        sys.modules.update(before)


def audio_tagging_class() -> type:
    """PANNs' ``AudioTagging``: all of it the package's but the labels that it would download."""
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


def msclap_class() -> type:
    """msclap's ``CLAP``, its ``__init__`` and ``load_clap`` included.

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
    return imported_over("msclap", stand_ins).CLAP
