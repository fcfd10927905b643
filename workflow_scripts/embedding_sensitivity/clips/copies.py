"""Find lossless copies among clips: other containers, bit depths, tags, silence at either end."""

from collections.abc import Mapping, Sequence

import numpy as np

from embedding_sensitivity.clips.audio import read_clip
from embedding_sensitivity.clips.clip import STEP, Clip

# Of a mono mix: its peak, the sum of its absolute values, its products with itself at these lags.
# Silence before and after changes none of them, and a step of 16 bits little.
Traits = tuple[float, ...]
LAGS = (0, 1, 3, 10, 30, 100, 300, 1000)
# Copies differ by less than this, rounding of float32 included.
MAX_DIFFERENCE = 1.001 * STEP


def traits_of(mono: np.ndarray) -> Traits:
    """Return what copies have in common but for rounding, from a clip's mono mix."""
    mono = np.ascontiguousarray(mono)
    sizes = np.abs(mono)
    products = (np.dot(mono[: max(0, len(mono) - lag)], mono[lag:]) for lag in LAGS)
    return (float(sizes.max()), float(sizes.sum()), *map(float, products))


def find_copies(clips: Sequence[Clip], traits: Mapping[str, Traits]) -> list[tuple[Clip, Clip]]:
    """Return pairs of a training and a test clip whose audio is equal within a 16-bit step.

    Files with the same bytes are left out. `traits`, by clip, rule out nearly all pairs; the others
    are read.
    """
    train, test = ([clip for clip in clips if clip.split == part] for part in ("train", "test"))
    if not train or not test:
        return []
    known = np.array([traits[clip.clip] for clip in train])
    frames = np.array([clip.frames for clip in train])
    found = []
    for clip in test:
        mine = np.array(traits[clip.clip])
        # n samples that differ by a step at most, s: of a sum of values by n s, of products by
        # 2 s (sum of values) + n s^2; and a little for sums in float32.
        n = frames + clip.frames
        limits = np.empty_like(known)
        limits[:, 0] = STEP
        limits[:, 1] = n * STEP
        limits[:, 2:] = (2 * STEP * mine[1] + n * STEP**2)[:, None]
        limits += 1e-5 * np.abs(mine[[0, 1, *[2] * len(LAGS)]])
        near = (np.abs(known - mine) <= limits).all(axis=1)
        found += [
            (train[row], clip)
            for row in np.flatnonzero(near)
            if train[row].sha256 != clip.sha256 and _are_copies(train[row], clip)
        ]
    return found


def _are_copies(one: Clip, other: Clip) -> bool:
    """Whether two clips are the same audio, shifted, with nothing heard before or after it."""
    from scipy.signal import correlate

    a, b = read_clip(one), read_clip(other)
    mixes = [audio.mean(axis=1, dtype=np.float64) for audio in (a, b)]
    shift = int(correlate(*mixes, method="fft").argmax()) - (len(b) - 1)
    # `b` starts `shift` frames after the start of `a`.
    start = min(0, shift)
    both = np.zeros((2, max(len(a), shift + len(b)) - start, a.shape[1]), np.float32)
    both[0, -start : len(a) - start] = a
    both[1, shift - start : shift - start + len(b)] = b
    return bool(np.abs(both[0] - both[1]).max() <= MAX_DIFFERENCE)
