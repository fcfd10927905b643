"""The inner loops of rendering, compiled by Numba; imported only where they run (it takes 0.6 s).

NumPy has no pass that quantises in one go, and SciPy's loop over samples waits for each channel's
recursion in turn. Neither leaves room for 90 % of the bare library's rate; both are held to those
libraries' results bit for bit by tests.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def quantise(audio, pcm):
    """Fill `pcm`, (frames, channels) int16; see `audio.to_pcm16` for the formula."""
    for channel in range(audio.shape[1]):
        for frame in range(audio.shape[0]):
            sample = np.float64(np.float32(audio[frame, channel]))
            # Clipping first is the same, as -1.0 and anything below it end as -32768.
            sample = min(max(sample, -1.0), 1.0)
            pcm[frame, channel] = np.int32(np.rint(sample * 2147483647.0)) >> 16


@numba.njit(nogil=True, cache=True)
def filter_stereo(sections, audio, filtered):
    """Fill `filtered`, (2, frames) float64, with ``scipy.signal.sosfilt(sections, audio)``.

    The same operations in the same order for each channel, both channels at a time.
    """
    n_sections = len(sections)
    state = np.zeros((n_sections, 2, 2))
    for frame in range(audio.shape[1]):
        left, right = np.float64(audio[0, frame]), np.float64(audio[1, frame])
        for s in range(n_sections):
            b0, b1, b2 = sections[s, 0], sections[s, 1], sections[s, 2]
            a1, a2 = sections[s, 4], sections[s, 5]
            left_out = b0 * left + state[s, 0, 0]
            right_out = b0 * right + state[s, 0, 1]
            state[s, 0, 0] = b1 * left - a1 * left_out + state[s, 1, 0]
            state[s, 0, 1] = b1 * right - a1 * right_out + state[s, 1, 1]
            state[s, 1, 0] = b2 * left - a2 * left_out
            state[s, 1, 1] = b2 * right - a2 * right_out
            left, right = left_out, right_out
        filtered[0, frame] = left
        filtered[1, frame] = right
