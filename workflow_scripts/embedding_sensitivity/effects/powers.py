"""Sounds added at a ratio of powers."""

from embedding_sensitivity.files.errors import InputError


def power_of(audio) -> float:
    """Return the mean square over frames and channels."""
    import numpy as np

    return float(np.mean(np.square(audio), dtype=np.float64))


def add_at_ratio(audio, added, ratio_db: float, what: str):
    """Return a clip with `added`, which gets the clip's power less `ratio_db`.

    Raises `InputError` for an `added` of silence, called `what`.
    """
    import numpy as np

    power = power_of(added)
    if power == 0:
        raise InputError(f"{what} is silent, so that no gain gives the ratio: leave it out")
    return audio + added * np.float32((power_of(audio) / power / 10 ** (ratio_db / 10)) ** 0.5)
