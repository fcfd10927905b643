"""Resample as resampy 0.2.2 does with its filter ``kaiser_best``, in polyphase form.

resampy interpolates its filter for every output sample. With a rational ratio of rates only a few
phases occur; here each is computed once, which takes a sixth of the time for 44.1 to 48 kHz. For
most rates the result is within 5e-8 of resampy's, relative to the norm. `polyphase_filter`
describes the exceptions above 48 kHz.
"""

from functools import lru_cache
from math import gcd

import numpy as np

# The filter: a sinc with its cut-off at `ROLLOFF` times Nyquist under a Kaiser window, tabulated.
# Source: the documentation of resampy 0.2.2, module `resampy.filters`.
N_ZEROS = 64
N_PER_ZERO = 512
BETA = 14.769656459379492
ROLLOFF = 0.9475937167399596


def half_filter() -> np.ndarray:
    """Return the right half of the filter, with 512 points between zero crossings: (32769,)."""
    time = np.arange(N_ZEROS * N_PER_ZERO + 1) / N_PER_ZERO
    window = np.i0(BETA * np.sqrt(1 - (time / N_ZEROS) ** 2)) / np.i0(BETA)
    return window * ROLLOFF * np.sinc(ROLLOFF * time)


@lru_cache(maxsize=4)
def polyphase_filter(up: int, down: int) -> np.ndarray:
    """Return the filter with `up` points for each input sample, centred: (2 n up + 1,).

    As in resampy, it is interpolated linearly, and for a lower target rate the step between input
    samples is truncated to whole points of the table. If that truncates much, as for 88.2 to
    48 kHz, a sample's weight jumps where it passes an output sample. Rounding decides on which side
    of the jump resampy is, so results can differ by 1e-4.
    """
    scale = min(1.0, up / down)
    table = half_filter() * scale
    step = int(scale * N_PER_ZERO)
    n_taps = len(table) // step + 1
    phase = np.arange(up)
    points = np.arange(len(table))

    def taps(fraction: np.ndarray) -> np.ndarray:
        """Return weights of samples on one side, the nearest `fraction` away: (up, n_taps)."""
        offset = fraction * scale * N_PER_ZERO
        position = offset[:, None] + step * np.arange(n_taps)
        used = np.arange(n_taps) < (len(table) - offset.astype(int)[:, None]) // step
        return np.where(used, np.interp(position, points, table, right=0.0), 0.0)

    # The distances to the nearest samples on the left and right add up to 1.
    left = taps(phase / up).T.ravel()
    right = taps(1 - phase / up)[::-1].T.ravel()
    return np.concatenate([right[::-1], left, [0.0]])


def resample(signal: np.ndarray, samplerate: int, target: int) -> np.ndarray:
    """Resample (n,) to (floor(n target / samplerate),) float64.

    The filter takes 1 kB for each of the target / gcd(samplerate, target) phases, or
    samplerate / target times that. At equal rates only the type is converted.
    """
    from scipy.signal import upfirdn

    signal = np.asarray(signal, np.float64)
    if samplerate == target:
        return signal
    ratio = float(target) / samplerate
    length = int(len(signal) * ratio)
    if not length:
        return np.zeros(0)
    common = gcd(samplerate, target)
    up, down = target // common, samplerate // common
    kernel = polyphase_filter(up, down)
    # Zeros in front make the output centred on the first sample one that is kept.
    centre = len(kernel) // 2
    before = -centre % down
    kernel = np.concatenate([np.zeros(before), kernel])
    start = (centre + before) // down
    return upfirdn(kernel, signal, up, down)[start : start + length]
