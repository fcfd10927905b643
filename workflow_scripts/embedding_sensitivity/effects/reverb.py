"""The reverberation of ``pedalboard.Reverb`` (Freeverb).

Grids in use: room size 0.01 to 1 (the paper); `{start: 0.01, stop: 1, step: 0.03}`, the paper's.
With `reverb_state: carried`, the paper's protocol, a clip starts in the tail of the one before it.
"""

from embedding_sensitivity.effects import Effect, Parameter


class Reverb:
    """``pedalboard.Reverb`` of one room size, which goes on from clip to clip until it is reset."""

    def __init__(self, level: float, samplerate: int, **options: float) -> None:
        import pedalboard

        self.board = pedalboard.Pedalboard([pedalboard.Reverb(room_size=level, **options)])
        self.samplerate = samplerate
        self.channels = 0

    def __call__(self, audio):
        if self.channels != audio.shape[1]:
            self._prepare(audio.shape[1])
        return self.board.process(audio.T, self.samplerate, reset=False).T

    def reset(self) -> None:
        self.board.reset()

    def _prepare(self, channels: int) -> None:
        # pedalboard works in blocks of 8192 frames, or of the clip's length if that is less, and
        # forgets its state at the first block that is longer than all before: so give it one.
        import numpy as np

        self.board.process(np.zeros((channels, 8192), np.float32), self.samplerate, reset=False)
        self.channels = channels


EFFECT = Effect(
    parameter="room size",
    unit="",
    decimals=2,
    range=(0.0, 1.0),
    # No level is neutral: the dry level is not 1, so that room size 0 changes a clip too.
    mild_end="low",
    options={"damping": 0.5, "wet_level": 0.33, "dry_level": 0.4, "width": 1.0},
    parameters={
        "damping": Parameter("damping", "", (0.0, 1.0), mild_end="low"),
        "wet_level": Parameter("wet level", "", (0.0, 1.0), mild_end="low"),
        "dry_level": Parameter("dry level", "", (0.0, 1.0), mild_end="high"),
        "width": Parameter("width", "", (0.0, 1.0), mild_end="low"),
    },
    make=Reverb,
    stateful=True,
    max_channels=2,  # pedalboard returns any further channel as it was
    seconds=1 / 170,
    packages=("numpy", "pedalboard"),
)
