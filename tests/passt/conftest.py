"""An untrained checkpoint for the tests of PaSST."""

from pathlib import Path

import pytest

from embedding_sensitivity.models import choose


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A file as the published one, untrained."""
    path = tmp_path_factory.mktemp("weights") / choose("passt").weights_file
    choose("passt-untrained").write_initial(path)
    return path
