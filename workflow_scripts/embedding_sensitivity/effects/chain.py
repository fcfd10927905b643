"""What a config puts around an effect: fixed effects before and after, and the clip's loudness."""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

from embedding_sensitivity.effects import Effect
from embedding_sensitivity.files.errors import InputError

# The shortest clip of which LUFS is defined, in seconds (a block of ITU-R BS.1770-4).
MIN_LUFS_S = 0.4
MAX_LUFS_CHANNELS = 5
# Its filter has a corner at 1682 Hz, which half the sample rate has to exceed.
MIN_LUFS_SAMPLERATE = 4000


class Chain:
    """Effects one after the other on a clip, then a gain where the clip's loudness is to stay."""

    def __init__(
        self, processes: Sequence[Callable], samplerate: int, match: Callable | None
    ) -> None:
        self.processes = processes
        self.samplerate = samplerate
        self.match = match

    def __call__(self, audio):
        effected = audio
        for process in self.processes:
            effected = process(effected)
        return self.match(audio, effected, self.samplerate) if self.match else effected

    def reset(self) -> None:
        for process in self.processes:
            if hasattr(process, "reset"):
                process.reset()


def make_chain(
    effects: Sequence[tuple[Effect, float | None]],
    match: str,
    level: float,
    samplerate: int,
    **drawn: Any,
) -> Chain:
    """Return the function that applies several effects to a clip.

    Parameters
    ----------
    effects : each with its fixed level; that with None gets `level`
    match : ``none``, or the measure by which the result gets the clip's loudness: ``rms``, ``lufs``
    drawn : `seed` and `other` of the clip, for those that need them
    """
    processes = []
    for number, (effect, fixed) in enumerate(effects):
        needed = {}
        if effect.needs_seed:
            needed["seed"] = mix_seeds(drawn["seed"], 0 if fixed is None else number + 1)
        if effect.needs_other:
            needed["other"] = drawn["other"]
        value = level if fixed is None else fixed
        processes.append(_in_float32(effect.build(value, samplerate, **needed)))
    return Chain(processes, samplerate, MATCHES.get(match))


def make_seeded(make: Callable, number: int, level: float, samplerate: int, **options: Any):
    """Return what `make` does with the clip's seed changed by the config's `number`."""
    options["seed"] = mix_seeds(options["seed"], number)
    return make(level, samplerate, **options)


def make_varying(make: Callable, vary: str, fixed: float, level: float, samplerate: int, **options):
    """Return what `make` does where another parameter than its level varies: that is `fixed`."""
    return make(fixed, samplerate, **options, **{vary: level})


def mix_seeds(seed: int, number: int) -> int:
    """Return a seed of 32 bits that differs with both; `seed` itself for number 0."""
    if not number:
        return seed
    return int(hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:8], 16)


def _in_float32(process: Callable) -> Callable:
    """What an effect returns as the next one gets it."""
    import numpy as np

    def convert(audio):
        return np.asarray(process(audio), np.float32)

    if hasattr(process, "reset"):
        convert.reset = process.reset
    return convert


def _match_rms(audio, effected, samplerate: int):
    """Give `effected` the RMS of `audio`."""
    import numpy as np

    before, after = (math.sqrt(np.mean(np.square(x, dtype=float))) for x in (audio, effected))
    if after == 0:
        raise InputError("a clip comes back silent, so that no gain gives it its RMS: match: none")
    return effected * np.float32(before / after)


def _match_lufs(audio, effected, samplerate: int):
    """Give `effected` the loudness of `audio`."""
    import numpy as np

    before, after = (measure_lufs(each, samplerate) for each in (audio, effected))
    return effected * np.float32(10 ** ((before - after) / 20))


def measure_lufs(audio, samplerate: int) -> float:
    """Return the integrated loudness of a clip, (frames, channels), in LUFS (ITU-R BS.1770-4).

    Raises `InputError` where it has none: of less than 0.4 s or 4000 Hz, or quieter than -70 LUFS
    throughout.
    """
    import numpy as np
    import pyloudnorm

    seconds, channels = len(audio) / samplerate, audio.shape[1]
    if seconds < MIN_LUFS_S or channels > MAX_LUFS_CHANNELS or samplerate < MIN_LUFS_SAMPLERATE:
        raise InputError(
            f"LUFS is defined from {MIN_LUFS_S:g} s and {MIN_LUFS_SAMPLERATE} Hz, and up to "
            f"{MAX_LUFS_CHANNELS} channels, a clip has {seconds:.3g} s, {samplerate} Hz and "
            f"{channels}: leave it out, or for `match: lufs` set match: rms"
        )
    # The filters of this name are the standard's own; the package's default is 0.04 LU off.
    meter = pyloudnorm.Meter(samplerate, filter_class="DeMan")
    found = meter.integrated_loudness(np.asarray(audio, np.float64))
    if not math.isfinite(found):
        raise InputError(
            "a clip is under -70 LUFS, where no loudness is defined: leave it out, or for "
            "`match: lufs` set match: rms"
        )
    return float(found)


MATCHES: dict[str, Callable] = {"rms": _match_rms, "lufs": _match_lufs}
