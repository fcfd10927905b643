"""BEATs embeds a fixed clip as it did, or its version is another.

With untrained weights: the published ones can't be had everywhere.
"""

import upstream

from embedding_sensitivity.models import choose
from embedding_sensitivity.models.beats import model as ours
from embedding_sensitivity.models.shared.torch_model import read_checkpoint
from support import relative
from support.golden import check_golden_model, read_clip


def test_a_model_gives_the_embedding_it_gave(tmp_path):
    path = tmp_path / "weights.pt"
    choose("beats-untrained").write_initial(path)
    model = choose("beats").load(path)
    check_golden_model(choose("beats"), model=model)
    # Whole, it is what the package reads, and has the published file's number of tensors, as a
    # repository that opened that file counts them.
    package = upstream.open_beats_class().from_pretrained(str(path))
    prepared = model.prepare(*read_clip())
    (row,) = model.embed([prepared])["embedding"]
    assert relative(row, upstream.embed(package, prepared[0])) <= 1e-5
    assert len(set(read_checkpoint(path)["model"]) - set(ours.MARKING)) == 250
