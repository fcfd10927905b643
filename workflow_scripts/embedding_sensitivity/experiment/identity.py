"""What a model's embeddings depend on, as eight digits that are part of their files' names."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from embedding_sensitivity import models
from embedding_sensitivity.effects import effect_named
from embedding_sensitivity.experiment.settings import Settings, model_options


def identity_of(
    settings: Settings, model: str, effect: str | None, files: Iterable[str], weights: str | None
) -> str:
    """Return eight digits that change with all that a model's embeddings of some audio depend on.

    Those are its name, options, backend, protocol and weights, the code and the environment that
    it runs in. Being part of the names of an effect's parts, they keep these from going stale: a
    part's audio is shared with other models and deleted since, and making it anew would embed it
    with all of them.

    Parameters
    ----------
    effect : the effect that is embedded, None of the original clips
    files : the code and the environment's files
    weights : the file of the weights, None where they are inside a package, or there are none
    """
    options = model_options(settings, model)
    return fingerprint(
        [models.identity(model, options), model_protocol(settings, model, effect), weights], files
    )


def initial_weights(settings: Settings, model: str, files: Iterable[str]) -> str:
    """Return the file of an untrained model's weights, by its seed and by what makes them.

    Parameters
    ----------
    files : the code and the environment's files that make the weights
    """
    seed = model_options(settings, model)["seed"]
    made_by = fingerprint([model, seed], files)
    return f"resources/weights/{model}_seed{seed}.{made_by}{models.model_info(model).ending}"


def audio_protocol(settings: Settings, effect: str) -> dict[str, Any]:
    """Return the switches of the protocol that the effected audio depends on."""
    protocol = {"audio": settings.protocol.audio}
    if effect_named(effect).stateful:
        protocol["reverb_state"] = settings.protocol.reverb_state
    return protocol


def model_protocol(settings: Settings, model: str, effect: str | None) -> dict[str, Any]:
    """Return the switches that a model's embeddings of an effect depend on, or of the originals."""
    switches = settings.protocol.model_dump(include=set(models.model_info(model).switches))
    return {**(audio_protocol(settings, effect) if effect else {}), **switches}


def fingerprint(what: list, files: Iterable[str]) -> str:
    """Return eight digits that change with `what`, and with names and bytes of files, in order."""
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    for file in files:
        digest.update(
            f"{Path(file).name} {hashlib.sha256(Path(file).read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()[:8]
