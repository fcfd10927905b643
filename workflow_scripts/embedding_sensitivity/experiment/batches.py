"""Which batches of levels a model's embeddings of an effect are in, of those on the disk too."""

from pathlib import Path

from embedding_sensitivity.effects.levels import plan_batches
from embedding_sensitivity.experiment.settings import Settings


def batches_of(
    settings: Settings, results: str | Path, model: str, effect: str, identity: str
) -> list[str]:
    """Return names of the batches that hold a model's embeddings at an effect's levels.

    Parameters
    ----------
    results : folder of the experiment's results
    identity : what the embeddings depend on (`identity.identity_of`)
    """
    audio = Path(results, "audio", effect)
    return plan_batches(
        settings.grid(effect),
        settings.extra(effect),
        settings.levels_per_job,
        embedded(results, effect, model, identity),
        {name for name in embedded(results, effect) if not Path(audio, f"{name}.h5").exists()},
    )


def embedded(results: str | Path, effect: str, model: str = "*", identity: str = "*") -> set[str]:
    """Return names of an effect's batches that earlier runs embedded, by default with any model."""
    found = Path(results, "embeddings").glob(f"{model}/{effect}/[!.]*.{identity}.h5")
    return {path.name.rsplit(".", 2)[0] for path in found}
