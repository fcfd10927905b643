"""What the suites share; on the path of each, whatever its environment has."""

from embedding_sensitivity.commands.mock_snakemake import mock_snakemake
from support.audio import chord, relative

__all__ = ["chord", "mock_snakemake", "relative"]
