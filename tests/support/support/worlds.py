"""Simulated worlds whose answer is known: embeddings of recordings under an effect.

Recordings of several clips, as arrays (P, N, d) with the clips' recordings; a power-law covariance,
noise that a recording's clips share in part, and slopes that vary by recording. What varies between
worlds is how clips respond to the level:

``straight``, ``curved``, ``saturating``
    along one common direction, in proportion to the level, its square, or a saturation
``own``
    each recording along a direction of its own
``rotation``
    each recording turns in a plane of its own
``walk``
    each clip goes a random way of its own, smoothly
``scatter``
    in no direction at all: each level of each clip in its own, the farther the higher the level
``clusters``
    each level has a place of its own, common to all clips, in no order
``alike``
    each level of each recording has a place of its own, common to the recording's clips
``nothing``
    no response to the level: noise alone

`simulate` makes of a world for each label the data that measures are computed from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from embedding_sensitivity.embeddings.effect_data import EffectData

# How far along the common direction a level (0 to 1) moves.
COURSES = {
    "straight": lambda level: level,
    "curved": lambda level: level**2,
    "saturating": lambda level: np.tanh(4 * level),
}
WORLDS = (*COURSES, "own", "rotation", "walk", "scatter", "clusters", "alike", "nothing")


@dataclass(frozen=True)
class World:
    """How clips respond, and what is fixed for all samples of it.

    kind : of `WORLDS`
    strength : length of the response against the noise of a point
    shared : share of the noise, in variance, that a recording's clips have in common
    spread : standard deviation over recordings of the logarithm of the response's length
    seed : of what is fixed: directions, places of levels
    """

    kind: str
    n_levels: int = 6
    dimension: int = 96
    strength: float = 1.0
    shared: float = 0.5
    spread: float = 0.2
    seed: int = 0

    def _fixed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(self.seed)
        scales = np.arange(1, self.dimension + 1) ** -0.5
        scales *= np.sqrt(self.dimension / (scales**2).sum())
        direction = rng.normal(size=self.dimension)
        places = rng.normal(size=(self.n_levels, self.dimension))
        fixed = scales, direction / np.linalg.norm(direction), places / np.sqrt(self.dimension)
        return tuple(each.astype(np.float32) for each in fixed)

    def draw(
        self, n_recordings: int, n_clips: int, rng: np.random.Generator, prefix: str = "r"
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Originals (N, d), effected (P, N, d), and the recordings (N,) of N clips."""
        scales, direction, places = self._fixed()
        d, root = self.dimension, np.sqrt(self.dimension)
        of_clip = np.repeat(np.arange(n_recordings), n_clips)

        def draw_clips(*shape):
            return rng.standard_normal((*shape, len(of_clip), d), np.float32)

        def draw_recordings(*shape):
            return rng.standard_normal((*shape, n_recordings, d), np.float32)[..., of_clip, :]

        originals = scales * (draw_recordings() + 0.7 * draw_clips())
        noise = np.sqrt(1 - self.shared) * draw_clips(self.n_levels)
        noise += np.sqrt(self.shared) * draw_recordings(self.n_levels)
        level = np.linspace(0, 1, self.n_levels)[:, None, None]
        slopes = np.exp(self.spread * rng.normal(size=(n_recordings, 1)))[of_clip]
        if self.kind in COURSES:
            response = COURSES[self.kind](level) * slopes * direction
        elif self.kind == "own":
            response = level * slopes * draw_recordings() / root
        elif self.kind == "rotation":
            turned = np.cos(np.pi * level) * draw_recordings()
            response = (turned + np.sin(np.pi * level) * draw_recordings()) / root
        elif self.kind == "walk":
            response = np.cumsum(draw_clips(self.n_levels), axis=0) / root
        elif self.kind == "scatter":
            response = level * slopes * draw_clips(self.n_levels) / root
        elif self.kind == "clusters":
            response = places[:, None]
        elif self.kind == "alike":
            response = draw_recordings(self.n_levels) / root
        else:
            response = np.zeros((self.n_levels, 1, d))
        effected = originals + self.strength * root * response + 0.5 * scales * noise
        groups = [f"{prefix}{recording}" for recording in of_clip]
        return originals, effected, groups


@dataclass(frozen=True)
class SimulatedData(EffectData):
    """Embeddings in memory.

    points : (M, d) and (P, M, d), float32, of the clips in `rows`
    place_of : (d,), what each label's clips have in common
    """

    points: tuple[np.ndarray, np.ndarray] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    place_of: Mapping[str, np.ndarray] = field(default_factory=dict)

    def effected(self, clips: Sequence[str]) -> np.ndarray:
        """Embeddings of `clips` at every level, float32 (P, n, d)."""
        return self.points[1][:, [self.rows[clip] for clip in clips]]

    def originals(self, clips: Sequence[str]) -> np.ndarray:
        """Embeddings of the uneffected `clips`, float32 (n, d)."""
        return self.points[0][[self.rows[clip] for clip in clips]]


def simulate(
    worlds: Mapping[str, World],
    training: tuple[int, int],
    test: tuple[int, int],
    rng: np.random.Generator,
) -> SimulatedData:
    """Draw clips of every label: numbers of recordings, and of clips each, of both splits."""
    clips, group_of, originals, effected = {"train": {}, "test": {}}, {}, [], []
    place_of = {label: 0.5 * rng.normal(size=each.dimension) for label, each in worlds.items()}
    for label, world in worlds.items():
        for split, size in (("train", training), ("test", test)):
            drawn = world.draw(*size, rng, prefix=f"{label}-{split}-")
            originals.append(drawn[0] + place_of[label])
            effected.append(drawn[1] + place_of[label])
            names = [f"{group}-{index}" for index, group in enumerate(drawn[2])]
            clips[split][label] = names
            group_of |= dict(zip(names, drawn[2], strict=True))
    n_levels = len(effected[0])
    return SimulatedData(
        effected_path="",
        original_path="",
        levels=[str(level) for level in range(1, n_levels + 1)],
        neutral=np.zeros(n_levels, bool),
        labels=list(worlds),
        training=clips["train"],
        test=clips["test"],
        group_of=group_of,
        mild_end="low",
        points=(
            np.concatenate(originals).astype(np.float32),
            np.concatenate(effected, axis=1).astype(np.float32),
        ),
        rows={clip: row for row, clip in enumerate(group_of)},
        place_of=place_of,
    )
