"""CLAP's first version (Elizalde et al., 2022), CNN14 of the package msclap, 1024 values a clip."""

from embedding_sensitivity.models.clap import declare_version

MODEL = declare_version("2022", 0.3)
