"""Any plugin of pedalboard, one of its parameters being the level."""

from collections.abc import Callable
from typing import Any


def make_plugin(
    plugin: str,
    vary: str | None,
    level: float,
    samplerate: int,
    *,
    neutral: float | None = None,
    **options: Any,
) -> Callable:
    """Return a function that applies a plugin to a clip, from silence.

    Parameters
    ----------
    plugin : name of a class of pedalboard
    vary : the keyword that `level` is given by; None: all are in `options`
    neutral : the level at which a clip comes back as it is; pedalboard's filters then round
    options : its other keywords; words are names of an enumeration's members
    """
    import pedalboard

    if level == neutral:
        return lambda audio: audio
    made_by = getattr(pedalboard, plugin)
    given = {**options, **({vary: level} if vary else {})}
    for key, word in given.items():
        if isinstance(word, str):
            words = made_by.Mode if key == "mode" else pedalboard.Resample.Quality
            given[key] = getattr(words, word)

    def process(audio):
        # A new one a clip: it has no state of another clip, and serves one thread.
        return made_by(**given).process(audio.T, samplerate).T

    return process
