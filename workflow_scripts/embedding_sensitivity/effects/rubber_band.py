"""Time and pitch changed apart from each other, by Rubber Band (``pedalboard.time_stretch``)."""

from embedding_sensitivity.files.errors import InputError

# It loses the sound of shorter clips, and returns nothing under some 200 samples.
MIN_FRAMES = 500


def stretch(audio, samplerate: int, **options):
    """Return a clip, (frames, channels), as ``pedalboard.time_stretch`` changes it."""
    import numpy as np
    import pedalboard

    if len(audio) < MIN_FRAMES:
        raise InputError(
            f"a clip of {len(audio)} samples is too short for Rubber Band, which needs "
            f"{MIN_FRAMES}: leave it out"
        )
    return pedalboard.time_stretch(np.ascontiguousarray(audio.T), samplerate, **options).T
