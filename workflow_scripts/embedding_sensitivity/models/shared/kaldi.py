"""Import packages over torchaudio's module `compliance.kaldi`, without torchaudio itself.

No release of torchaudio loads beside the torch of the environments: its library is compiled for an
older one. That module is Python, and all that the networks here need of the package.
"""

from types import ModuleType

from embedding_sensitivity.models.shared.torch_model import import_bare


def import_with_kaldi(name: str, *stand_ins: ModuleType) -> ModuleType:
    """Import a module as `import_bare` does; it finds `compliance.kaldi` alone in torchaudio."""
    kaldi = import_bare("torchaudio.compliance.kaldi")
    torchaudio, compliance = ModuleType("torchaudio"), ModuleType("torchaudio.compliance")
    torchaudio.compliance, compliance.kaldi = compliance, kaldi
    return import_bare(name, torchaudio, compliance, kaldi, *stand_ins)
