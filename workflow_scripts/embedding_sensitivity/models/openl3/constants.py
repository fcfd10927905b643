"""Constants of OpenL3's front ends and networks, from its package."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Representation(NamedTuple):
    """A network's input: rows are bands of Slaney's mel scale, or else the transform's bins.

    Frames start within a window: of a mel spectrogram all hops, with silence after the window; of
    a linear one those that the window completes.
    """

    n_fft: int
    n_rows: int
    n_frames: int
    is_mel: bool


REPRESENTATIONS = {
    "mel128": Representation(2048, 128, 199, True),
    "mel256": Representation(2048, 256, 199, True),
    "linear": Representation(512, 257, 197, False),
}
CONTENT_TYPES = ("music", "env")
# The last block's output is reduced to its maxima over a grid in frequency and time.
GRIDS = {512: (1, 1), 6144: (4, 3)}
SAMPLERATE = 48000
WINDOW = SAMPLERATE
WINDOW_HOP = SAMPLERATE // 10
HOP = 242
MIN_POWER = 1e-10
RANGE_DB = 80.0
EPSILON = 1e-3
# Channels in and out of each convolution; every second one ends a block.
CHANNELS = (1, 64, 64, 128, 128, 256, 256, 512, 512)
N_BLOCKS = 4


def name_weights(options: Mapping[str, Any]) -> str:
    """Return the name of the published file of weights; an untrained control has no content."""
    content = options.get("content_type", CONTENT_TYPES[0])
    return f"openl3_audio_{options['input_repr']}_{content}-v0_4_0.h5"
